using System.Globalization;
using System.Text;
using IoTFleet.Api;
using IoTFleet.Fleet.Telemetry;
using IoTFleet.Fleet.Telemetry.Formats;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests;

/// <summary>Real data, stored row by row: what the file says is what REST gives back, and buckets of it are what this test computes itself.</summary>
public sealed class TelemetryReplayTests : IAsyncLifetime
{
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Each_value_of_each_engine_comes_back_as_it_stands_in_the_file()
    {
        var lines = await File.ReadAllLinesAsync(TestData.Require("turbofan-fd001.csv"));
        var names = lines[0].Split(',')[1..];
        var rows = lines[1..].Select(line => line.Split(',', 2)).ToList();
        foreach (var engine in rows.Select(row => row[0]).Distinct()) await _server.Client.RegisterDeviceAsync(new RegisterDeviceRequest { Id = engine });
        await StoreAsync(rows.Select((row, n) => (row[0], Start.AddHours(int.Parse(row[1].Split(',')[0], CultureInfo.InvariantCulture)), Json(names, row[1].Split(',')))));

        using var file = new MemoryStream();
        await _server.Client.ExportTelemetryAsync(new TelemetryDevices(), "csv", file, names);

        var exported = Encoding.UTF8.GetString(file.ToArray()).Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(rows.Select(row => (row[0], row[1])), exported.Skip(1).Select(line => line.Split(',', 6)).Select(fields => (fields[0], fields[5])));
    }

    [Theory]
    [InlineData("1h", 1)]
    [InlineData("1d", 24)]
    public async Task Buckets_of_a_machines_temperature_are_those_of_a_plain_computation(string bucket, int hours)
    {
        var rows = (await File.ReadAllLinesAsync(TestData.Require("machine-temperature.csv"))).Skip(1).Select(line => line.Split(',')).ToList();
        var values = rows.ConvertAll(row => (Time: DateTimeOffset.Parse(row[0], CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal), Value: double.Parse(row[1], CultureInfo.InvariantCulture)));
        await _server.Client.RegisterDeviceAsync(new RegisterDeviceRequest { Id = "machine" });
        await StoreAsync(rows.Select((row, n) => ("machine", values[n].Time, Json(["value"], [row[1]]))));

        var history = await _server.Client.GetTelemetryHistoryAsync("machine", ["value"]).Select(reading => reading.Values["value"].GetRawText()).ToListAsync();
        Assert.Equal(rows.Select((row, n) => (values[n].Time, n, row[1])).Order().Select(row => row.Item3), history);

        var from = new DateTimeOffset(values.Min(value => value.Time).Date, TimeSpan.Zero);
        var found = await _server.Client.GetTelemetryBucketsAsync(new TelemetryBucketsQuery
        {
            Devices = TelemetryDevices.Of("machine"),
            From = from,
            To = from.AddDays(100),
            Bucket = bucket,
            Aggregates = ["count", "min", "max", "avg", "first", "last", "p95"],
        });
        var width = TimeSpan.FromHours(hours).Ticks;
        var expected = values.Select((value, n) => (value.Time, value.Value, n)).GroupBy(value => from.AddTicks((value.Time - from).Ticks / width * width)).OrderBy(one => one.Key).ToList();
        Assert.Equal(expected.Select(one => one.Key), Assert.Single(found.Series).Buckets.Select(one => one.Start));
        foreach (var (all, got) in expected.Zip(found.Series[0].Buckets)) Compare([.. all.OrderBy(value => value.Time).ThenBy(value => value.n).Select(value => value.Value)], got, found.PercentileError!.Value);
    }

    private static void Compare(List<double> values, TelemetryBucket got, double error)
    {
        var sorted = values.Order().ToList();
        Assert.Equal((values.Count, sorted[0], sorted[^1], values[0], values[^1]), ((int)got.Count, got.Min!.Value, got.Max!.Value, got.First!.Value, got.Last!.Value));
        Assert.Equal(values.Average(), got.Avg!.Value, 1e-9);
        var p95 = sorted[(int)Math.Ceiling(0.95 * sorted.Count) - 1];
        Assert.Equal(p95, got.P95!.Value, Math.Abs(p95) * error + 1e-12);
    }

    private async Task StoreAsync(IEnumerable<(string Device, DateTimeOffset Time, string Json)> rows)
    {
        var storing = new List<Task>();
        foreach (var (device, time, json) in rows)
        {
            storing.Add(await _server.Get<TelemetryIngest>().AcceptAsync(
                new TelemetryMessage(device, "", time, storing.Count, null, default, [new Reading(time, true, Encoding.UTF8.GetBytes(json))]), default));
        }
        await Task.WhenAll(storing);
    }

    /// <summary>Numbers as they stand in the file.</summary>
    private static string Json(string[] names, string[] values) => $"{{{string.Join(',', names.Zip(values, (name, value) => $"\"{name}\":{value}"))}}}";
}
