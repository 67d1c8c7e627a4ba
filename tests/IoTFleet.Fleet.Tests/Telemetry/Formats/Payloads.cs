using System.Text;
using IoTFleet.Fleet.Telemetry.Formats;

namespace IoTFleet.Fleet.Tests.Telemetry.Formats;

/// <summary>Payloads as devices send them, and what becomes of them.</summary>
internal static class Payloads
{
    public const string Cbor = "application/cbor";
    public const string Sparkplug = "application/vnd.eclipse.sparkplug.b+protobuf";

    public static readonly DateTimeOffset Noon = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);

    private static readonly PayloadReader Reader = new();

    public static TelemetryMessage Read(string json) => Read(Encoding.UTF8.GetBytes(json), null);

    public static TelemetryMessage Read(byte[] body, string? contentType)
    {
        Assert.True(Reader.TryRead(new Arrival("pump-1", "", body, contentType, Noon), out var message, out var problem), problem?.ToString());
        return message;
    }

    public static Unreadable Problem(string json) => Problem(Encoding.UTF8.GetBytes(json), null);

    public static Unreadable Problem(byte[] body, string? contentType)
    {
        Assert.False(Reader.TryRead(new Arrival("pump-1", "", body, contentType, Noon), out _, out var problem));
        return problem;
    }

    public static string Text(in Reading reading) => Encoding.UTF8.GetString(reading.Body.Span);
}
