using System.Globalization;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Benchmarks.Brokers;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Wire;

namespace IoTFleet.Benchmarks.Handshakes;

/// <summary>
/// What a TLS handshake costs our server in CPU time, by setting, beside openssl's own server with the same certificates, the same key and the same client, in turns.
/// A handshake counts when an answer has come back through it: CONNACK, an HTTP status, or openssl's line reversed.
/// </summary>
internal sealed class HandshakeBenchmark(string folder, int port, int rounds)
{
    private const int PerRound = 200;

    private static readonly Setting[] Settings =
    [
        new("TLS 1.3, client certificate, no ticket", SslProtocols.Tls13, Tickets: 0, Certificate: true),
        new("TLS 1.3, client certificate, one stateful ticket", SslProtocols.Tls13, Tickets: 1, Certificate: true),
        new("TLS 1.2, client certificate", SslProtocols.Tls12, Tickets: 0, Certificate: true),
        new("TLS 1.3, HTTPS without client certificate", SslProtocols.Tls13, Tickets: 0, Certificate: false),
    ];

    /// <param name="args">Rounds, then the first port it may use; both may be left out.</param>
    public static async Task<int> RunAsync(string[] args)
    {
        if (!OperatingSystem.IsLinux() || !File.Exists("/usr/bin/openssl"))
        {
            await Console.Error.WriteLineAsync("This needs Linux and openssl (Debian: apt-get install openssl).");
            return 2;
        }

        var numbers = args.Select(arg => int.Parse(arg, CultureInfo.InvariantCulture)).ToArray();
        var folder = Directory.CreateTempSubdirectory("iotfleet-handshakes-").FullName;
        try
        {
            Console.WriteLine(Machine.Describe());
            await new HandshakeBenchmark(folder, numbers.ElementAtOrDefault(1) is > 0 and var port ? port : 21_500, numbers.ElementAtOrDefault(0) is > 0 and var rounds ? rounds : 5).RunAsync();
            return 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private async Task RunAsync()
    {
        using var certificates = BrokerCertificates.Open(folder);
        using var device = X509Certificate2.CreateFromPemFile(BrokerCertificates.DeviceFile(folder), BrokerCertificates.DeviceKey(folder));
        Console.WriteLine();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Server's CPU time of a handshake, median of {rounds} rounds of {PerRound}."));
        Console.WriteLine();
        Console.WriteLine("| handshake | ours, µs | openssl s_server, µs | ratio |");
        Console.WriteLine("|---|---|---|---|");
        foreach (var (number, setting) in Settings.Index()) Console.WriteLine(await CompareAsync(setting, device, port + number * 3));
    }

    private async Task<string> CompareAsync(Setting setting, X509Certificate2 device, int firstPort)
    {
        await using var ours = await BrokerProcess.StartOursAsync(folder, firstPort, setting.Tickets);
        await using var openssl = await BrokerProcess.StartOpenSslAsync(firstPort + 2, OpenSslArguments(setting));
        var client = ClientOptions(setting, device);
        await MeasureAsync(ours, () => AskOursAsync(setting, firstPort, client));      // until the compiler has seen it
        await MeasureAsync(openssl, () => AskOpenSslAsync(firstPort + 2, client));
        var (mine, theirs) = (new double[rounds], new double[rounds]);
        for (var round = 0; round < rounds; round++)
        {
            mine[round] = await MeasureAsync(ours, () => AskOursAsync(setting, firstPort, client));
            theirs[round] = await MeasureAsync(openssl, () => AskOpenSslAsync(firstPort + 2, client));
        }

        var ratio = Median([.. mine.Zip(theirs, (one, other) => one / other)]);
        return string.Create(CultureInfo.InvariantCulture, $"| {setting.Name} | {Median(mine):N0} | {Median(theirs):N0} | {ratio:0.00} |");
    }

    private static async Task<double> MeasureAsync(BrokerProcess server, Func<Task> handshake)
    {
        var before = server.CpuTime;
        for (var i = 0; i < PerRound; i++) await handshake();
        return (server.CpuTime - before).TotalMicroseconds / PerRound;
    }

    private string[] OpenSslArguments(Setting setting) =>
    [
        "-cert", BrokerCertificates.ServerFile(folder), "-key", BrokerCertificates.ServerKey(folder), "-cert_chain", Path.Combine(folder, "ca", "servers.pem"),
        "-num_tickets", $"{setting.Tickets}", "-no_ticket",     // no stateless ones: as ours
        .. setting.Certificate ? (string[])["-CAfile", BrokerCertificates.AuthoritiesFile(folder), "-Verify", "2", "-verify_return_error"] : [],
    ];

    private static SslClientAuthenticationOptions ClientOptions(Setting setting, X509Certificate2 device) => new()
    {
        TargetHost = "127.0.0.1",       // not a name: no handshake is shortened by an earlier session
        EnabledSslProtocols = setting.Protocol,
        AllowTlsResume = false,
        ClientCertificateContext = setting.Certificate ? SslStreamCertificateContext.Create(device, null, offline: true) : null,
        RemoteCertificateValidationCallback = (_, _, _, _) => true,     // the server is what is measured
    };

    private static Task AskOursAsync(Setting setting, int port, SslClientAuthenticationOptions options) => setting.Certificate
        ? AskAsync(port, options, Connect, answer => answer == 0x20)
        : AskAsync(port + 1, options, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"u8.ToArray(), answer => answer == (byte)'H');

    private static Task AskOpenSslAsync(int port, SslClientAuthenticationOptions options) => AskAsync(port, options, "ab\n"u8.ToArray(), answer => answer == (byte)'b');

    private static async Task AskAsync(int port, SslClientAuthenticationOptions options, byte[] question, Func<byte, bool> isAnswer)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync("127.0.0.1", port, deadline.Token);
        await using var tls = new SslStream(new NetworkStream(socket, ownsSocket: true));
        await tls.AuthenticateAsClientAsync(options, deadline.Token);
        await tls.WriteAsync(question, deadline.Token);
        var answer = new byte[1];
        if (await tls.ReadAsync(answer, deadline.Token) != 1 || !isAnswer(answer[0])) throw new InvalidOperationException($"The server at port {port} did not answer.");
    }

    private static byte[] Connect
    {
        get
        {
            var output = new System.Buffers.ArrayBufferWriter<byte>();
            PacketWriter.Write(output, new ConnectPacket { Version = ProtocolVersion.V311, ClientId = "device", CleanStart = true }, ProtocolVersion.V311);
            return output.WrittenSpan.ToArray();
        }
    }

    private static double Median(double[] values) => values.Order().ElementAt(values.Length / 2);

    private sealed record Setting(string Name, SslProtocols Protocol, int Tickets, bool Certificate);
}
