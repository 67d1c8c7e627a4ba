using System.Globalization;
using System.Text;
using IoTFleet.Fleet;
using IoTFleet.Fleet.Telemetry.Rollups;
using IoTFleet.Fleet.Telemetry.Store;

namespace IoTFleet.Benchmarks.Telemetry;

/// <summary>Makes a device's messages, always the same ones.</summary>
/// <param name="number">In the tables.</param>
/// <param name="id">Its name.</param>
/// <param name="seed">Its own.</param>
/// <param name="each">Messages in all.</param>
internal sealed class StockDevice(int number, string id, int seed, int each)
{
    /// <summary>As many hashes as a device's last messages are known by.</summary>
    private const int RecentBytes = 128 * sizeof(ulong);

    private readonly Random _random = new(seed);
    private readonly int _dense = each * 864 / 1_000;
    private int _next;

    internal (TelemetryDevice State, List<TelemetryRow> Rows) Until(DateTimeOffset to)
    {
        var rows = new List<TelemetryRow>();
        for (; _next < each && TimeOf(_next) < to; _next++) rows.Add(Row(_next));
        var latest = new LatestValues.Builder(LatestValues.None);
        foreach (var row in rows.TakeLast(1)) latest.Add("", row.TimeUs, row.Body);
        return (new TelemetryDevice { Number = number, DeviceId = id, LastReceivedUs = rows.LastOrDefault()?.ReceivedUs ?? 0, Latest = latest.Build().ToBytes(), Recent = new byte[RecentBytes] }, rows);
    }

    internal static MergeSlice Slice(IReadOnlyList<(TelemetryDevice State, List<TelemetryRow> Rows)> devices)
    {
        var rows = devices.SelectMany(device => device.Rows).ToList();
        var marks = rows.GroupBy(row => (row.Device, Hour: Hours.Of(row.TimeUs))).Select(hour => new StaleHour { Device = hour.Key.Device, Hour = hour.Key.Hour, Version = hour.Max(row => row.Id) });
        return new MergeSlice(rows, [.. devices.Where(device => device.Rows.Count > 0).Select(device => device.State)], [.. marks], null);
    }

    private DateTimeOffset TimeOf(int message) => message < each - _dense
        ? QueryStock.Start.AddSeconds(message * 29L * 86_400 / (each - _dense))
        : QueryStock.LastDay.AddSeconds((message - each + _dense) * 86_400L / _dense);

    private TelemetryRow Row(int message)
    {
        var timeUs = EpochTime.ToMicroseconds(TimeOf(message));
        var body = string.Create(CultureInfo.InvariantCulture, $$"""{"temperature":{{20 + 5 * Math.Sin(message / 100.0) + _random.NextDouble():0.00}},"humidity":{{_random.Next(300, 600) / 10.0:0.0}},"running":{{(message % 7 == 0 ? "false" : "true")}}}""");
        return new TelemetryRow
        {
            Device = number,
            TimeUs = timeUs,
            Id = (1L << 44) + message * (long)QueryStock.Devices + seed, // rises with time, over all devices
            ReceivedUs = timeUs + 20_000,
            Stream = "",
            Body = Encoding.UTF8.GetBytes(body),
        };
    }
}
