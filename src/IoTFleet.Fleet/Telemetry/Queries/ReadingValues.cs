using System.Text.Json;
using IoTFleet.Fleet.Telemetry.Formats;

namespace IoTFleet.Fleet.Telemetry.Queries;

/// <summary>The chosen values of a reading.</summary>
public static class ReadingValues
{
    internal static bool HasAny(StoredReading reading, MetricSelection metrics)
    {
        if (!metrics.HasStream(reading.Stream)) return false;
        if (metrics.Metrics.Count == 0) return true;
        if (reading.ContentType is not null) return false;
        var values = new ValueReader(reading.Body.Span);
        while (values.Read())
        {
            if (metrics.HasMetric(values.Name)) return true;
        }
        return false;
    }

    /// <summary>As a JSON object by flattened name, each number with its own digits.</summary>
    public static void Write(StoredReading reading, MetricSelection metrics, Utf8JsonWriter output)
    {
        output.WriteStartObject();
        var values = new ValueReader(reading.Body.Span);
        while (reading.ContentType is null && values.Read())
        {
            if (!metrics.HasMetric(values.Name)) continue;
            output.WritePropertyName(values.Name);
            if (values.Kind == MetricKind.Text) output.WriteStringValue(values.Text());
            else output.WriteRawValue(values.Raw, skipInputValidation: true);
        }
        output.WriteEndObject();
    }
}
