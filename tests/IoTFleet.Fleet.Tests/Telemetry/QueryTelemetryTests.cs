using System.Text;
using IoTFleet.Fleet.Devices;
using IoTFleet.Fleet.Telemetry;
using IoTFleet.Fleet.Telemetry.Formats;

namespace IoTFleet.Fleet.Tests.Telemetry;

public class QueryTelemetryTests
{
    private static readonly DateTimeOffset Noon = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public async Task The_latest_is_by_the_devices_own_time()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.StoreAsync(Point("pump-1", 5), Point("pump-1", 9), Point("pump-1", 7), Point("pump-2", 11));

        var latest = Assert.Single((await FoundAsync(fleet, query => query.LatestAsync(TestFleet.Viewer, "pump-1", default))).Rows);

        Assert.Equal((Noon.AddSeconds(9), """{"s":9}""", 9L), (latest.Time, Encoding.UTF8.GetString(latest.Body.Span), latest.Sequence));
    }

    [Fact]
    public async Task Of_equal_times_the_later_stored_is_the_latest()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.StoreAsync(Point("pump-1", 5) with { Sequence = 1 }, Point("pump-1", 5) with { Sequence = 2 });

        Assert.Equal(2, (await FoundAsync(fleet, query => query.LatestAsync(TestFleet.Viewer, "pump-1", default))).Rows[0].Sequence);
    }

    [Fact]
    public async Task A_silent_device_is_told_apart_from_an_unknown_one()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.Get<RegisterDevice>().RunAsync(TestFleet.Admin, new("pump-1"), default);
        var query = fleet.Get<QueryTelemetry>();

        Assert.Empty((await FoundAsync(fleet, q => q.LatestAsync(TestFleet.Viewer, "pump-1", default))).Rows);
        Assert.Empty((await FoundAsync(fleet, q => q.RangeAsync(TestFleet.Viewer, new("pump-1"), default))).Rows);
        Assert.IsType<QueryTelemetryResult.UnknownDevice>(await query.LatestAsync(TestFleet.Viewer, "pump-2", default));
        Assert.IsType<QueryTelemetryResult.UnknownDevice>(await query.RangeAsync(TestFleet.Viewer, new("pump-2"), default));
    }

    [Fact]
    public async Task The_overview_has_the_newest_of_each_of_the_devices_last_heard_of()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.StoreAsync(Point("a", 1), Point("b", 2), Point("a", 3), Point("c", 4));

        var found = await FoundAsync(fleet, query => query.LatestOfManyAsync(TestFleet.Viewer, 2, default));

        Assert.Equal([("c", 4L), ("a", 3L)], found.Rows.Select(row => (row.DeviceId, row.Sequence!.Value)));
    }

    [Fact]
    public async Task A_range_includes_its_beginning_and_not_its_end()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.StoreAsync(Point("a", 1), Point("a", 2), Point("a", 3), Point("a", 4), Point("b", 2));
        var range = new TelemetryRange("a", Noon.AddSeconds(2), Noon.AddSeconds(4));

        var found = await FoundAsync(fleet, query => query.RangeAsync(TestFleet.Viewer, range, default));

        Assert.Equal([2L, 3L], found.Rows.Select(row => row.Sequence!.Value));
    }

    [Fact]
    public async Task Pages_of_a_range_follow_each_other_without_gap_or_repeat_even_within_one_time()
    {
        await using var fleet = await TestFleet.StartAsync();
        int[] seconds = [3, 1, 2, 2, 2, 2, 0];
        await fleet.StoreAsync([.. seconds.Select((second, i) => Point("a", second) with { Sequence = i })]);

        var seen = new List<long>();
        string? cursor = null;
        do
        {
            var page = await FoundAsync(fleet, query => query.RangeAsync(TestFleet.Viewer, new("a", Cursor: cursor, Limit: 2), default));
            seen.AddRange(page.Rows.Select(row => row.Sequence!.Value));
            cursor = page.Next;
        }
        while (cursor is not null);

        Assert.Equal([6, 1, 2, 3, 4, 5, 0], seen);
    }

    [Theory]
    [InlineData("")]
    [InlineData("12")]
    [InlineData("12-")]
    [InlineData("12-x")]
    [InlineData("9223372036854775808-1")]
    public async Task A_cursor_that_is_not_ours_is_refused(string cursor)
    {
        await using var fleet = await TestFleet.StartAsync();

        var result = await fleet.Get<QueryTelemetry>().RangeAsync(TestFleet.Viewer, new("a", Cursor: cursor), default);

        Assert.IsType<QueryTelemetryResult.InvalidCursor>(result);
    }

    private static TelemetryMessage Point(string device, int second) => new(
        device, "", Noon.AddHours(1).AddSeconds(second), second, null, default,
        [new Reading(Noon.AddSeconds(second), true, Encoding.UTF8.GetBytes($$"""{"s":{{second}}}"""))]);

    private static async Task<QueryTelemetryResult.Found> FoundAsync(
        TestFleet fleet, Func<QueryTelemetry, Task<QueryTelemetryResult>> ask) =>
        Assert.IsType<QueryTelemetryResult.Found>(await ask(fleet.Get<QueryTelemetry>()));
}
