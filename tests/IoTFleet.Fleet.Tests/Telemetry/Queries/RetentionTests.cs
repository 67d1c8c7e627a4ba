using System.Text;
using IoTFleet.Fleet.Devices;
using IoTFleet.Fleet.Telemetry;
using IoTFleet.Fleet.Telemetry.Formats;
using IoTFleet.Fleet.Telemetry.Queries;
using IoTFleet.Fleet.Telemetry.Retention;
using IoTFleet.Fleet.Telemetry.Rollups;
using IoTFleet.Fleet.Telemetry.Store;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;

namespace IoTFleet.Fleet.Tests.Telemetry.Queries;

public class RetentionTests
{
    [Fact]
    public async Task Readings_go_when_they_are_too_old_and_their_rollups_stay()
    {
        await using var fleet = await StartAsync("a");
        await StoreAsync(fleet, "a", [.. Enumerable.Range(0, 10).Select(day => -day * 86_400)]);
        await RollUpAsync(fleet);

        await PruneAsync(fleet, new TelemetryOptions { Retention = new RetentionRule { KeepDays = 4 } });

        Assert.Equal(5, await CountAsync(fleet, db => db.Readings));
        Assert.Equal(10, await DaysAsync(fleet, "a"));
    }

    [Fact]
    public async Task Nothing_goes_that_is_not_rolled_up()
    {
        await using var fleet = await StartAsync("a");
        await StoreAsync(fleet, "a", -9 * 86_400, -8 * 86_400);
        await RollUpAsync(fleet);
        await StoreAsync(fleet, "a", -7 * 86_400);
        await fleet.Get<TelemetryMerger>().MergeNowAsync(default);
        var options = new TelemetryOptions { Retention = new RetentionRule { KeepDays = 4 } };

        await PruneAsync(fleet, options);
        Assert.Equal(3, await CountAsync(fleet, db => db.Readings)); // not even those before it: it may be late and theirs
        await RollUpAsync(fleet);
        await PruneAsync(fleet, options);

        Assert.Equal(0, await CountAsync(fleet, db => db.Readings));
        Assert.Equal(3, await DaysAsync(fleet, "a"));
    }

    [Fact]
    public async Task A_message_older_than_what_is_kept_is_added_to_its_rollup_and_goes()
    {
        await using var fleet = await StartAsync("a");
        var options = new TelemetryOptions { Retention = new RetentionRule { KeepDays = 4 } };
        await StoreAsync(fleet, "a", -9 * 86_400, -9 * 86_400 + 1);
        await RollUpAsync(fleet);
        await PruneAsync(fleet, options);
        await StoreAsync(fleet, "a", -9 * 86_400 + 2);
        await RollUpAsync(fleet);
        await PruneAsync(fleet, options);

        Assert.Equal(0, await CountAsync(fleet, db => db.Readings));
        Assert.Equal(3, await DaysAsync(fleet, "a"));
    }

    [Fact]
    public async Task Each_group_has_its_own_rule()
    {
        await using var fleet = await StartAsync("a", "b");
        await fleet.ReadAsync(db => db.Devices.Where(device => device.Id == "b").ExecuteUpdateAsync(set => set.SetProperty(device => device.GroupId, "line-4")));
        await StoreAsync(fleet, "a", -5 * 86_400, 0);
        await StoreAsync(fleet, "b", -5 * 86_400, 0);
        await RollUpAsync(fleet);

        await PruneAsync(fleet, new TelemetryOptions { RetentionOf = new Dictionary<string, RetentionRule> { ["line-4"] = new() { KeepDays = 1 } } });

        Assert.Equal((2, 1), (await fleet.Get<TelemetryReader>().ReadAsync(new ReadingRange("a"), default).CountAsync(), await fleet.Get<TelemetryReader>().ReadAsync(new ReadingRange("b"), default).CountAsync()));
    }

    [Fact]
    public async Task Beyond_its_size_a_group_loses_its_oldest_hours()
    {
        await using var fleet = await StartAsync("a");
        await StoreAsync(fleet, "a", bytes: 100_000, seconds: [.. Enumerable.Range(0, 30).Select(hour => -hour * 3_600)]);
        await RollUpAsync(fleet);

        await PruneAsync(fleet, new TelemetryOptions { Retention = new RetentionRule { MaxMegabytes = 1 } });

        Assert.Equal(10, await CountAsync(fleet, db => db.Readings)); // 10 x 100,000 bytes fit into a megabyte, 11 do not
        Assert.Equal(30, await DaysAsync(fleet, "a"));
    }

    [Fact]
    public async Task Rollups_go_by_rules_of_their_own()
    {
        await using var fleet = await StartAsync("a");
        await StoreAsync(fleet, "a", [.. Enumerable.Range(0, 10).Select(day => -day * 86_400)]);
        await RollUpAsync(fleet);

        await PruneAsync(fleet, new TelemetryOptions { Retention = new RetentionRule { KeepMinutesDays = 3, KeepHoursDays = 6 } });

        Assert.Equal((10, 4, 7), (await CountAsync(fleet, db => db.Readings), await CountAsync(fleet, db => db.Minutes), await CountAsync(fleet, db => db.Hours)));
    }

    [Fact]
    public async Task Many_readings_are_deleted_in_many_transactions()
    {
        await using var fleet = await StartAsync("a");
        var readings = Enumerable.Range(0, 5_000).Select(n => new Reading(fleet.Clock.GetUtcNow().AddDays(-9).AddMilliseconds(n), true, "{}"u8.ToArray())).ToList();
        await fleet.StoreAsync(new TelemetryMessage("a", "", fleet.Clock.GetUtcNow(), null, null, default, readings));
        await RollUpAsync(fleet);
        var commits = 0;
        var options = new TelemetryOptions { Retention = new RetentionRule { KeepDays = 4 } };
        var contexts = WatchedContexts.Of(fleet, (_, inTransaction) => Task.FromResult(commits += inTransaction ? 1 : 0));

        await new TelemetryRetention(contexts, fleet.Databases, fleet.Get<ITelemetryStore>(), options, fleet.Get<StorePatience>(), fleet.Clock, NullLogger<TelemetryRetention>.Instance).PassAsync(default);

        Assert.Equal(0, await CountAsync(fleet, db => db.Readings));
        Assert.Equal(12, commits); // three times: look for marks, delete, commit, committed
    }

    private static async Task<TestFleet> StartAsync(params string[] devices)
    {
        var fleet = await TestFleet.StartAsync();
        foreach (var device in devices) await fleet.Get<RegisterDevice>().RunAsync(TestFleet.Admin, new(device), default);
        return fleet;
    }

    private static Task StoreAsync(TestFleet fleet, string device, params int[] seconds) => StoreAsync(fleet, device, 10, seconds);

    private static Task StoreAsync(TestFleet fleet, string device, int bytes, int[] seconds) => fleet.StoreAsync([.. seconds.Select(second => new TelemetryMessage(
        device, "", fleet.Clock.GetUtcNow(), null, null, default,
        [new Reading(fleet.Clock.GetUtcNow().AddSeconds(second), true, Encoding.UTF8.GetBytes($$"""{"v":1,"t":"{{new string('x', bytes)}}"}"""))]))]);

    private static async Task RollUpAsync(TestFleet fleet)
    {
        await fleet.Get<TelemetryMerger>().MergeNowAsync(default);
        await fleet.Get<TelemetryRollup>().PassAsync(all: true, default);
    }

    private static Task PruneAsync(TestFleet fleet, TelemetryOptions options) => new TelemetryRetention(
        fleet.Get<IDbContextFactory<TelemetryDbContext>>(), fleet.Databases, fleet.Get<ITelemetryStore>(), options, fleet.Get<StorePatience>(), fleet.Clock, NullLogger<TelemetryRetention>.Instance).PassAsync(default);

    private static async Task<int> CountAsync<T>(TestFleet fleet, Func<TelemetryDbContext, IQueryable<T>> rows)
    {
        await using var db = await fleet.Get<IDbContextFactory<TelemetryDbContext>>().CreateDbContextAsync();
        return await rows(db).CountAsync();
    }

    /// <summary>How many values buckets of a day tell of.</summary>
    private static async Task<long> DaysAsync(TestFleet fleet, string device)
    {
        var now = fleet.Clock.GetUtcNow();
        var request = new ReadBucketsRequest(new DeviceFilter([device]), new MetricSelection(["v"]), new DateTimeOffset(now.Date, TimeSpan.Zero).AddDays(-20), new DateTimeOffset(now.Date, TimeSpan.Zero).AddDays(1), new BucketWidth(86_400_000_000, 0));
        return Assert.IsType<ReadBucketsResult.Found>(await fleet.Get<ReadBuckets>().RunAsync(TestFleet.Viewer, request, default)).Series[0].Buckets.Sum(bucket => bucket.Count);
    }
}
