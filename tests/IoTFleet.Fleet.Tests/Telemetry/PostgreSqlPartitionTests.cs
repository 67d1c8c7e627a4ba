using IoTFleet.Fleet.Devices;
using IoTFleet.Fleet.Telemetry;
using IoTFleet.Fleet.Telemetry.Formats;
using IoTFleet.Fleet.Telemetry.Retention;
using IoTFleet.Fleet.Telemetry.Rollups;
using IoTFleet.Fleet.Telemetry.Store;
using IoTFleet.Fleet.Tests.Databases;
using IoTFleet.Fleet.Tests.Telemetry.Queries;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;

namespace IoTFleet.Fleet.Tests.Telemetry;

/// <summary>On PostgreSQL readings lie in tables by week, which are dropped as a whole.</summary>
[RunsOn(DatabaseName.PostgreSql)]
public sealed class PostgreSqlPartitionTests
{
    private static readonly TelemetryOptions SixtyDays = new() { Retention = new RetentionRule { KeepDays = 60 } };

    [Fact]
    public async Task Each_week_has_a_table_and_a_wrong_clock_makes_none()
    {
        await using var fleet = await StartAsync("a");
        await StoreAsync(fleet, "a", 0, -14, -20_000, 50_000);

        Assert.Equal([Week(fleet, -14), Week(fleet, 0), "TelemetryStrays"], await TablesAsync(fleet));
        Assert.Equal(2, await CountAsync(fleet, "TelemetryStrays"));
        Assert.Equal(4, await fleet.Get<TelemetryReader>().ReadAsync(new ReadingRange("a"), default).CountAsync());
    }

    [Fact]
    public async Task Weeks_that_nobody_keeps_go_as_a_whole_with_their_strays_and_the_rollups_stay()
    {
        await using var fleet = await StartAsync("a");
        await StoreAsync(fleet, "a", -20_000, -100, -75, -60, -1);
        await RollUpAsync(fleet);

        await PruneAsync(fleet, SixtyDays);

        Assert.Equal([Week(fleet, -60), Week(fleet, -1), "TelemetryStrays"], await TablesAsync(fleet));
        Assert.Equal(0, await CountAsync(fleet, "TelemetryStrays"));
        Assert.Equal(5, await RolledAsync(fleet));
    }

    [Fact]
    public async Task A_week_with_an_hour_that_waits_for_its_rollup_stays_and_all_that_is_later()
    {
        await using var fleet = await StartAsync("a", "b");
        await StoreAsync(fleet, "a", -100, -75);
        await RollUpAsync(fleet);
        await StoreAsync(fleet, "b", -75);

        await PruneAsync(fleet, SixtyDays);
        Assert.Equal([Week(fleet, -75), "TelemetryStrays"], await TablesAsync(fleet));
        Assert.Equal(2, await CountAsync(fleet, Week(fleet, -75)));
        await RollUpAsync(fleet);
        await PruneAsync(fleet, SixtyDays);

        Assert.Equal(["TelemetryStrays"], await TablesAsync(fleet));
    }

    [Fact]
    public async Task What_one_group_keeps_longer_stays_and_the_others_readings_of_the_week_go()
    {
        await using var fleet = await StartAsync("a", "b");
        await fleet.ReadAsync(db => db.Devices.Where(device => device.Id == "b").ExecuteUpdateAsync(set => set.SetProperty(device => device.GroupId, "line-4")));
        foreach (var device in (string[])["a", "b"]) await StoreAsync(fleet, device, -100, -75, -1);
        await RollUpAsync(fleet);

        await PruneAsync(fleet, SixtyDays with { RetentionOf = new Dictionary<string, RetentionRule> { ["line-4"] = new() { KeepDays = 90 } } });

        Assert.Equal([Week(fleet, -75), Week(fleet, -1), "TelemetryStrays"], await TablesAsync(fleet));
        Assert.Equal((1, 2), (await ReadingsAsync(fleet, "a"), await ReadingsAsync(fleet, "b")));
    }

    [Fact]
    public async Task Strays_of_a_week_come_along_when_it_is_made()
    {
        await using var fleet = await StartAsync("a");
        await StoreAsync(fleet, "a", 35);
        Assert.Equal(["TelemetryStrays"], await TablesAsync(fleet));

        fleet.Clock.Advance(new TimeSpan(35, 0, 0, 1));
        await StoreAsync(fleet, "a", 0);

        Assert.Equal((2, 0), (await CountAsync(fleet, Week(fleet, 0)), await CountAsync(fleet, "TelemetryStrays")));
    }

    [Fact]
    public async Task A_merge_does_not_wait_for_a_reader_who_keeps_a_week_from_being_made()
    {
        await using var fleet = await StartAsync("a");
        await using (var db = await Databases(fleet).CreateDbContextAsync())
        {
            await using var reading = await db.Database.BeginTransactionAsync();
            await db.Readings.CountAsync();
            await StoreAsync(fleet, "a", 0);
            Assert.Equal(["TelemetryStrays"], await TablesAsync(fleet));
            Assert.Equal(1, await CountAsync(fleet, "TelemetryStrays"));
        }

        fleet.Clock.Advance(TimeSpan.FromSeconds(1));
        await StoreAsync(fleet, "a", 0);

        Assert.Equal((2, 0), (await CountAsync(fleet, Week(fleet, 0)), await CountAsync(fleet, "TelemetryStrays")));
    }

    [Fact]
    public async Task Two_who_delete_the_same_readings_do_not_stand_in_each_others_way()
    {
        await using var fleet = await StartAsync("a");
        await StoreAsync(fleet, "a", -9, -8, -7);
        await RollUpAsync(fleet);
        var inTransaction = 0;
        var contexts = WatchedContexts.Of(fleet, async (_, within) =>
        {
            if (within && ++inTransaction == 2) await OtherNodeDeletesAsync(fleet); // between this one's look and its deletion: 40001
        });

        var pruning = Retention(fleet, new TelemetryOptions { Retention = new RetentionRule { KeepDays = 4 } }, contexts).PassAsync(default);
        while (!pruning.IsCompleted)
        {
            fleet.Clock.Advance(TimeSpan.FromMilliseconds(100));
            await Task.Yield();
        }
        await pruning;

        Assert.Equal(1, fleet.Log.Count("TelemetryRetried"));
        Assert.Equal(0, await ReadingsAsync(fleet, "a"));
    }

    private static async Task OtherNodeDeletesAsync(TestFleet fleet)
    {
        await using var db = await Databases(fleet).CreateDbContextAsync();
        await db.Readings.OrderBy(row => row.TimeUs).Take(1).ExecuteDeleteAsync();
    }

    private static async Task<TestFleet> StartAsync(params string[] devices)
    {
        var fleet = await TestFleet.StartAsync();
        foreach (var device in devices) await fleet.Get<RegisterDevice>().RunAsync(TestFleet.Admin, new(device), default);
        return fleet;
    }

    /// <summary>In the tables.</summary>
    private static async Task StoreAsync(TestFleet fleet, string device, params int[] days)
    {
        var now = fleet.Clock.GetUtcNow();
        await fleet.StoreAsync([.. days.Select(day => new TelemetryMessage(device, "", now, null, null, default, [new Reading(now.AddDays(day), true, """{"v":1}"""u8.ToArray())]))]);
        await fleet.Get<TelemetryMerger>().MergeNowAsync(default);
    }

    private static Task RollUpAsync(TestFleet fleet) => fleet.Get<TelemetryRollup>().PassAsync(all: true, default);

    private static Task PruneAsync(TestFleet fleet, TelemetryOptions options) => Retention(fleet, options, Databases(fleet)).PassAsync(default);

    private static TelemetryRetention Retention(TestFleet fleet, TelemetryOptions options, IDbContextFactory<TelemetryDbContext> contexts) =>
        new(contexts, fleet.Databases, fleet.Get<ITelemetryStore>(), options, fleet.Get<StorePatience>(), fleet.Clock, NullLogger<TelemetryRetention>.Instance);

    private static IDbContextFactory<TelemetryDbContext> Databases(TestFleet fleet) => fleet.Get<IDbContextFactory<TelemetryDbContext>>();

    private static string Week(TestFleet fleet, int days)
    {
        var day = fleet.Clock.GetUtcNow().AddDays(days).UtcDateTime.Date;
        return $"Telemetry_{day.AddDays(-(((int)day.DayOfWeek + 6) % 7)):yyyyMMdd}";
    }

    private static async Task<List<string>> TablesAsync(TestFleet fleet)
    {
        await using var db = await Databases(fleet).CreateDbContextAsync();
        return await db.Database.SqlQuery<string>($"""SELECT inhrelid::regclass::text AS "Value" FROM pg_inherits WHERE inhparent = '"Telemetry"'::regclass""")
            .Select(name => name.Replace("\"", "")).OrderBy(name => name).ToListAsync();
    }

    private static async Task<int> CountAsync(TestFleet fleet, string table)
    {
        await using var db = await Databases(fleet).CreateDbContextAsync();
        return await db.Database.SqlQuery<int>($"""SELECT count(*)::int AS "Value" FROM "Telemetry" WHERE tableoid = to_regclass('"' || {table} || '"')""").SingleAsync();
    }

    private static async Task<int> ReadingsAsync(TestFleet fleet, string device) => await fleet.Get<TelemetryReader>().ReadAsync(new ReadingRange(device), default).CountAsync();

    private static async Task<int> RolledAsync(TestFleet fleet)
    {
        await using var db = await Databases(fleet).CreateDbContextAsync();
        return await db.Hours.CountAsync();
    }
}
