using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;

namespace IoTFleet.Benchmarks.Hostile;

/// <summary>Ways to the server, from an address of choice within the loopback range.</summary>
internal static class Link
{
    public static async Task<Socket> ConnectAsync(int port, int source, CancellationToken cancellationToken)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            socket.Bind(new IPEndPoint(new IPAddress([127, 0, 2, (byte)(1 + source % 250)]), 0));
            await socket.ConnectAsync(IPAddress.Loopback, port, cancellationToken);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    public static async Task<SslStream> SecureAsync(Socket socket, SslClientAuthenticationOptions options, CancellationToken cancellationToken)
    {
        var tls = new SslStream(new NetworkStream(socket, ownsSocket: true));
        try
        {
            await tls.AuthenticateAsClientAsync(options, cancellationToken);
            return tls;
        }
        catch
        {
            await tls.DisposeAsync();
            throw;
        }
    }

    public static SslClientAuthenticationOptions OptionsOf(X509Certificate2 certificate) => new()
    {
        TargetHost = "127.0.0.1",       // not a name: no handshake is shortened by an earlier session
        ClientCertificateContext = SslStreamCertificateContext.Create(certificate, null, offline: true),
        RemoteCertificateValidationCallback = (_, _, _, _) => true,     // the server is what is measured
    };
}
