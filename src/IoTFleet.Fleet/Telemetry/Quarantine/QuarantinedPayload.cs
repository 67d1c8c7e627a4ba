namespace IoTFleet.Fleet.Telemetry.Quarantine;

/// <summary>A payload that could not be read, for an operator to look at.</summary>
public sealed class QuarantinedPayload
{
    /// <summary>Of a body that is longer, the beginning is kept.</summary>
    public const int MaxBody = 65_536;

    private const int MaxDetail = 400;

    /// <summary>Rises in the order of storing.</summary>
    public long Id { get; init; }
    public required string DeviceId { get; init; }
    public required string Topic { get; init; }
    public required DateTimeOffset ReceivedAt { get; init; }

    /// <summary>One of <see cref="Refusals.ReasonCodes"/>.</summary>
    public required string Code { get; init; }
    public required string Detail { get; init; }

    /// <summary>As MQTT 5 said; null when it said nothing.</summary>
    public string? ContentType { get; init; }

    /// <summary>How long it was when it came.</summary>
    public required int Length { get; init; }
    public required byte[] Body { get; init; }

    internal static QuarantinedPayload Of(in Formats.Arrival arrival, Formats.Unreadable problem) => new()
    {
        DeviceId = arrival.DeviceId,
        Topic = arrival.Stream.Length == 0 ? $"devices/{arrival.DeviceId}/telemetry" : $"devices/{arrival.DeviceId}/telemetry/{arrival.Stream}",
        ReceivedAt = arrival.ReceivedAt,
        Code = problem.Code,
        Detail = Cut(problem.Detail, MaxDetail),
        ContentType = arrival.ContentType is { } type ? Cut(type, Formats.PayloadLimits.MaxContentType) : null,
        Length = arrival.Body.Length,
        Body = arrival.Body.Span[..Math.Min(arrival.Body.Length, MaxBody)].ToArray(),
    };

    /// <summary>Not between the halves of a surrogate pair.</summary>
    private static string Cut(string text, int length)
    {
        if (text.Length <= length) return text;
        return char.IsHighSurrogate(text[length - 1]) ? text[..(length - 1)] : text[..length];
    }
}
