using System.Text;
using IoTFleet.Fleet.Telemetry;
using IoTFleet.Fleet.Telemetry.Formats;
using IoTFleet.Fleet.Telemetry.Rules;

namespace IoTFleet.Benchmarks;

/// <summary>What rules cost a message of 11 values, from the feed to the verdicts. The floor is to go through its values; without rules nobody watches.</summary>
internal static class RuleBenchmark
{
    private const int Operations = 100_000;
    private const int Batch = 100;
    private const string Values = "go through the values";

    private static readonly byte[] Json = Encoding.UTF8.GetBytes(
        """{"ts":1769860800123,"seq":1234567,"temperature":21.437,"pressure":1.01325,"rpm":1480,"vibration":{"x":0.0123,"y":0.0119,"z":-0.981},"state":"running","alarm":false,"level":78.25,"flow":12.75,"mode":3}""");

    private static readonly string[] Metrics = ["temperature", "pressure", "rpm", "vibration.x", "vibration.y", "vibration.z", "alarm", "level", "flow", "mode"];

    public static Task<Table> RunAsync() => new Table("Rules", $"a message of {Json.Length} bytes of JSON with 11 values, 1,000 devices; none of the rules applies",
    [
        Case.Of(Values, Operations, ReadValues),
        With(0, "no rule", _ => ""),
        With(10, "10 rules, of 10 metrics", place => Metrics[place]),
        With(100, "100 rules, 10 for each metric", place => Metrics[place % Metrics.Length]),
        With(100, "100 rules, of metrics it has not", place => $"other.{place}"),
    ]).MeasureAsync();

    private static Case With(int count, string name, Func<int, string> metric)
    {
        var now = DateTimeOffset.UnixEpoch;
        var settings = Enumerable.Range(0, count).Select(place => new RuleSettings { Metric = metric(place), Limit = 1e9 + place, Kind = place % 2 == 0 ? RuleKind.Threshold : RuleKind.Rate, OverSeconds = place % 2 });
        var book = new RuleBook([.. settings.Select((one, place) => one.ApplyTo($"r{place}", now, now))]);
        var (feed, judge, clock) = (new TelemetryFeed(), new RuleJudge(), 0L);
        var devices = Enumerable.Range(0, 1_000).Select(number => new WatchedDevice($"turbofan-{number:000}") { Active = true }).ToDictionary(device => device.Id);
        foreach (var device in devices.Values) judge.Follow(device, book.Of(device.Id, "default"));
        var names = devices.Keys.ToArray();
        var watcher = book.IsEmpty ? null : feed.Watch(Batch);
        return Case.Of(name, Operations, operations =>
        {
            var batch = new List<TelemetryMessage>(Batch);
            for (var i = 0; i < operations; i += Batch)
            {
                batch.Clear();
                for (var j = 0; j < Batch; j++) batch.Add(Message(names[(i + j) % names.Length], clock++));
                feed.Publish(batch);
                while (watcher?.Messages.TryRead(out var message) == true) judge.Stored(devices[message.DeviceId], message);
            }
            if (judge.TakeChanges().Count > 0) throw new InvalidOperationException("An alert opened.");
        }, Values);
    }

    private static TelemetryMessage Message(string device, long milliseconds)
    {
        var time = DateTimeOffset.UnixEpoch.AddMilliseconds(milliseconds);
        return new TelemetryMessage(device, "", time, null, null, Json, [new Reading(time, true, Json)]);
    }

    private static void ReadValues(int count)
    {
        for (var i = 0; i < count; i++)
        {
            var sum = 0.0;
            for (var values = new ValueReader(Json); values.Read();) sum += values.Kind == MetricKind.Text ? 0 : values.Number;
            if (sum == 0) throw new InvalidOperationException("No values.");
        }
    }
}
