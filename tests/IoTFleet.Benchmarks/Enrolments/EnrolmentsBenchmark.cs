using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Api;
using IoTFleet.Benchmarks.Hostile;
using IoTFleet.Pki;

namespace IoTFleet.Benchmarks.Enrolments;

/// <summary>
/// Devices enrol by EST over TLS with the real server in a process of its own: its database and audit as durable as ever, its limits out of the way.
/// The clients share the machine with it, so what they cost stands beside what the server costs. Their keys and signing requests are made before the
/// clock starts; what that costs has a row of its own, as has the authority's part alone.
/// </summary>
internal static class EnrolmentsBenchmark
{
    private const int Enrolments = 3_000;

    /// <summary>Until the runtime has compiled the server's and the clients' code for good.</summary>
    private const int WarmUp = 4_000;

    public static async Task<int> RunAsync(string[] args)
    {
        var port = args is [.., "--port", var given] ? int.Parse(given, CultureInfo.InvariantCulture) : 23_200;
        var folder = Directory.CreateTempSubdirectory("iotfleet-enrolments-").FullName;
        try
        {
            await RunAsync(folder, port);
            return 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task RunAsync(string folder, int port)
    {
        var settings = new Dictionary<string, string>
        {
            ["Doors__HandshakesPerSecond"] = "100000",
            ["Enrolment__RequestsPerMinute"] = "10000000",
        };
        await using var server = await AttackedServer.StartAsync(folder, [], port, settings);
        var data = Path.Combine(folder, "data");
        var trust = ServerTrust.FromRootFile(Path.Combine(data, "ca", "root.pem"));
        var https = port + 1;
        using var fleet = new FleetClient(new Uri($"https://localhost:{https}"), (await File.ReadAllTextAsync(Path.Combine(data, "admin.key"))).Trim(), trust);
        var token = (await fleet.CreateTokenAsync(new CreateTokenRequest { Name = "benchmark", MaxUses = 1_000_000 })).Secret;
        using var root = X509CertificateLoader.LoadCertificateFromFile(Path.Combine(data, "ca", "root.pem"));
        var device = new EnrolmentClient(https, root, token);

        await DriveAsync(server, device, "warm", WarmUp, 32, keepsConnection: false);
        Console.WriteLine(Machine.Describe());
        Console.WriteLine();
        Console.WriteLine("| what | clients | a second | server CPU ms each | clients' CPU ms each | p50 / p99 ms |");
        Console.WriteLine("|---|---|---|---|---|---|");
        var (authority, requests) = (CpuOf(AuthorityAlone), CpuOf(RequestsAlone));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| a device's key and signing request, not in the rows below | 1 thread | {1000 / requests:0} | | {requests:0.00} | |"));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| the authority alone: request parsed, certificate built, linted, signed | 1 thread | {1000 / authority:0} | {authority:0.00} | | |"));
        foreach (var clients in new[] { 8, 32, 128 })
        {
            Print($"EST, a connection for each device", clients, await DriveAsync(server, device, $"n{clients}", Enrolments, clients, keepsConnection: false));
            Print($"EST, a connection for many", clients, await DriveAsync(server, device, $"k{clients}", Enrolments, clients, keepsConnection: true));
        }
    }

    private static void Print(string what, int clients, Seen seen) => Console.WriteLine(string.Create(
        CultureInfo.InvariantCulture, $"| {what} | {clients} | {seen.PerSecond:0} | {seen.Server:0.00} | {seen.Clients:0.00} | {seen.P50:0.0} / {seen.P99:0.0} |"));

    private static async Task<Seen> DriveAsync(AttackedServer server, EnrolmentClient device, string prefix, int count, int clients, bool keepsConnection)
    {
        var requests = Enumerable.Range(0, count).AsParallel().Select(i => (Id: $"{prefix}-{i:00000}", Csr: Csr($"{prefix}-{i:00000}"))).ToArray(); // Each device makes its own, in its own time.
        var times = new double[count];
        var next = -1;
        var (start, cpu, own) = (Stopwatch.GetTimestamp(), server.CpuTime, Environment.CpuUsage.TotalTime);
        await Task.WhenAll(Enumerable.Range(0, clients).Select(_ => Task.Run(async () =>
        {
            await using var connection = device.Open(keepsConnection);
            for (int i; (i = Interlocked.Increment(ref next)) < count;)
            {
                var began = Stopwatch.GetTimestamp();
                await connection.EnrolAsync(requests[i].Id, requests[i].Csr);
                times[i] = Stopwatch.GetElapsedTime(began).TotalMilliseconds;
            }
        })));
        var elapsed = Stopwatch.GetElapsedTime(start);
        var (spent, spentOwn) = (server.CpuTime - cpu, Environment.CpuUsage.TotalTime - own);
        Array.Sort(times);
        return new Seen(count / elapsed.TotalSeconds, spent.TotalMilliseconds / count, spentOwn.TotalMilliseconds / count, times[count / 2], times[count * 99 / 100]);
    }

    /// <returns>Milliseconds of CPU, of the second run: the first is the compiler's.</returns>
    private static double CpuOf(Func<double> run)
    {
        run();
        return run();
    }

    private static double RequestsAlone()
    {
        const int Rounds = 1_000;
        var before = Environment.CpuUsage.TotalTime;
        for (var i = 0; i < Rounds; i++) Csr($"d-{i}");
        return (Environment.CpuUsage.TotalTime - before).TotalMilliseconds / Rounds;
    }

    private static double AuthorityAlone()
    {
        const int Rounds = 1_000;
        var names = new FleetNames("fleet.local");
        using var authorities = RootCeremony.Create(names, TimeProvider.System);
        var (authority, policy) = (new CertificateAuthority(authorities.Devices, TimeProvider.System), new IssuancePolicy(names));
        var requests = Enumerable.Range(0, Rounds).Select(i => Convert.FromBase64String(Csr($"d-{i}"))).ToArray();
        var before = Environment.CpuUsage.TotalTime;
        for (var i = 0; i < Rounds; i++) Issue(requests[i], $"d-{i}");
        return (Environment.CpuUsage.TotalTime - before).TotalMilliseconds / Rounds;

        void Issue(byte[] der, string id)
        {
            if (!SigningRequest.TryParse(der, out var request, out var problem) || !policy.TryForDevice(id, request, out var terms, out problem)) throw new InvalidOperationException(problem);
            authority.Issue(terms);
        }
    }

    private static string Csr(string id)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return Convert.ToBase64String(new CertificateRequest($"CN={id}", key, HashAlgorithmName.SHA256).CreateSigningRequest());
    }

    /// <param name="Server">CPU milliseconds for each.</param>
    /// <param name="Clients">The same, of all clients together.</param>
    private readonly record struct Seen(double PerSecond, double Server, double Clients, double P50, double P99);
}
