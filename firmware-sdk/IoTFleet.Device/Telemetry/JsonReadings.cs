using System.Buffers;
using System.Text.Json;

namespace IoTFleet.Device.Telemetry;

/// <summary>Writes readings as one JSON object with the time they were taken, without reflection.</summary>
internal static class JsonReadings
{
    private const string Time = "ts";
    private const int LargestKeptBuffer = 1024;

    // Kept from one message to the next: together they are larger than most messages.
    [ThreadStatic]
    private static ArrayBufferWriter<byte>? _output;

    [ThreadStatic]
    private static Utf8JsonWriter? _json;

    public static ReadOnlyMemory<byte> Write(IReadOnlyDictionary<string, double> readings, DateTimeOffset takenAt)
    {
        var output = _output ??= new ArrayBufferWriter<byte>(256);
        output.ResetWrittenCount();
        var json = _json ??= new Utf8JsonWriter(output);
        json.Reset(output);                                    // also after an earlier one that threw
        json.WriteStartObject();
        if (!readings.ContainsKey(Time))                       // or the server would take the time of arrival, which an outage delays
            json.WriteNumber(Time, takenAt.ToUnixTimeMilliseconds());
        foreach (var (name, value) in readings)
            json.WriteNumber(name, Finite(name, value));
        json.WriteEndObject();
        json.Flush();
        if (output.Capacity > LargestKeptBuffer)
            (_output, _json) = (null, null);
        return output.WrittenSpan.ToArray();
    }

    private static double Finite(string name, double value) =>
        double.IsFinite(value) ? value : throw new ArgumentException($"Reading {name} is {value}, which JSON cannot carry.", nameof(value));
}
