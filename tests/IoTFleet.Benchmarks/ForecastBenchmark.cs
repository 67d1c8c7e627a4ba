using System.Globalization;
using IoTFleet.Fleet;
using IoTFleet.Fleet.Certificates;
using IoTFleet.Fleet.Sqlite;
using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace IoTFleet.Benchmarks;

/// <summary>What it takes to say when the certificates of a large fleet end: one reading of all of them, in SQLite.</summary>
internal static class ForecastBenchmark
{
    private const int Devices = 100_000;
    private const int Rounds = 5;

    public static async Task<int> RunAsync()
    {
        var folder = Directory.CreateTempSubdirectory("iotfleet-forecast-");
        using var authorities = RootCeremony.Create(new FleetNames("fleet.local"), TimeProvider.System);
        await using (var services = new ServiceCollection().AddLogging().AddSingleton(authorities).AddSingleton(authorities.Names).AddSingleton(new IssuancePolicy(authorities.Names))
            .AddFleet().AddSqliteFleet(Path.Combine(folder.FullName, "fleet.db")).BuildServiceProvider())
        {
            await FillAsync(services);
            await MeasureAsync(services.GetRequiredService<ForecastExpiry>());
        }
        folder.Delete(recursive: true);
        return 0;
    }

    private static async Task MeasureAsync(ForecastExpiry forecast)
    {
        var figures = new List<(double Clock, double Cpu)>();
        for (var round = 0; round <= Rounds; round++) // The first is the compiler's.
        {
            var (start, cpu) = (TimeProvider.System.GetTimestamp(), Environment.CpuUsage.TotalTime);
            var result = (ForecastExpiryResult.Forecast)await forecast.RunAsync(Actor.System, CancellationToken.None);
            if (result.Value.Devices != Devices) throw new InvalidOperationException($"{result.Value.Devices} devices were counted.");
            if (round > 0) figures.Add((TimeProvider.System.GetElapsedTime(start).TotalMilliseconds, (Environment.CpuUsage.TotalTime - cpu).TotalMilliseconds));
        }
        Console.WriteLine(Machine.Describe());
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"Forecast of {Devices:n0} certificates: {figures.Select(f => f.Clock).Order().ElementAt(Rounds / 2):0} ms, {figures.Select(f => f.Cpu).Order().ElementAt(Rounds / 2):0} ms CPU, median of {Rounds}."));
    }

    private static async Task FillAsync(ServiceProvider services)
    {
        await services.GetRequiredService<FleetDatabase>().MigrateAsync(CancellationToken.None);
        await using var db = await services.GetRequiredService<IDbContextFactory<FleetDbContext>>().CreateDbContextAsync();
        var now = EpochTime.ToMicroseconds(TimeProvider.System.GetUtcNow());
        const string Numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)";
        await db.Database.ExecuteSqlRawAsync(
            $$"""INSERT INTO "Devices" ("Id", "State", "RegisteredAtUs", "StateChangedAtUs", "Tags") {{Numbers}} SELECT 'd-' || i, 'Active', {0}, {0}, '[]' FROM n""", now);
        await db.Database.ExecuteSqlRawAsync($$"""INSERT INTO "DeviceKeys" ("Fingerprint", "DeviceId") {{Numbers}} SELECT 'k-' || i, 'd-' || i FROM n""");
        await db.Database.ExecuteSqlRawAsync(
            $$"""
            INSERT INTO "Certificates" ("Serial", "DeviceId", "KeyFingerprint", "IssuerId", "Door", "Der", "NotBeforeUs", "NotAfterUs", "KeyUses")
            {{Numbers}} SELECT printf('%032x', i), 'd-' || i, 'k-' || i, '', 'Token', zeroblob(600), {0} - 1592000000000, {0} + (600 + i * 25) * 1000000, 0 FROM n
            """, now);
    }
}
