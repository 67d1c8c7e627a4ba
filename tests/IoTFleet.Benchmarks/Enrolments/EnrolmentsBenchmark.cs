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
/// The clients share the machine with it. Beside it, in the same run, what the authority's part costs alone.
/// </summary>
internal static class EnrolmentsBenchmark
{
    private const int Enrolments = 3_000;
    private const int WarmUp = 600;

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

        await DriveAsync(server, device, "warm", WarmUp, 32, keepsConnection: true);
        Console.WriteLine(Machine.Describe());
        Console.WriteLine();
        Console.WriteLine("| what | clients | a second | server CPU ms each | p50 / p99 ms |");
        Console.WriteLine("|---|---|---|---|---|");
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| the authority alone: request parsed, certificate built, linted, signed | 1 thread | {1000 / AuthorityAlone():0} | {AuthorityAlone():0.00} | |"));
        foreach (var clients in new[] { 8, 32, 128 })
        {
            Print($"EST, a connection for each device", clients, await DriveAsync(server, device, $"n{clients}", Enrolments, clients, keepsConnection: false));
            Print($"EST, a connection for many", clients, await DriveAsync(server, device, $"k{clients}", Enrolments, clients, keepsConnection: true));
        }
    }

    private static void Print(string what, int clients, Seen seen) => Console.WriteLine(string.Create(
        CultureInfo.InvariantCulture, $"| {what} | {clients} | {seen.PerSecond:0} | {seen.CpuMilliseconds:0.00} | {seen.P50:0.0} / {seen.P99:0.0} |"));

    private static async Task<Seen> DriveAsync(AttackedServer server, EnrolmentClient device, string prefix, int count, int clients, bool keepsConnection)
    {
        var requests = Enumerable.Range(0, count).AsParallel().Select(i => (Id: $"{prefix}-{i:00000}", Csr: Csr($"{prefix}-{i:00000}"))).ToArray(); // Each device makes its own, in its own time.
        var times = new double[count];
        var next = -1;
        var (start, cpu) = (Stopwatch.GetTimestamp(), server.CpuTime);
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
        Array.Sort(times);
        return new Seen(count / elapsed.TotalSeconds, (server.CpuTime - cpu).TotalMilliseconds / count, times[count / 2], times[count * 99 / 100]);
    }

    /// <returns>Milliseconds of CPU.</returns>
    private static double AuthorityAlone()
    {
        const int Rounds = 1_000;
        var names = new FleetNames("fleet.local");
        using var authorities = RootCeremony.Create(names, TimeProvider.System);
        var (authority, policy) = (new CertificateAuthority(authorities.Devices, TimeProvider.System), new IssuancePolicy(names));
        var requests = Enumerable.Range(0, Rounds).Select(i => Convert.FromBase64String(Csr($"d-{i}"))).ToArray();
        Issue(requests[0], "d-0");
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

    private readonly record struct Seen(double PerSecond, double CpuMilliseconds, double P50, double P99);
}
