using System.Text;
using System.Text.Json;
using IoTFleet.Fleet.Devices;
using IoTFleet.Fleet.Telemetry;
using IoTFleet.Fleet.Telemetry.Formats;
using IoTFleet.Fleet.Telemetry.Queries;
using IoTFleet.Fleet.Telemetry.Store;
using IoTFleet.Fleet.Tests.Databases;
using IoTFleet.Testing;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Tests.Telemetry.Queries;

public class ValueTests
{
    private static readonly DateTimeOffset Noon = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public async Task Latest_values_are_found_by_group_tag_and_metric_page_by_page()
    {
        await using var fleet = await StartAsync("a", "b", "c", "d");
        await fleet.ReadAsync(db => db.Devices.Where(device => device.Id != "a").ExecuteUpdateAsync(set => set.SetProperty(device => device.GroupId, "line-4").SetProperty(device => device.Tags, new[] { "hall=2" })));
        foreach (var device in (string[])["a", "b", "c"]) await StoreAsync(fleet, device, 1, """{"t":1,"on":true}""");
        await StoreAsync(fleet, "b", 2, """{"t":2}""", "engine");

        var first = await LatestAsync(fleet, new(new DeviceFilter([], "line-4", "hall=2"), new MetricSelection(["t"]), Limit: 2));
        var second = await LatestAsync(fleet, new(new DeviceFilter([], "line-4", "hall=2"), new MetricSelection(["t"]), first.Next, 2));

        Assert.Equal(["b: t=1 engine/t=2", "c: t=1", "d:"], first.Devices.Concat(second.Devices).Select(Text));
        Assert.Null(second.Next);
        Assert.Equal(["a: on=1 t=1"], (await LatestAsync(fleet, new(new DeviceFilter([], "default"), MetricSelection.All))).Devices.Select(Text));
        Assert.Empty((await LatestAsync(fleet, new(new DeviceFilter(["a"], "line-4"), MetricSelection.All))).Devices);
        Assert.IsType<ReadLatestValuesResult.UnknownDevice>(await fleet.Get<ReadLatestValues>().RunAsync(TestFleet.Viewer, new(new DeviceFilter(["x"]), MetricSelection.All), default));
    }

    [Theory]
    [InlineData(false, "1 3 4 5")]
    [InlineData(true, "5 4 3 1")]
    public async Task A_history_has_the_readings_with_the_metric_page_by_page_both_ways(bool newestFirst, string expected)
    {
        await using var fleet = await StartAsync("a");
        foreach (var second in (int[])[4, 1, 3]) await StoreAsync(fleet, "a", second, $$"""{"at":{"s":{{second}}},"more":1}""");
        await StoreAsync(fleet, "a", 2, """{"more":1}""");
        await fleet.Get<TelemetryMerger>().MergeNowAsync(default);
        await StoreAsync(fleet, "a", 5, """{"at":{"s":5}}""");

        var (seen, cursor) = (new List<string>(), (string?)null);
        do
        {
            var result = await fleet.Get<ReadHistory>().RunAsync(TestFleet.Viewer, new("a", new MetricSelection(["at.s"]), NewestFirst: newestFirst, Cursor: cursor, Limit: 2), default);
            var page = Assert.IsType<ReadHistoryResult.Found>(result);
            seen.AddRange(page.Readings.Select(reading => Values(reading, new MetricSelection(["at.s"]))));
            cursor = page.Next;
        }
        while (cursor is not null);

        Assert.Equal(expected.Split(' ').Select(second => $$"""{"at.s":{{second}}}"""), seen);
    }

    [Fact]
    public async Task What_is_stored_is_seen_by_who_watches_it_and_what_is_missed_is_said()
    {
        await using var fleet = await StartAsync("a", "b");
        var may = true;
        await using var events = (await WatchAsync(fleet, new(new DeviceFilter([], Tag: "hall=2"), new MetricSelection(["t"])), () => may)).GetAsyncEnumerator();
        await fleet.ReadAsync(db => db.Devices.Where(device => device.Id == "b").ExecuteUpdateAsync(set => set.SetProperty(device => device.Tags, new[] { "hall=2" })));
        Assert.True(await events.MoveNextAsync());
        Assert.IsType<WatchedEvent.Quiet>(events.Current);

        await StoreAsync(fleet, "a", 1, """{"t":1}""");
        await StoreAsync(fleet, "b", 2, """{"x":2}""");
        await StoreAsync(fleet, "b", 3, """{"t":3}""");
        Assert.True(await events.MoveNextAsync());
        Assert.Equal(Noon.AddSeconds(3), Assert.IsType<WatchedEvent.Stored>(events.Current).Reading.Time);

        fleet.Get<TelemetryFeed>().Publish([.. Enumerable.Range(0, WatchTelemetry.Capacity + 3).Select(n => Message("a", n, "{}"))]);
        Assert.True(await events.MoveNextAsync());
        Assert.Equal(new WatchedEvent.Missed(3), events.Current);

        may = false;
        var next = events.MoveNextAsync().AsTask();
        Assert.False(next.IsCompleted);
        await Eventually.TrueAsync(() =>
        {
            fleet.Clock.Advance(TimeSpan.FromSeconds(1));
            return Task.FromResult(next.IsCompleted);
        });
        Assert.False(await next);
    }

    [Fact]
    public async Task Only_so_many_watch_at_once_and_one_who_goes_makes_room()
    {
        await using var fleet = await StartAsync();
        var watching = new List<IAsyncEnumerator<WatchedEvent>>();
        for (var i = 0; i < WatchTelemetry.MaxWatchers; i++)
        {
            watching.Add((await WatchAsync(fleet, new(new DeviceFilter([]), MetricSelection.All), () => true)).GetAsyncEnumerator());
            await watching[i].MoveNextAsync();
        }

        Assert.IsType<WatchTelemetryResult.TooMany>(await AskAsync());
        await watching[0].DisposeAsync();
        Assert.IsType<WatchTelemetryResult.Watching>(await AskAsync());
        foreach (var one in watching) await one.DisposeAsync();

        Task<WatchTelemetryResult> AskAsync() => fleet.Get<WatchTelemetry>().RunAsync(TestFleet.Viewer, new(new DeviceFilter([]), MetricSelection.All), _ => Task.FromResult(true), default, default);
    }

    [Theory]
    [InlineData("ReadingRange", "SEARCH t USING PRIMARY KEY (Device=? AND TimeUs>? AND TimeUs<?)")]
    [InlineData("Next page", "SEARCH t USING PRIMARY KEY (Device=? AND TimeUs>? AND TimeUs<?)")]
    [InlineData("Newest", "SEARCH t USING PRIMARY KEY (Device=? AND TimeUs>? AND TimeUs<?)")]
    public async Task A_devices_readings_are_searched_by_the_key_they_lie_in(string what, string expected)
    {
        TestDatabase.OnlyOnSqlite("Plans are told in its words.");
        await using var fleet = await StartAsync("a");
        await StoreAsync(fleet, "a", 1, """{"t":1}""");
        await fleet.Get<TelemetryMerger>().MergeNowAsync(default);
        var range = what switch
        {
            "Next page" => new ReadingRange("a", 0, After: (5, 6)),
            "Newest" => new ReadingRange("a", NewestFirst: true),
            _ => new ReadingRange("a", 0, 1_000),
        };
        await using var db = await fleet.Get<IDbContextFactory<TelemetryDbContext>>().CreateDbContextAsync();
        await using var command = TelemetryReader.Rows(db, range).CreateDbCommand();
        command.CommandText = "EXPLAIN QUERY PLAN " + command.CommandText;
        await db.Database.OpenConnectionAsync();
        var plan = new List<string>();
        await using (var rows = await command.ExecuteReaderAsync())
        {
            while (await rows.ReadAsync()) plan.Add(rows.GetString(3));
        }

        Assert.Contains(expected, plan);
        Assert.DoesNotContain(plan, step => step.Contains("TEMP B-TREE", StringComparison.Ordinal) || step.StartsWith("SCAN", StringComparison.Ordinal));
    }

    private static string Text(DeviceValues device) =>
        $"{device.DeviceId}:{string.Concat(device.Values.Select(value => $" {(value.Stream.Length == 0 ? "" : value.Stream + "/")}{value.Name}={value.Number}"))}";

    private static string Values(StoredReading reading, MetricSelection metrics)
    {
        using var text = new MemoryStream();
        using (var json = new Utf8JsonWriter(text)) ReadingValues.Write(reading, metrics, json);
        return Encoding.UTF8.GetString(text.ToArray());
    }

    private static async Task<ReadLatestValuesResult.Found> LatestAsync(TestFleet fleet, ReadLatestValuesRequest request) =>
        Assert.IsType<ReadLatestValuesResult.Found>(await fleet.Get<ReadLatestValues>().RunAsync(TestFleet.Viewer, request, default));

    private static async Task<IAsyncEnumerable<WatchedEvent>> WatchAsync(TestFleet fleet, WatchTelemetryRequest request, Func<bool> may) =>
        Assert.IsType<WatchTelemetryResult.Watching>(await fleet.Get<WatchTelemetry>().RunAsync(TestFleet.Viewer, request, _ => Task.FromResult(may()), default, default)).Events;

    private static async Task<TestFleet> StartAsync(params string[] devices)
    {
        var fleet = await TestFleet.StartAsync();
        foreach (var device in devices) await fleet.Get<RegisterDevice>().RunAsync(TestFleet.Admin, new(device), default);
        return fleet;
    }

    private static Task StoreAsync(TestFleet fleet, string device, int second, string json, string stream = "") => fleet.StoreAsync(Message(device, second, json, stream));

    private static TelemetryMessage Message(string device, int second, string json, string stream = "") =>
        new(device, stream, Noon, null, null, default, [new Reading(Noon.AddSeconds(second), true, Encoding.UTF8.GetBytes(json))]);
}
