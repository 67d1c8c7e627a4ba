using System.Buffers;
using System.Text.Json;

namespace IoTFleet.Device.Telemetry;

/// <summary>Writes readings as one JSON object, without reflection.</summary>
internal static class JsonReadings
{
    public static ReadOnlyMemory<byte> Write(IReadOnlyDictionary<string, double> readings)
    {
        var output = new ArrayBufferWriter<byte>(32 * readings.Count + 2);
        using (var json = new Utf8JsonWriter(output))
        {
            json.WriteStartObject();
            foreach (var (name, value) in readings)
                json.WriteNumber(name, Finite(name, value));
            json.WriteEndObject();
        }

        return output.WrittenMemory;
    }

    private static double Finite(string name, double value) =>
        double.IsFinite(value) ? value : throw new ArgumentException($"Reading {name} is {value}, which JSON cannot carry.", nameof(value));
}
