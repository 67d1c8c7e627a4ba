using IoTFleet.Fleet.Telemetry;
using IoTFleet.Fleet.Telemetry.Formats;
using IoTFleet.Fleet.Telemetry.Store;
using IoTFleet.Fleet.Tests.Databases;
using IoTFleet.Testing;
using Microsoft.EntityFrameworkCore;
using static IoTFleet.Fleet.Tests.Telemetry.TelemetryBench;

namespace IoTFleet.Fleet.Tests.Telemetry;

public class TelemetryMergeTests
{
    [Fact]
    public async Task What_is_acknowledged_is_read_in_order_whether_merged_or_not()
    {
        await using var bench = await StartAsync();
        await bench.StoreAsync(Message("a", "1", second: 1), Message("a", "5", second: 5), Message("b", "9", second: 9));
        await bench.MergeAsync();
        await bench.StoreAsync(Message("a", "3", second: 3), Message("a", "0", second: 0), Message("a", "7", second: 7));

        Assert.Equal(["0", "1", "3", "5", "7"], await bench.BodiesAsync("a"));
        Assert.Equal(3, await bench.RowsAsync());
        await bench.MergeAsync();
        Assert.Equal(["0", "1", "3", "5", "7"], await bench.BodiesAsync("a"));
        Assert.Equal(6, await bench.RowsAsync());
    }

    [Fact]
    public async Task A_merge_comes_by_itself_after_its_time()
    {
        await using var bench = await StartAsync(new TelemetryOptions { MergeEvery = TimeSpan.FromSeconds(10) });
        await bench.StoreAsync(Message("a", "{}"));
        Assert.Equal(0, await bench.RowsAsync());

        bench.Clock.Advance(TimeSpan.FromSeconds(10));

        await Eventually.TrueAsync(async () => await bench.RowsAsync() == 1);
    }

    [Fact]
    public async Task A_merge_comes_by_itself_when_enough_waits()
    {
        await using var bench = await StartAsync(new TelemetryOptions { MergeReadings = 3 });
        await bench.StoreAsync(Message("a", "1"), Message("a", "2"), Message("a", "3"));

        await Eventually.TrueAsync(async () => await bench.RowsAsync() == 3);
    }

    [Fact]
    public async Task A_merge_that_fails_is_tried_again_and_nothing_is_missing_meanwhile()
    {
        await using var bench = await StartAsync();
        await bench.StoreAsync(Message("a", "1", second: 1));
        bench.Store.MergeFaults.Enqueue(new TimeoutException("locked"));
        var merging = bench.MergeAsync();
        await Eventually.TrueAsync(() => Task.FromResult(bench.Get<TelemetryHealth>().Faults.Count == 1));
        await bench.StoreAsync(Message("a", "2", second: 2));

        Assert.Equal(["1", "2"], await bench.BodiesAsync("a"));
        while (!merging.IsCompleted)
        {
            bench.Clock.Advance(TimeSpan.FromSeconds(1));
            await Task.Yield();
        }
        Assert.Equal(["1", "2"], await bench.BodiesAsync("a"));
    }

    [Fact]
    public async Task A_kill_between_acknowledgement_and_merge_loses_nothing()
    {
        await using var database = await TestDatabase.ForThisTestAsync();
        await using (var before = await StartAsync(database: database))
        {
            await before.StoreAsync(Message("a", "1", second: 1));
            await before.MergeAsync();
            await before.StoreAsync(Message("a", "2", second: 2), Message("b", "3", second: 3));
            before.Kill();
            before.Log.AssertClean("TelemetryNotMerged");
        }

        await using var after = await StartAsync(database: database);
        Assert.Equal(["1", "2"], await after.BodiesAsync("a"));
        await after.MergeAsync();
        await after.StoreAsync(Message("b", "4", second: 4));

        Assert.Equal(["3", "4"], await after.BodiesAsync("b"));
        Assert.Equal(3, await after.RowsAsync());
    }

    [Fact]
    public async Task A_kill_between_two_slices_of_one_device_loses_nothing_and_brings_nothing_twice()
    {
        await using var database = await TestDatabase.ForThisTestAsync();
        await using (var before = await StartAsync(database: database))
        {
            await before.StoreAsync(Message("a", "{}") with { Readings = [.. Enumerable.Range(0, 2_500).Select(i => new Reading(Noon.AddSeconds(i), true, """{"t":1}"""u8.ToArray()))] });
            before.Store.KillAfterMerges(1);
            await Assert.ThrowsAsync<InvalidDataException>(before.MergeAsync);
            Assert.Equal(1_000, await before.RowsAsync());
            Assert.Equal(0, await before.InDatabaseAsync(db => db.Devices.Select(device => device.LastReceivedUs).SingleAsync())); // its state comes with its last reading
            before.Log.AssertClean("TelemetryNotMerged");
        }

        await using var after = await StartAsync(database: database);
        Assert.Equal(2_500, (await after.BodiesAsync("a")).Count);
        await after.MergeAsync();

        Assert.Equal(2_500, await after.RowsAsync());
        Assert.Empty(await after.Store.ReadLogAsync(0, 10, default));
    }

    [Fact]
    public async Task Ids_rise_over_a_restart()
    {
        await using var database = await TestDatabase.ForThisTestAsync();
        await using (var before = await StartAsync(database: database)) await before.StoreAsync(Message("a", "1"), Message("a", "2"));
        await using var after = await StartAsync(database: database);
        await after.StoreAsync(Message("a", "3"));

        var ids = await after.Reader.ReadAsync(new ReadingRange("a"), default).Select(reading => reading.Id).ToListAsync();
        Assert.Equal([ids[0], ids[0] + 1, ids[0] + 2], ids);
    }

    [Fact]
    public async Task The_newest_values_are_found_merged_or_not_and_by_the_devices_time()
    {
        await using var bench = await StartAsync();
        await bench.StoreAsync(Message("a", """{"t":1,"on":true}""", second: 5), Message("a", """{"t":9,"at":{"x":1.5}}""", second: 3));
        await bench.MergeAsync();
        await bench.StoreAsync(Message("a", """{"t":2,"name":"Halle"}""", second: 6));

        var latest = Assert.Single(await bench.Reader.LatestAsync(["a", "nobody"], default)).Latest;

        Assert.Equal(
            ["at.x=1.5", "name=Halle", "on=1", "t=2"],
            latest.Values.OrderBy(value => value.Name, StringComparer.Ordinal).Select(value => FormattableString.Invariant($"{value.Name}={value.Text ?? (object)value.Number}")));
        Assert.Equal(latest.Values.Count(), LatestValues.FromBytes(latest.ToBytes()).Count);
    }

    [Fact]
    public async Task Each_hour_that_a_merge_touches_is_marked_for_its_rollup()
    {
        await using var bench = await StartAsync();
        await bench.StoreAsync(Message("a", "{}", second: 0), Message("a", "{}", second: 3_599), Message("a", "{}", second: 3_600), Message("a", "{}", second: -1));
        await bench.MergeAsync();

        var noon = (int)(Noon - DateTimeOffset.UnixEpoch).TotalHours;
        Assert.Equal([noon - 1, noon, noon + 1], await bench.InDatabaseAsync(db => db.StaleHours.OrderBy(mark => mark.Hour).Select(mark => mark.Hour).ToListAsync()));
    }

    [Fact]
    public async Task A_log_that_holds_all_it_may_makes_storing_wait_for_the_merge()
    {
        await using var bench = await StartAsync(new TelemetryOptions { MaxTailMegabytes = 1 });
        var text = new string('x', 400_000);
        for (var i = 0; i < 6; i++) await bench.StoreAsync(Message("a", $$"""{"text":"{{text}}"}""", second: i));

        Assert.InRange(await bench.RowsAsync(), 3, 5); // the first merge was forced at the fourth message
    }
}
