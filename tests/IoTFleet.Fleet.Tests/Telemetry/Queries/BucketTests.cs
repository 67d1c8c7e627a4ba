using System.Text;
using IoTFleet.Fleet.Devices;
using IoTFleet.Fleet.Telemetry.Formats;
using IoTFleet.Fleet.Telemetry.Queries;

namespace IoTFleet.Fleet.Tests.Telemetry.Queries;

public class BucketTests
{
    private static readonly DateTimeOffset Noon = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData(GapFilling.None, "1 4")]
    [InlineData(GapFilling.Null, "- 1 - - 4 -")]
    [InlineData(GapFilling.Previous, "- 1 1 1 4 4")]
    [InlineData(GapFilling.Linear, "- 1 2 3 4 -")]
    public async Task A_gap_is_filled_as_asked(GapFilling gaps, string expected)
    {
        await using var fleet = await StartAsync(("a", 61, 1), ("a", 250, 4));

        var series = Assert.Single((await AskAsync(fleet, new(Only("a"), MetricSelection.All, Noon, Noon.AddMinutes(6), Width("1m"), Gaps: gaps))).Series);

        Assert.Equal(expected, string.Join(' ', series.Buckets.Select(bucket => bucket.Figures?.Average.ToString() ?? "-")));
        Assert.Equal(2, series.Buckets.Sum(bucket => bucket.Count));
    }

    [Fact]
    public async Task Weeks_begin_on_mondays_and_months_on_their_first_unless_an_origin_says_otherwise()
    {
        await using var fleet = await StartAsync(("a", 0, 1), ("a", 86_400, 2));

        Assert.Equal(["01-26 00"], await StartsAsync("1w"));
        Assert.Equal(["01-01 00", "02-01 00"], await StartsAsync("1mo"));
        Assert.Equal(["01-15 06"], await StartsAsync("1mo", new DateTimeOffset(2020, 3, 15, 6, 0, 0, TimeSpan.Zero)));
        Assert.Equal(["01-31 01", "02-01 01"], await StartsAsync("1d", new DateTimeOffset(2030, 1, 1, 1, 0, 0, TimeSpan.Zero)));

        async Task<IEnumerable<string>> StartsAsync(string width, DateTimeOffset? origin = null) =>
            (await AskAsync(fleet, new(Only("a"), MetricSelection.All, Noon, Noon.AddDays(20), Width(width), origin))).Series[0].Buckets.Select(bucket => bucket.Start.ToString("MM-dd HH"));
    }

    [Fact]
    public async Task A_group_of_devices_goes_into_the_same_buckets()
    {
        await using var fleet = await StartAsync(("a", 1, 1), ("b", 2, 5), ("c", 3, 100), ("a", 4, 3));

        var found = await AskAsync(fleet, new(new DeviceFilter(["a", "b"]), MetricSelection.All, Noon, Noon.AddMinutes(1), Width("1m"), WithQuantiles: true));

        var figures = Assert.Single(Assert.Single(found.Series).Buckets).Figures;
        Assert.Equal(new BucketFigures(1, 5, 3, 9, 1, 3, 3, 5, 5), figures);
        Assert.Equal((2, 0d), (found.Devices, found.QuantileError));
    }

    [Fact]
    public async Task What_cannot_be_asked_is_said()
    {
        await using var fleet = await StartAsync(("a", 1, 1));

        await RefusedAsync("before", Noon, Noon, "1m");
        await RefusedAsync("buckets", Noon, Noon.AddDays(1), "1s");
        await RefusedAsync("first 28 days", Noon, Noon.AddDays(1), "1mo", Noon);
        await RefusedAsync("device-hours", Noon, Noon.AddDays(1_000), "86399s");
        Assert.IsType<ReadBucketsResult.UnknownDevice>(await fleet.Get<ReadBuckets>().RunAsync(TestFleet.Viewer, new(Only("x"), MetricSelection.All, Noon, Noon.AddDays(1), Width("1h")), default));

        async Task RefusedAsync(string why, DateTimeOffset from, DateTimeOffset to, string width, DateTimeOffset? origin = null)
        {
            var result = await fleet.Get<ReadBuckets>().RunAsync(TestFleet.Viewer, new(Only("a"), MetricSelection.All, from, to, Width(width), origin), default);
            Assert.Contains(why, Assert.IsType<ReadBucketsResult.Invalid>(result).Problem, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("1")]
    [InlineData("0s")]
    [InlineData("m")]
    [InlineData("-1m")]
    [InlineData("1 m")]
    [InlineData("1M")]
    [InlineData("13mo")]
    [InlineData("9999999w")]
    [InlineData("99999999999s")]
    public void What_is_no_width_is_refused(string text) => Assert.False(BucketWidth.TryParse(text, out _));

    private static async Task<TestFleet> StartAsync(params (string Device, int Second, double Value)[] readings)
    {
        var fleet = await TestFleet.StartAsync();
        foreach (var device in readings.Select(reading => reading.Device).Distinct()) await fleet.Get<RegisterDevice>().RunAsync(TestFleet.Admin, new(device), default);
        foreach (var (device, second, value) in readings)
            await fleet.StoreAsync(new TelemetryMessage(device, "", Noon, null, null, default, [new Reading(Noon.AddSeconds(second), true, Encoding.UTF8.GetBytes($$"""{"v":{{value}}}"""))]));
        return fleet;
    }

    private static async Task<ReadBucketsResult.Found> AskAsync(TestFleet fleet, ReadBucketsRequest request) =>
        Assert.IsType<ReadBucketsResult.Found>(await fleet.Get<ReadBuckets>().RunAsync(TestFleet.Viewer, request, default));

    private static DeviceFilter Only(string device) => new([device]);

    private static BucketWidth Width(string text) => BucketWidth.TryParse(text, out var width) ? width : throw new FormatException(text);
}
