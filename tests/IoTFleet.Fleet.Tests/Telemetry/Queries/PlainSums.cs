using System.Globalization;
using System.Text;
using IoTFleet.Fleet.Devices;
using IoTFleet.Fleet.Telemetry;
using IoTFleet.Fleet.Telemetry.Formats;
using IoTFleet.Fleet.Telemetry.Queries;
using IoTFleet.Fleet.Telemetry.Rollups;
using IoTFleet.Fleet.Telemetry.Store;

namespace IoTFleet.Fleet.Tests.Telemetry.Queries;

/// <summary>Random readings, kept beside the fleet by the test itself, and what buckets of them must say, computed the plain way.</summary>
internal sealed class PlainSums(TestFleet fleet, int seed, int hours)
{
    internal static readonly DateTimeOffset Start = new(2026, 1, 30, 0, 0, 0, TimeSpan.Zero);
    internal static readonly string[] Devices = ["pump-1", "pump-2"];

    private readonly Random _random = new(seed);
    private readonly List<Value> _values = [];
    private int _stored;

    internal static async Task<PlainSums> StartAsync(TestFleet fleet, int seed, int hours = 30)
    {
        foreach (var device in Devices) await fleet.Get<RegisterDevice>().RunAsync(TestFleet.Admin, new(device), default);
        return new PlainSums(fleet, seed, hours);
    }

    /// <summary>Anywhere in the hours, in no order, now and then at a time that was before.</summary>
    internal async Task StoreAsync(int readings)
    {
        var storing = new List<Task>();
        for (var i = 0; i < readings; i++)
        {
            var (device, stream) = (Devices[_random.Next(2)], _random.Next(4) == 0 ? "engine" : "");
            var time = Start.AddSeconds(_random.Next(3) == 0 ? _random.Next(18) * 6_000 : _random.Next(hours * 3_600));
            storing.Add(await AcceptAsync(device, stream, time));
        }
        await Task.WhenAll(storing);
    }

    /// <summary>A reading at each of the times; what has gathered goes in one commit.</summary>
    internal async Task StoreAsync(string device, string stream, params DateTimeOffset[] times)
    {
        var storing = new List<Task>();
        foreach (var time in times) storing.Add(await AcceptAsync(device, stream, time));
        await Task.WhenAll(storing);
    }

    private ValueTask<Task> AcceptAsync(string device, string stream, DateTimeOffset time)
    {
        var t = _random.Next(5) switch
        {
            0 => Math.Round(_random.NextDouble() * 100, 3),
            1 => -_random.Next(1_000),
            2 => (_random.NextDouble() - 0.5) * 1e300,
            3 => _random.NextDouble() * 1e-300,
            _ => 0,
        };
        var on = _random.Next(2) == 1;
        var text = string.Create(CultureInfo.InvariantCulture, $$"""{"t":{{t:R}},"at":{"on":{{(on ? "true" : "false")}},"name":"x"},"huge":1e999,"list":[1]}""");
        Add(device, stream, "t", time, t);
        Add(device, stream, "at.on", time, on ? 1 : 0);
        _stored++;
        return fleet.Get<TelemetryIngest>().AcceptAsync(new TelemetryMessage(device, stream, Start, _stored, null, default, [new Reading(time, true, Encoding.UTF8.GetBytes(text))]), default);
    }

    internal Task MergeAsync() => fleet.Get<TelemetryMerger>().MergeNowAsync(default);

    internal Task RollUpAsync() => fleet.Get<TelemetryRollup>().PassAsync(all: true, default);

    internal async Task<ReadBucketsResult.Found> AskAsync(ReadBucketsRequest request) =>
        Assert.IsType<ReadBucketsResult.Found>(await fleet.Get<ReadBuckets>().RunAsync(TestFleet.Viewer, request, default));

    /// <summary>Asks, and compares with what the plain way gives.</summary>
    internal async Task CheckAsync(string width, string? device = null, double fromHours = 0, double? toHours = null, bool quantiles = false)
    {
        Assert.True(BucketWidth.TryParse(width, out var bucket));
        var (from, to) = (Start.AddSeconds(Math.Round(fromHours * 3_600, 3)), Start.AddSeconds(Math.Round((toHours ?? hours) * 3_600, 3)));
        var found = await AskAsync(new ReadBucketsRequest(new DeviceFilter(device is null ? [] : [device]), MetricSelection.All, from, to, bucket, Start, WithQuantiles: quantiles));
        var inside = _values.Where(value => (device is null || value.Device == device) && value.Time >= from && value.Time < to).ToList();
        var step = TimeSpan.FromMicroseconds(bucket.Us);
        var expected = inside.GroupBy(value => (value.Stream, value.Metric)).OrderBy(series => series.Key.Stream, StringComparer.Ordinal).ThenBy(series => series.Key.Metric, StringComparer.Ordinal).ToList();
        Assert.Equal(expected.Select(series => series.Key), found.Series.Select(series => (series.Stream, series.Metric)));
        foreach (var (series, got) in expected.Zip(found.Series))
        {
            var buckets = series.GroupBy(value => Start.AddTicks((value.Time - Start).Ticks / step.Ticks * step.Ticks)).OrderBy(one => one.Key).ToList();
            Assert.Equal(buckets.Select(one => (one.Key, (long)one.Count())), got.Buckets.Select(one => (one.Start, one.Count)));
            foreach (var (values, figures) in buckets.Zip(got.Buckets.Select(one => one.Figures!))) Compare([.. values], figures, quantiles, found.QuantileError);
        }
    }

    private static void Compare(List<Value> values, BucketFigures figures, bool quantiles, double? error)
    {
        var sorted = values.Select(value => value.Number).Order().ToList();
        var magnitude = sorted.Sum(Math.Abs);
        Assert.Equal((sorted[0], sorted[^1]), (figures.Min, figures.Max));
        Assert.InRange(Math.Abs(sorted.Sum() - figures.Sum), 0, magnitude * 1e-12);
        Assert.InRange(Math.Abs(sorted.Sum() / sorted.Count - figures.Average), 0, magnitude * 1e-12);
        // Of two devices at the same time either may be the first; of one device the one that was stored first.
        Assert.Contains(figures.First, values.Where(value => value.Time == values.Min(other => other.Time)).GroupBy(value => value.Device).Select(one => one.MinBy(value => value.Order)!.Number));
        Assert.Contains(figures.Last, values.Where(value => value.Time == values.Max(other => other.Time)).GroupBy(value => value.Device).Select(one => one.MaxBy(value => value.Order)!.Number));
        if (!quantiles) return;
        foreach (var (at, got) in ((double, double?)[])[(0.5, figures.P50), (0.95, figures.P95), (0.99, figures.P99)])
        {
            var exact = sorted[Math.Max(0, (int)Math.Ceiling(at * sorted.Count) - 1)];
            Assert.InRange(Math.Abs(got!.Value - exact), 0, Math.Abs(exact) * (error!.Value + 1e-9));
        }
    }

    private void Add(string device, string stream, string metric, DateTimeOffset time, double number) =>
        _values.Add(new Value(device, stream, metric, time, _stored, number));

    private sealed record Value(string Device, string Stream, string Metric, DateTimeOffset Time, int Order, double Number);
}
