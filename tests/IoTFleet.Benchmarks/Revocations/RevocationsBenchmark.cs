using System.Buffers;
using System.Diagnostics;
using System.Globalization;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Api;
using IoTFleet.Benchmarks.Hostile;
using IoTFleet.Benchmarks.Load;
using IoTFleet.Fleet;
using IoTFleet.Fleet.Enrolment;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Wire;
using IoTFleet.Pki;
using IoTFleet.Server;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Benchmarks.Revocations;

/// <summary>
/// From the operator's request to the end of the device's connection as the device sees it: 1,000 revocations over REST, one after the other, with 2,000 devices
/// connected to a server that is a process of its own. Beside it what a revocation over REST takes when nobody is connected: its commit and its answer.
/// </summary>
internal static class RevocationsBenchmark
{
    private const int Connected = 2_000;
    private const int Revoked = 1_000;
    private const int Away = 200;

    /// <param name="arguments"><c>--port N</c>: the first of three ports.</param>
    public static async Task<int> RunAsync(string[] arguments)
    {
        var port = arguments is ["--port", var text] ? int.Parse(text, CultureInfo.InvariantCulture) : 25_500;
        var folder = Directory.CreateTempSubdirectory("iotfleet-revocations-");
        try
        {
            Console.WriteLine(Machine.Describe());
            var certificates = await EnrolAsync(folder.FullName, port);
            using var process = await StartAsync(folder.FullName, port);
            try
            {
                await MeasureAsync(folder.FullName, port, certificates);
            }
            finally
            {
                process.Kill();
                await process.WaitForExitAsync();
            }

            return 0;
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static async Task MeasureAsync(string data, int port, IReadOnlyList<X509Certificate2> certificates)
    {
        var key = (await File.ReadAllTextAsync(Path.Combine(data, "admin.key"))).Trim();
        using var client = new FleetClient(new Uri($"https://localhost:{port + 1}"), key, ServerTrust.FromRootFile(Path.Combine(data, "ca", "root.pem")));
        var closed = new Latencies();
        var devices = new List<Watcher>();
        foreach (var (number, certificate) in certificates.Take(Connected).Index()) devices.Add(await Watcher.ConnectAsync(Name(number), port, certificate, closed));
        var (answered, alone) = (new Latencies(), new Latencies());
        for (var number = 0; number < Away; number++) await RevokeAsync(client, Connected + number, null, alone);
        for (var number = 0; number < Revoked; number++) await RevokeAsync(client, number, devices[number], answered);
        await Task.WhenAll(devices.Take(Revoked).Select(device => device.Ended)).WaitAsync(TimeSpan.FromSeconds(30), TimeProvider.System);
        Console.WriteLine();
        Console.WriteLine("| revocation to | p50 ms | p99 ms | max ms | ratio of p50 |");
        Console.WriteLine("|---|---|---|---|---|");
        var baseline = Row($"answer, nobody connected ({Away})", alone, null);
        Row($"answer ({Revoked} of {Connected} connected)", answered, baseline);
        Row($"the device's connection closed ({Revoked})", closed, baseline);
        Console.WriteLine($"\nStill connected: {devices.Count(device => !device.Ended.IsCompleted)} of {Connected - Revoked}.");
        foreach (var device in devices) await device.DisposeAsync();
    }

    private static async Task RevokeAsync(FleetClient client, int number, Watcher? device, Latencies answered)
    {
        var since = Stopwatch.GetTimestamp();
        device?.Since = since;
        await client.RevokeDeviceAsync(Name(number));
        answered.Add(since);
    }

    private static double Row(string name, Latencies latencies, double? baseline)
    {
        var times = latencies.Take(0.5, 0.99, 1).Select(microseconds => microseconds / 1000.0).ToArray();
        var ratio = baseline is { } value ? string.Create(CultureInfo.InvariantCulture, $"{times[0] / value:0.00}") : "baseline";
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {name} | {times[0]:0.0} | {times[1]:0.0} | {times[2]:0.0} | {ratio} |"));
        return times[0];
    }

    private static string Name(int number) => string.Create(CultureInfo.InvariantCulture, $"pump-{number:00000}");

    private static async Task<IReadOnlyList<X509Certificate2>> EnrolAsync(string data, int port)
    {
        var settings = new Dictionary<string, string?> { ["IoTFleet:Data"] = data, ["IoTFleet:MqttPort"] = $"{port}", ["IoTFleet:HttpsPort"] = $"{port + 1}", ["IoTFleet:StatusPort"] = "-1" };
        await using var server = await FleetServer.StartAsync(settings, builder => builder.Logging.ClearProviders());
        var enrolled = new List<X509Certificate2>();
        for (var number = 0; number < Connected + Away; number++)
        {
            var asked = new IoTFleet.Fleet.Enrolment.CreateTokenRequest("revocations benchmark", TimeSpan.FromHours(1), MaxUses: 1);
            var token = (CreateTokenResult.Created)await server.Services.GetRequiredService<CreateToken>().RunAsync(Actor.System, asked, CancellationToken.None);
            using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            SigningRequest.TryParse(new CertificateRequest($"CN={Name(number)}", key, HashAlgorithmName.SHA256).CreateSigningRequest(), out var request, out _);
            var result = await server.Services.GetRequiredService<EnrolDevice>().RunAsync(new EnrolDeviceRequest(token.Secret.Reveal(), Name(number), request!), CancellationToken.None);
            using var certificate = X509CertificateLoader.LoadCertificate(((EnrolDeviceResult.Issued)result).CertificateDer.Span);
            enrolled.Add(certificate.CopyWithPrivateKey(key));
        }

        return enrolled;
    }

    private static async Task<Process> StartAsync(string data, int port)
    {
        string[] arguments = [typeof(FleetServer).Assembly.Location, "--data", data, "--mqtt-port", $"{port}", "--https-port", $"{port + 1}", "--status-port", $"{port + 2}"];
        var process = Process.Start(new ProcessStartInfo("dotnet", arguments) { RedirectStandardOutput = true })!;
        process.BeginOutputReadLine();      // read and forgotten
        while (ServerFile.TryRead(data)?.ProcessId != process.Id)
        {
            if (process.HasExited) throw new InvalidOperationException("The server has not started.");
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System);
        }

        return process;
    }

    /// <summary>A device that is connected and says nothing; it notes when its connection ends.</summary>
    private sealed class Watcher : IAsyncDisposable
    {
        private readonly SslStream _tls;

        private Watcher(SslStream tls, Latencies closed) => (_tls, Ended) = (tls, ReadAsync(tls, closed));

        public long Since { get; set; }

        public Task Ended { get; }

        public static async Task<Watcher> ConnectAsync(string name, int port, X509Certificate2 certificate, Latencies closed)
        {
            var tls = await Link.SecureAsync(await Link.ConnectAsync(port, source: 0, CancellationToken.None), Link.OptionsOf(certificate), CancellationToken.None);
            var output = new ArrayBufferWriter<byte>();
            PacketWriter.Write(output, new ConnectPacket { Version = ProtocolVersion.V5, ClientId = name, CleanStart = true, KeepAlive = 600 }, ProtocolVersion.V5);
            await tls.WriteAsync(output.WrittenMemory);
            var answer = new byte[512];
            if (await tls.ReadAsync(answer) < 4 || answer[3] != 0) throw new InvalidOperationException($"{name} was not let in.");
            return new Watcher(tls, closed);
        }

        public ValueTask DisposeAsync() => _tls.DisposeAsync();

        private async Task ReadAsync(SslStream tls, Latencies closed)
        {
            try
            {
                var input = new byte[64];
                while (await tls.ReadAsync(input) is > 0 && input[0] >> 4 != (int)PacketType.Disconnect)
                {
                }
            }
            catch (Exception gone) when (gone is IOException or ObjectDisposedException)
            {
                // That is an end, too.
            }

            if (Since != 0) closed.Add(Since);
        }
    }
}
