using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using IoTFleet.Benchmarks.Brokers;
using IoTFleet.Pki;

namespace IoTFleet.Benchmarks.Load;

/// <summary>One MQTT 3.1.1 client over mutual TLS 1.3, with as little code between the load and the socket as there can be.</summary>
internal sealed class LoadClient : IDisposable
{
    public const int PayloadLength = 200;
    public const string NumberDigits = "1000000000";
    private const byte PubAck = 0x40;
    private const byte Publish = 0x30;

    private static int _address;

    private readonly SslStream _tls;
    private readonly byte[] _ack = [PubAck, 2, 0, 0];
    private byte[] _input = new byte[512];
    private byte[] _output = [];
    private int _payloadAt;
    private int _numberAt;
    private int _number = 1_000_000_000;       // no leading zeros, which JSON does not know
    private int _filled;
    private ushort _packetId;

    private LoadClient(SslStream tls) => _tls = tls;

    /// <summary>PUBACK, PUBREC, SUBACK, PINGRESP: what answers this client.</summary>
    public int Answers { get; private set; }

    /// <summary>Called for each message that comes: its payload.</summary>
    public Action<ReadOnlySpan<byte>>? Received { get; set; }

    /// <summary>When a message with this id was sent, for how long its answer took.</summary>
    public long[]? SentAt { get; set; }

    public Latencies? AnswerTimes { get; set; }

    public static SslClientAuthenticationOptions Options(string folder)
    {
        using var key = PemFile.ReadKey(BrokerCertificates.DeviceKey(folder));
        using var certificate = PemFile.ReadCertificate(BrokerCertificates.DeviceFile(folder));
        return new SslClientAuthenticationOptions
        {
            TargetHost = "127.0.0.1",       // not a name: so that no handshake is shortened by an earlier session's ticket
            EnabledSslProtocols = SslProtocols.Tls13,
            ClientCertificateContext = SslStreamCertificateContext.Create(certificate.CopyWithPrivateKey(key), null, offline: true),
            CertificateChainPolicy = new X509ChainPolicy
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                RevocationMode = X509RevocationMode.NoCheck,
                DisableCertificateDownloads = true,
            },
            RemoteCertificateValidationCallback = (_, _, _, _) => true,     // the broker is what is measured
        };
    }

    /// <summary>The whole way in: TCP, TLS, CONNECT, CONNACK.</summary>
    public static async Task<LoadClient> ConnectAsync(int port, SslClientAuthenticationOptions options, string clientId)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        var next = (uint)Interlocked.Increment(ref _address) % 200;        // more client ports than one address has
        socket.Bind(new IPEndPoint(new IPAddress([127, 0, 1, (byte)(2 + next)]), 0));
        await socket.ConnectAsync(IPAddress.Loopback, port);
        var client = new LoadClient(new SslStream(new BatchStream(socket)));
        await client._tls.AuthenticateAsClientAsync(options);
        client.Write([0x10, (byte)(12 + clientId.Length), 0, 4, .. "MQTT"u8, 4, 2, 0, 0, 0, (byte)clientId.Length, .. Encoding.ASCII.GetBytes(clientId)]);
        await client.FlushAsync();
        await client.AnsweredAsync(1);
        return client;
    }

    /// <summary>Closes without DISCONNECT, as a device that lost its power.</summary>
    public void Dispose() => _tls.Dispose();

    public async Task SubscribeAsync(string filter, byte qos)
    {
        Write([0x82, (byte)(5 + filter.Length), 0, 1, 0, (byte)filter.Length, .. Encoding.ASCII.GetBytes(filter), qos]);
        await FlushAsync();
        await AnsweredAsync(Answers + 1);
    }

    public async Task PingAsync()
    {
        Write([0xC0, 0]);
        await FlushAsync();
        await AnsweredAsync(Answers + 1);
    }

    /// <summary>What <see cref="AddPublish"/> sends from now on.</summary>
    /// <param name="topic">The topic.</param>
    /// <param name="qos">0 or 1.</param>
    /// <param name="json">A text to send instead of stamps; the first <see cref="NumberDigits"/> in it become each message's own number.</param>
    public void UseTopic(string topic, int qos, string? json = null)
    {
        var payload = json is null ? new byte[PayloadLength] : Encoding.UTF8.GetBytes(json);
        var length = 2 + topic.Length + (qos > 0 ? 2 : 0) + payload.Length;
        _output = [(byte)(Publish | qos << 1), (byte)(length & 0x7F | 0x80), (byte)(length >> 7), 0, (byte)topic.Length, .. Encoding.ASCII.GetBytes(topic), .. new byte[length - 2 - topic.Length - payload.Length], .. payload];
        _payloadAt = _output.Length - payload.Length;
        _numberAt = json is null ? 0 : _payloadAt + json.IndexOf(NumberDigits, StringComparison.Ordinal);
    }

    /// <summary>One message, a TLS record of its own; it leaves with the next flush.</summary>
    public void AddPublish(long stamp, int publisher)
    {
        if ((_output[0] & 0x06) != 0)
        {
            if (++_packetId == 0) _packetId = 1;
            BinaryPrimitives.WriteUInt16BigEndian(_output.AsSpan(_payloadAt - 2), _packetId);
            if (SentAt is { } sent) sent[_packetId % sent.Length] = stamp;
        }

        if (_numberAt > 0)
        {
            (++_number).TryFormat(_output.AsSpan(_numberAt), out _, default, CultureInfo.InvariantCulture);
        }
        else
        {
            BinaryPrimitives.WriteInt64LittleEndian(_output.AsSpan(_payloadAt), stamp);
            BinaryPrimitives.WriteInt32LittleEndian(_output.AsSpan(_payloadAt + 8), publisher);
        }

        Write(_output);
    }

    public Task FlushAsync() => _tls.FlushAsync();

    public void Flush() => _tls.Flush();

    public async ValueTask AnsweredAsync(int answers)
    {
        while (Answers < answers) await ReadAsync();
    }

    /// <summary>Takes what has come, at least a byte, and acknowledges its messages in one flush.</summary>
    public async ValueTask ReadAsync()
    {
        if (_filled == _input.Length) Array.Resize(ref _input, Math.Min(_input.Length * 4, 64 * 1024));
        var read = await _tls.ReadAsync(_input.AsMemory(_filled));
        if (read == 0) throw new IOException("The broker has closed the connection.");
        _filled += read;
        if (TakePackets()) await FlushAsync();
    }

    private bool TakePackets()
    {
        var rest = _input.AsSpan(0, _filled);
        var acknowledged = false;
        while (rest.Length >= 2)
        {
            var (length, header) = rest[1] < 0x80 ? (rest[1], 2) : rest.Length < 3 ? (int.MaxValue / 2, 3) : (rest[1] & 0x7F | rest[2] << 7, 3);
            if (rest.Length < header + length) break;
            acknowledged |= Take(rest[0], rest.Slice(header, length));
            rest = rest[(header + length)..];
        }

        rest.CopyTo(_input);
        _filled = rest.Length;
        return acknowledged;
    }

    /// <returns>Whether an acknowledgement was written.</returns>
    private bool Take(byte first, ReadOnlySpan<byte> content)
    {
        if ((first & 0xF0) != Publish)
        {
            Answers++;
            if (first == PubAck && SentAt is { } sent) AnswerTimes?.Add(sent[BinaryPrimitives.ReadUInt16BigEndian(content) % sent.Length]);
            return false;
        }

        Received?.Invoke(content[^PayloadLength..]);
        if ((first & 0x06) == 0) return false;
        var idAt = 2 + BinaryPrimitives.ReadUInt16BigEndian(content);
        content.Slice(idAt, 2).CopyTo(_ack.AsSpan(2));
        Write(_ack);
        return true;
    }

    private void Write(ReadOnlySpan<byte> packet) => _tls.Write(packet);
}
