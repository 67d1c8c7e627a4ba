using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Api;
using IoTFleet.Fleet;
using IoTFleet.Fleet.Enrolment;
using IoTFleet.Pki;
using IoTFleet.Server;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Benchmarks.Hostile;

/// <summary>The real server as a process of its own with its default limits, and devices that are enrolled with it; read from outside.</summary>
internal sealed class AttackedServer : IAsyncDisposable
{
    private const double TicksPerSecond = 100;
    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(60);

    private readonly Process _process;

    private AttackedServer(Process process, int port) => (_process, Port) = (process, port);

    public int Port { get; }

    /// <summary>User and system time of all its threads so far.</summary>
    public TimeSpan CpuTime
    {
        get
        {
            var stat = File.ReadAllText($"/proc/{_process.Id}/stat");
            var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            return TimeSpan.FromSeconds((long.Parse(fields[11], CultureInfo.InvariantCulture) + long.Parse(fields[12], CultureInfo.InvariantCulture)) / TicksPerSecond);
        }
    }

    public int ResidentMegabytes => Megabytes("VmRSS:");

    /// <summary>The most since <see cref="ForgetPeak"/>.</summary>
    public int PeakMegabytes => Megabytes("VmHWM:");

    /// <summary>From now on the peak is counted anew (proc(5): 5 into clear_refs).</summary>
    public void ForgetPeak() => File.WriteAllText($"/proc/{_process.Id}/clear_refs", "5");

    private int Megabytes(string what)
    {
        var line = File.ReadLines($"/proc/{_process.Id}/status").First(line => line.StartsWith(what, StringComparison.Ordinal));
        return int.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1024;
    }

    /// <summary>Enrols the devices by the use case itself, then starts the program on the same data.</summary>
    public static async Task<AttackedServer> StartAsync(string folder, IEnumerable<string> devices, int port, IReadOnlyDictionary<string, string>? environment = null)
    {
        var data = Path.Combine(folder, "data");
        var settings = new Dictionary<string, string?> { ["IoTFleet:Data"] = data, ["IoTFleet:MqttPort"] = $"{port}", ["IoTFleet:HttpsPort"] = $"{port + 1}", ["IoTFleet:StatusPort"] = "-1" };
        await using (var server = await FleetServer.StartAsync(settings, builder => builder.Logging.ClearProviders()))
        {
            var asked = new IoTFleet.Fleet.Enrolment.CreateTokenRequest("hostile benchmark", TimeSpan.FromHours(1), MaxUses: 1_000);
            var token = await server.Services.GetRequiredService<CreateToken>().RunAsync(Actor.System, asked, CancellationToken.None);
            var secret = ((CreateTokenResult.Created)token).Secret.Reveal();
            foreach (var device in devices) await EnrolAsync(server, secret, folder, device);
        }

        var start = new ProcessStartInfo("dotnet", [typeof(FleetServer).Assembly.Location, "--data", data, "--mqtt-port", $"{port}", "--https-port", $"{port + 1}", "--status-port", "-1"]) { RedirectStandardOutput = true };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>()) start.Environment[name] = value;
        var process = Process.Start(start)!;
        process.BeginOutputReadLine();      // read and forgotten
        for (var began = Stopwatch.GetTimestamp(); ServerFile.TryRead(data)?.ProcessId != process.Id;)
        {
            if (process.HasExited || Stopwatch.GetElapsedTime(began) > StartTimeout) throw new InvalidOperationException("The server has not started.");
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System);
        }

        return new AttackedServer(process, port);
    }

    /// <summary>A device's certificate with its key.</summary>
    public static X509Certificate2 CertificateOf(string folder, string device) =>
        X509Certificate2.CreateFromPemFile(Path.Combine(folder, device + ".pem"), Path.Combine(folder, device + ".key"));

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited) _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    private static async Task EnrolAsync(FleetServer server, string token, string folder, string device)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var bytes = new CertificateRequest($"CN={device}", key, HashAlgorithmName.SHA256).CreateSigningRequest();
        if (!SigningRequest.TryParse(bytes, out var request, out var problem)) throw new InvalidOperationException($"{problem}");
        var result = await server.Services.GetRequiredService<EnrolDevice>().RunAsync(new EnrolDeviceRequest(token, device, request), CancellationToken.None);
        using var certificate = X509CertificateLoader.LoadCertificate(((EnrolDeviceResult.Issued)result).CertificateDer.Span);
        PemFile.WritePublic(Path.Combine(folder, device + ".pem"), certificate.ExportCertificatePem() + "\n");
        PemFile.WriteSecret(Path.Combine(folder, device + ".key"), key.ExportPkcs8PrivateKeyPem() + "\n");
    }
}
