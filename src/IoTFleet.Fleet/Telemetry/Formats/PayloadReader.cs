using System.Diagnostics.CodeAnalysis;

namespace IoTFleet.Fleet.Telemetry.Formats;

/// <summary>Makes readings of what devices send, or says why it cannot.</summary>
public sealed class PayloadReader(FormatOptions options)
{
    private const string Untyped = "application/octet-stream";

    private readonly FormatRules _rules = new(options);

    public PayloadReader()
        : this(new FormatOptions())
    {
    }

    public bool TryRead(in Arrival arrival, [NotNullWhen(true)] out TelemetryMessage? message, [NotNullWhen(false)] out Unreadable? problem)
    {
        try
        {
            message = Read(arrival);
            problem = null;
            return true;
        }
        catch (PayloadProblem found) // Written by the peer, so expected.
        {
            message = null;
            problem = new Unreadable(found.Code, found.Message);
            return false;
        }
    }

    private TelemetryMessage Read(in Arrival arrival) => _rules.Of(arrival) switch
    {
        PayloadFormat.Json => Message(arrival, arrival.Body),
        PayloadFormat.Cbor => Message(arrival, CborPayload.ToJson(arrival.Body.Span)),
        PayloadFormat.SparkplugB => Message(arrival, SparkplugPayload.ToJson(arrival.Body.Span)),
        _ => Raw(arrival),
    };

    private static TelemetryMessage Message(in Arrival arrival, ReadOnlyMemory<byte> json)
    {
        var readings = JsonPayload.Read(json, arrival.ReceivedAt, out var sequence);
        return Message(arrival, arrival.Sequence ?? sequence, contentType: null, readings);
    }

    private TelemetryMessage Raw(in Arrival arrival)
    {
        if (arrival.Body.Length > options.MaxRawBytes)
            throw new PayloadProblem(PayloadCodes.TooLarge, $"a payload that is kept as it is has at most {options.MaxRawBytes} bytes");
        var contentType = string.IsNullOrEmpty(arrival.ContentType) ? Untyped : arrival.ContentType;
        if (!IsContentType(contentType))
            throw new PayloadProblem(PayloadCodes.BadContentType, $"a content type is like text/plain, with at most {PayloadLimits.MaxContentType} characters");
        return Message(arrival, arrival.Sequence, contentType, [new Reading(arrival.ReceivedAt, HasOwnTime: false, arrival.Body)]);
    }

    private static bool IsContentType(string text) =>
        text.Length <= PayloadLimits.MaxContentType && text.IndexOf('/', StringComparison.Ordinal) > 0 && !text.AsSpan().ContainsAnyExceptInRange(' ', '~');

    private static TelemetryMessage Message(in Arrival arrival, long? sequence, string? contentType, Reading[] readings) => new(
        arrival.DeviceId, arrival.Stream, arrival.ReceivedAt, sequence, contentType, arrival.Body, readings);
}
