using System.Diagnostics;
using System.Globalization;
using System.Text;
using IoTFleet.Fleet;
using IoTFleet.Fleet.PostgreSql;
using IoTFleet.Fleet.Telemetry;
using IoTFleet.Fleet.Telemetry.Retention;
using IoTFleet.Fleet.Telemetry.Store;
using IoTFleet.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace IoTFleet.Benchmarks.Durable;

/// <summary>A week of readings on PostgreSQL goes: reading by reading, as everywhere, and with its table.</summary>
internal static class RetentionBenchmark
{
    private const int Devices = 200;
    private const int ReadingsOfEach = 2_500;
    private const int SliceDevices = 2;

    public static async Task<int> RunAsync()
    {
        await using var cluster = await PostgreSqlCluster.StartAsync();
        var database = await cluster.CreateDatabaseAsync();
        await using var services = new ServiceCollection().AddLogging().AddSingleton(TimeProvider.System).AddSingleton<FleetMetrics>().AddTelemetry(new TelemetryOptions())
            .AddPostgreSqlFleet(cluster.ConnectionString(database)).AddPostgreSqlTelemetry(cluster.ConnectionString(database)).BuildServiceProvider();
        await services.GetRequiredService<FleetDatabase>().MigrateAsync(default);
        await services.GetRequiredService<TelemetryDatabase>().MigrateAsync(default);
        var numbers = await AddDevicesAsync(services);

        Console.WriteLine(Machine.Describe());
        Console.WriteLine($"\n{Devices * ReadingsOfEach:N0} readings of 200 bytes, of {Devices} devices\n\n| how | ms | WAL MB | tables and indexes MB before, after |\n|---|---|---|---|");
        await FillAsync(services, numbers, daysAgo: 100);
        await MeasureAsync("reading by reading, 2,000 at once", cluster, database, services, keepDays: 27);
        await FillAsync(services, numbers, daysAgo: 200);
        await MeasureAsync("with its table", cluster, database, services, keepDays: 28);
        return 0;
    }

    private static async Task<List<int>> AddDevicesAsync(IServiceProvider services)
    {
        await using var db = await services.GetRequiredService<IDbContextFactory<TelemetryDbContext>>().CreateDbContextAsync();
        db.Devices.AddRange(Enumerable.Range(0, Devices).Select(n => new TelemetryDevice { DeviceId = $"pump-{n}" }));
        await db.SaveChangesAsync();
        return await db.Devices.Select(device => device.Number).ToListAsync();
    }

    /// <summary>One day, as merges bring it.</summary>
    private static async Task FillAsync(IServiceProvider services, List<int> numbers, int daysAgo)
    {
        var start = EpochTime.ToMicroseconds(TimeProvider.System.GetUtcNow().AddDays(-daysAgo));
        var body = Encoding.UTF8.GetBytes($$"""{"t":20.5,"pad":"{{new string('x', 180)}}"}""");
        foreach (var slice in numbers.Chunk(SliceDevices))
        {
            var rows = slice.SelectMany(number => Enumerable.Range(0, ReadingsOfEach).Select(n => new TelemetryRow
            {
                Device = number,
                TimeUs = start + n * 30_000_000L,
                Id = (long)number * ReadingsOfEach + n,
                ReceivedUs = start,
                Stream = "",
                Body = body,
            })).ToList();
            await services.GetRequiredService<ITelemetryStore>().MergeAsync(new MergeSlice(rows, [], [], null), default);
        }
    }

    private static async Task MeasureAsync(string title, PostgreSqlCluster cluster, string database, IServiceProvider services, int keepDays)
    {
        var retention = new TelemetryRetention(
            services.GetRequiredService<IDbContextFactory<TelemetryDbContext>>(), services.GetRequiredService<IDbContextFactory<FleetDbContext>>(), services.GetRequiredService<ITelemetryStore>(),
            new TelemetryOptions { Retention = new RetentionRule { KeepDays = keepDays } }, services.GetRequiredService<StorePatience>(), TimeProvider.System, NullLogger<TelemetryRetention>.Instance);
        await cluster.ExecuteAsync("CHECKPOINT");
        var (wal, size, started) = (await WalAsync(cluster), await SizeAsync(cluster, database), Stopwatch.GetTimestamp());
        await retention.PassAsync(default);
        var took = Stopwatch.GetElapsedTime(started).TotalMilliseconds;
        var (written, left) = (await WalAsync(cluster) - wal, await SizeAsync(cluster, database));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {title} | {took:0} | {written:0.0} | {size:0}, {left:0} |"));
    }

    private static async Task<double> WalAsync(PostgreSqlCluster cluster) => (double)await cluster.ScalarAsync<decimal>("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')") / 1048576;

    private static async Task<double> SizeAsync(PostgreSqlCluster cluster, string database) =>
        (double)await cluster.ScalarAsync<decimal>("""SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits WHERE inhparent = '"Telemetry"'::regclass""", database) / 1048576;
}
