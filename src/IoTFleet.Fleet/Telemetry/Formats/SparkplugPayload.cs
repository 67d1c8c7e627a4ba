using System.Text.Unicode;

namespace IoTFleet.Fleet.Telemetry.Formats;

/// <summary>
/// A payload of Sparkplug B 3.0 (section 6.4) to JSON: metrics of one time become one reading, by name. Nothing is remembered from one payload
/// to the next, so a metric needs its name, and its datatype where without it the sign would be a guess.
/// </summary>
internal static class SparkplugPayload
{
    private const int PayloadTime = 1;
    private const int PayloadMetric = 2;

    /// <exception cref="PayloadProblem">It is no Sparkplug B, or holds what is no metric.</exception>
    public static ReadOnlyMemory<byte> ToJson(ReadOnlySpan<byte> payload)
    {
        var (time, metrics) = Collect(payload);
        if (metrics.Count == 0) throw new PayloadProblem(PayloadCodes.Empty, "a Sparkplug B payload without metrics");
        using var output = JsonOutput.Rent();
        output.Json.WriteStartArray();
        foreach (var reading in metrics.GroupBy(metric => metric.Time ?? time).OrderBy(group => group.Key))
        {
            output.Json.WriteStartObject();
            if (reading.Key is { } milliseconds) output.Json.WriteNumber("ts"u8, milliseconds);
            foreach (var metric in reading) Write(output, SparkplugMetric.Read(payload[metric.Bytes]));
            output.Json.WriteEndObject();
        }

        output.Json.WriteEndArray();
        return output.End();
    }

    private static (ulong? Time, List<(ulong? Time, Range Bytes)> Metrics) Collect(ReadOnlySpan<byte> payload)
    {
        ulong? time = null;
        var metrics = new List<(ulong?, Range)>();
        for (var fields = new ProtobufReader(payload); fields.Read();)
        {
            if (fields.Field == PayloadTime) time = fields.Varint("the payload's timestamp");
            if (fields.Field != PayloadMetric) continue; // seq is no number to know a message by: it begins anew at 255
            var metric = fields.Content("a metric");
            payload.Overlaps(metric, out var start);
            metrics.Add((SparkplugMetric.Read(metric).Time, start..(start + metric.Length)));
        }

        return (time, metrics);
    }

    private static void Write(JsonOutput output, in SparkplugMetric metric)
    {
        if (metric.Name.IsEmpty && metric.HasAlias) throw new PayloadProblem(PayloadCodes.AliasUnknown, $"a metric has the alias {metric.Alias} and no name");
        if (metric.Name.IsEmpty) throw ProtobufReader.Malformed("a metric without name");
        if (metric.Name.SequenceEqual("ts"u8) || metric.Name.SequenceEqual("seq"u8)) throw new PayloadProblem(PayloadCodes.Unsupported, "a metric may not be named ts or seq");
        if (!Utf8.IsValid(metric.Name)) throw new PayloadProblem(PayloadCodes.NotUtf8, "the name of a metric is not valid UTF-8");
        output.Json.WritePropertyName(metric.Name);
        metric.Write(output);
    }
}
