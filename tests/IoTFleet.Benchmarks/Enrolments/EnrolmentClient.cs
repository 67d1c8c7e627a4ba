using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace IoTFleet.Benchmarks.Enrolments;

/// <summary>A device that speaks just enough HTTP, so that the machine's time goes to the server.</summary>
internal sealed class EnrolmentClient(int port, X509Certificate2 root, string token)
{
    /// <summary>One for all, so that OpenSSL's context is made once. The server gives no tickets, so each handshake is a whole one.</summary>
    private readonly SslClientAuthenticationOptions _tls = new() { TargetHost = "localhost", CertificateChainPolicy = Trusting(root) };

    public Connection Open(bool keeps) => new(this, keeps);

    private static X509ChainPolicy Trusting(X509Certificate2 root)
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck, DisableCertificateDownloads = true };
        policy.CustomTrustStore.Add(root);
        return policy;
    }

    private async Task<SslStream> ConnectAsync()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync("127.0.0.1", port);
        var tls = new SslStream(new NetworkStream(socket, ownsSocket: true));
        await tls.AuthenticateAsClientAsync(_tls);
        return tls;
    }

    private byte[] Request(string id, string csr)
    {
        var basic = Convert.ToBase64String(Encoding.UTF8.GetBytes($"{id}:{token}"));
        return Encoding.ASCII.GetBytes(
            $"POST /.well-known/est/simpleenroll HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {basic}\r\nContent-Type: application/pkcs10\r\nContent-Length: {csr.Length}\r\n\r\n{csr}");
    }

    internal sealed class Connection(EnrolmentClient client, bool keeps) : IAsyncDisposable
    {
        private readonly byte[] _buffer = new byte[16 * 1024];
        private SslStream? _tls;

        public async Task EnrolAsync(string id, string csr)
        {
            _tls ??= await client.ConnectAsync();
            await _tls.WriteAsync(client.Request(id, csr));
            var read = 0;
            while (!IsWhole(_buffer.AsSpan(0, read)))
            {
                var more = await _tls.ReadAsync(_buffer.AsMemory(read));
                if (more == 0) throw new IOException("The server closed the connection.");
                read += more;
            }
            if (!_buffer.AsSpan(0, read).StartsWith("HTTP/1.1 200"u8)) throw new IOException(Encoding.UTF8.GetString(_buffer, 0, read));
            if (!keeps) await DisposeAsync();
        }

        public async ValueTask DisposeAsync()
        {
            if (_tls is not null) await _tls.DisposeAsync();
            _tls = null;
        }

        private static bool IsWhole(ReadOnlySpan<byte> answer)
        {
            var end = answer.IndexOf("\r\n\r\n"u8);
            if (end < 0) return false;
            var length = answer[(answer.IndexOf("Content-Length: "u8) + 16)..];
            return System.Buffers.Text.Utf8Parser.TryParse(length, out int body, out _) && answer.Length >= end + 4 + body;
        }
    }
}
