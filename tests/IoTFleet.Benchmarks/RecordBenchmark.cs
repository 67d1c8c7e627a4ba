using System.Globalization;
using System.Security.Cryptography;
using IoTFleet.Fleet;
using IoTFleet.Fleet.Authorities;
using IoTFleet.Fleet.Certificates;
using IoTFleet.Fleet.Devices;
using IoTFleet.Fleet.IssuanceLog;
using IoTFleet.Fleet.Sqlite;
using IoTFleet.Pki;
using IoTFleet.Pki.Transparency;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace IoTFleet.Benchmarks;

/// <summary>
/// What it costs to keep a record of everything: small units of writing alone and sharing commits, a whole certificate with intent, audit and log,
/// and the log by itself. SQLite with full synchronisation, so a commit is a flush of this machine's disk.
/// </summary>
internal static class RecordBenchmark
{
    private const int Callers = 64;
    private const int Rounds = 5;

    public static async Task<int> IssuanceAsync()
    {
        await using var fleet = await Fleet.StartAsync();
        await MeasureAsync("Small units", "device registered, with its audit entry",
            ("a transaction each", 512, fleet.RegisterAloneAsync),
            ("units of the writer", 4096, fleet.RegisterInUnitsAsync));
        var (commits, units) = (fleet.Writer.Commits, fleet.Writer.Units);
        Say("Registering in units", commits, units);
        await MeasureAsync("Certificates", "certificate issued: prepared, linted, intent, signed, stored, logged, audited twice",
            ("prepared and signed only", 1024, fleet.SignAsync),
            ("with the whole record", 1024, fleet.IssueAsync),
            ("with a proof for the answer", 1024, fleet.IssueWithProofAsync));
        Say("Issuing", fleet.Writer.Commits - commits, fleet.Writer.Units - units);
        return 0;
    }

    private static void Say(string what, long commits, long units) =>
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what}: {(double)units / commits:0.0} units a commit."));

    public static async Task<int> LogAsync()
    {
        await using var fleet = await Fleet.StartAsync();
        var leaves = Enumerable.Range(0, 100_000).Select(_ => RandomNumberGenerator.GetBytes(MerkleHash.Length)).ToArray();
        var tree = new MerkleTree();
        await MeasureAsync("Log of issued certificates", "operation",
            ("leaf committed to the log", 8192, fleet.AppendAsync),
            ("leaf into the tree in memory", leaves.Length, _ => Sync(() => tree = Tree(leaves))),
            ("inclusion proof, of the newest block", 10_000, count => Sync(() => Prove(tree, count))),
            ("proof with checkpoint, as for an answer", 1024, fleet.ProveAsync),
            ("checkpoint signed", 1024, count => Sync(() => fleet.Sign(count))));
        return 0;
    }

    private static async Task MeasureAsync(string title, string operation, params (string Name, int Count, Func<int, Task> Run)[] cases)
    {
        foreach (var one in cases) await one.Run(one.Count); // The compiler's share.
        var figures = cases.ToDictionary(one => one.Name, _ => new List<(double Rate, double Cpu)>());
        for (var round = 0; round < Rounds; round++)
        {
            foreach (var (name, count, run) in cases)
            {
                var (start, cpu) = (TimeProvider.System.GetTimestamp(), Environment.CpuUsage.TotalTime);
                await run(count);
                var (time, spent) = (TimeProvider.System.GetElapsedTime(start), Environment.CpuUsage.TotalTime - cpu);
                figures[name].Add((count / time.TotalSeconds, spent.TotalMicroseconds / count));
            }
        }
        Console.WriteLine($"\n**{title}.** For each {operation}, {Callers} callers at once, median of {Rounds} rounds.\n\n| {operation} | a second | CPU µs |\n|---|---|---|");
        foreach (var (name, _, _) in cases)
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {name} | {Median(figures[name].Select(f => f.Rate)):0} | {Median(figures[name].Select(f => f.Cpu)):0.0} |"));
    }

    private static double Median(IEnumerable<double> values) => values.Order().ElementAt(Rounds / 2);

    private static Task Sync(Action action)
    {
        action();
        return Task.CompletedTask;
    }

    private static MerkleTree Tree(byte[][] leaves)
    {
        var tree = new MerkleTree();
        foreach (var leaf in leaves) tree.Append(leaf);
        return tree;
    }

    private static void Prove(MerkleTree tree, int count)
    {
        for (var i = 0; i < count; i++) tree.InclusionProof(tree.Size - 1 - (i % 64), tree.Size);
    }

    private sealed class Fleet : IAsyncDisposable
    {
        private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("iotfleet-benchmark-");
        private readonly ServiceProvider _services;
        private readonly CertificateAuthority _authority;
        private readonly LogKey _key;
        private int _number;

        private Fleet()
        {
            var authorities = RootCeremony.LoadOrCreate(Path.Combine(_folder.FullName, "ca"), new FleetNames("fleet.local"), TimeProvider.System);
            _services = new ServiceCollection().AddLogging().AddSingleton(authorities).AddSingleton(authorities.Names).AddSingleton(new IssuancePolicy(authorities.Names))
                .AddFleet().AddSqliteFleet(Path.Combine(_folder.FullName, "fleet.db")).BuildServiceProvider();
            _authority = new CertificateAuthority(authorities.Devices, TimeProvider.System);
            _key = LogKey.Of(authorities);
        }

        public FleetWriter Writer => _services.GetRequiredService<FleetWriter>();

        private IssuedLog Log => _services.GetRequiredService<IssuedLog>();

        public static async Task<Fleet> StartAsync()
        {
            var fleet = new Fleet();
            await fleet._services.GetRequiredService<FleetDatabase>().MigrateAsync(CancellationToken.None);
            await fleet._services.GetRequiredService<AuthorityDirectory>().LoadAsync(CancellationToken.None);
            return fleet;
        }

        public Task RegisterAloneAsync(int count) => AtOnceAsync(count, id =>
            _services.GetRequiredService<RegisterDevice>().RunAsync(Actor.System, new RegisterDeviceRequest(id), CancellationToken.None));

        public Task RegisterInUnitsAsync(int count) => AtOnceAsync(count, id => Writer.RunAsync(async (db, ct) =>
        {
            if (await db.Devices.AnyAsync(d => d.Id == id, ct)) return false;
            var now = TimeProvider.System.GetUtcNow();
            db.Devices.Add(new Device { Id = id, State = DeviceState.Registered, RegisteredAt = now, StateChangedAt = now });
            _services.GetRequiredService<IoTFleet.Fleet.Audit.AuditTrail>().Done(db, Actor.System, "device.register", id);
            return true;
        }, CancellationToken.None));

        public Task SignAsync(int count) => AtOnceAsync(count, id => Task.FromResult(_authority.Issue(Terms(id))));

        public Task IssueAsync(int count) => AtOnceAsync(count, IssueAsync);

        public Task IssueWithProofAsync(int count) => AtOnceAsync(count, async id => await Log.ProofAtAsync(await IssueAsync(id), CancellationToken.None));

        public Task AppendAsync(int count) => AtOnceAsync(count, id => Writer.RunAsync((db, ct) => Log.AppendAsync(db, RandomNumberGenerator.GetBytes(500), id, ct), CancellationToken.None));

        public async Task ProveAsync(int count)
        {
            for (var i = 0; i < count; i++) await Log.ProofAtAsync(i, CancellationToken.None);
        }

        public void Sign(int count)
        {
            for (var i = 0; i < count; i++) _key.Sign(new Checkpoint(_key.Verifier.Name, i, new byte[32]).Text);
        }

        public async ValueTask DisposeAsync()
        {
            await _services.DisposeAsync();
            _key.Dispose();
            _folder.Delete(recursive: true);
        }

        private Task<long> IssueAsync(string id) => _services.GetRequiredService<Issuance>().RunAsync(
            new IssuanceOrder(_authority, Terms(id), id, Actor.System, "device.enrol"),
            (db, _, _) =>
            {
                var now = TimeProvider.System.GetUtcNow();
                db.Devices.Add(new Device { Id = id, State = DeviceState.Active, RegisteredAt = now, StateChangedAt = now });
                return Task.FromResult<Taking<long>>(new Taking<long>.Granted());
            },
            (db, signed, _) =>
            {
                var leaf = signed.Leaf;
                db.DeviceKeys.Add(new DeviceKey { Fingerprint = signed.Intent.KeyFingerprint, DeviceId = id });
                db.Certificates.Add(new IssuedCertificate
                {
                    Serial = leaf.SerialHex,
                    DeviceId = id,
                    KeyFingerprint = signed.Intent.KeyFingerprint,
                    IssuerId = signed.Intent.IssuerId,
                    Der = leaf.Der.ToArray(),
                    NotBefore = leaf.NotBefore,
                    NotAfter = leaf.NotAfter,
                    Lineage = leaf.SerialHex,
                    LogIndex = signed.LogIndex,
                });
                return Task.FromResult(signed.LogIndex);
            }, CancellationToken.None);

        /// <summary>A key each: making it is the device's work, but there is no faster way to a new one, so its cost is in all of these figures.</summary>
        private LeafTerms Terms(string id)
        {
            using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            return new LeafTerms(id, _services.GetRequiredService<FleetNames>().DeviceUri(id), key.ExportSubjectPublicKeyInfo(), TimeSpan.FromDays(30), TimeSpan.FromHours(1));
        }

        private async Task AtOnceAsync<T>(int count, Func<string, Task<T>> run)
        {
            var left = count;
            await Task.WhenAll(Enumerable.Range(0, Callers).Select(_ => Task.Run(async () =>
            {
                while (Interlocked.Decrement(ref left) >= 0) await run($"d-{Interlocked.Increment(ref _number)}");
            })));
        }
    }
}
