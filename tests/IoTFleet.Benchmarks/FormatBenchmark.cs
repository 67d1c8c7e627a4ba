using System.Buffers;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using IoTFleet.Fleet.Telemetry.Formats;

namespace IoTFleet.Benchmarks;

/// <summary>A telemetry payload of 200 bytes to a message, in each format, and its values. The floor is what any JSON reader does: go through the tokens.</summary>
internal static class FormatBenchmark
{
    private const int Operations = 100_000;
    private const string Tokens = "go through the tokens, of valid UTF-8";

    private static readonly byte[] Json = Encoding.UTF8.GetBytes(
        """{"ts":1769860800123,"seq":1234567,"temperature":21.437,"pressure":1.01325,"rpm":1480,"vibration":{"x":0.0123,"y":0.0119,"z":-0.981},"state":"running","alarm":false,"level":78.25,"flow":12.75,"mode":3}""");

    private static readonly byte[] Cbor = ToCbor(Json);

    public static Task<Table> RunAsync() => new Table("Formats", $"a payload of {Json.Length} bytes of JSON with 11 values",
    [
        Case.Of(Tokens, Operations, ReadTokens),
        Read("JSON to a message", Json, null),
        Read("CBOR to a message", Cbor, "application/cbor"),
        Read("raw to a message", Json, "text/plain"),
        Case.Of("its values, flattened", Operations, ReadValues, Tokens),
    ]).MeasureAsync();

    private static Case Read(string name, byte[] body, string? contentType)
    {
        var reader = new PayloadReader();
        return Case.Of(name, Operations, count =>
        {
            for (var i = 0; i < count; i++)
            {
                if (!reader.TryRead(new Arrival("turbofan-017", "", body, contentType, DateTimeOffset.UnixEpoch), out _, out var problem)) throw new InvalidOperationException(problem.Detail);
            }
        }, Tokens);
    }

    private static void ReadTokens(int count)
    {
        for (var i = 0; i < count; i++)
        {
            if (!Utf8.IsValid(Json)) throw new InvalidOperationException("Not UTF-8.");
            var reader = new Utf8JsonReader(Json);
            while (reader.Read())
            {
            }
        }
    }

    private static void ReadValues(int count)
    {
        for (var i = 0; i < count; i++)
        {
            var sum = 0.0;
            for (var values = new ValueReader(Json); values.Read();)
            {
                if (values.Kind == MetricKind.Number) sum += values.Number;
            }

            if (sum == 0) throw new InvalidOperationException("No values.");
        }
    }

    private static byte[] ToCbor(ReadOnlySpan<byte> json)
    {
        var output = new ArrayBufferWriter<byte>();
        var reader = new Utf8JsonReader(json);
        while (reader.Read())
        {
            switch (reader.TokenType)
            {
                case JsonTokenType.StartObject: output.Write([(byte)0xBF]); break;
                case JsonTokenType.EndObject: output.Write([(byte)0xFF]); break;
                case JsonTokenType.True or JsonTokenType.False: output.Write([reader.GetBoolean() ? (byte)0xF5 : (byte)0xF4]); break;
                case JsonTokenType.Number when reader.TryGetInt64(out var whole): output.Write([(byte)0x1B, .. BigEndian(whole)]); break;
                case JsonTokenType.Number: output.Write([(byte)0xFB, .. BigEndian(BitConverter.DoubleToInt64Bits(reader.GetDouble()))]); break;
                default: output.Write([(byte)(0x60 + reader.ValueSpan.Length), .. reader.ValueSpan]); break;
            }
        }

        return output.WrittenSpan.ToArray();
    }

    private static byte[] BigEndian(long value)
    {
        var bytes = BitConverter.GetBytes(value);
        Array.Reverse(bytes);
        return bytes;
    }
}
