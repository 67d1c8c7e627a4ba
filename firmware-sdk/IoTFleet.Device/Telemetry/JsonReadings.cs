using System.Buffers;
using System.Text.Json;

namespace IoTFleet.Device.Telemetry;

/// <summary>Writes readings as one JSON object with the time they were taken, without reflection.</summary>
internal static class JsonReadings
{
    private const string Time = "ts";

    public static ReadOnlyMemory<byte> Write(IReadOnlyDictionary<string, double> readings, DateTimeOffset takenAt)
    {
        var output = new ArrayBufferWriter<byte>(32 * readings.Count + 32);
        using (var json = new Utf8JsonWriter(output))
        {
            json.WriteStartObject();
            if (!readings.ContainsKey(Time))                   // or the server would take the time of arrival, which an outage delays
                json.WriteNumber(Time, takenAt.ToUnixTimeMilliseconds());
            foreach (var (name, value) in readings)
                json.WriteNumber(name, Finite(name, value));
            json.WriteEndObject();
        }

        return output.WrittenMemory;
    }

    private static double Finite(string name, double value) =>
        double.IsFinite(value) ? value : throw new ArgumentException($"Reading {name} is {value}, which JSON cannot carry.", nameof(value));
}
