using System.Text.Json;

namespace IoTFleet.Api;

/// <summary>Body of <c>POST /devices/{id}/commands</c>.</summary>
public sealed record SendCommandRequest
{
    /// <summary>The command's name: a level of the topic <c>devices/{id}/commands/{name}/{command id}</c>, without wildcards or slashes.</summary>
    public required string Name { get; init; }

    /// <summary>What the device gets, any JSON value.</summary>
    public required JsonElement Payload { get; init; }

    /// <summary>MQTT's quality of service. 1, or nothing: the device gets the command at least once, and knows it again by its id; 2: at most once.</summary>
    public int? Qos { get; init; }

    /// <summary>Seconds until the command's deadline, 1 to 604,800; null for the server's usual time, a minute.</summary>
    public int? TimeoutSeconds { get; init; }

    /// <summary>An id of the sender's own, 1 to 64 of letters, digits and <c>. _ -</c>, unique for the device: sent twice, it is one command. Null: the server makes one.</summary>
    public string? Id { get; init; }
}

/// <summary>The values of <see cref="CommandDetails.State"/>.</summary>
public static class CommandStates
{
    /// <summary>Nobody has been there for it; its device gets it when it subscribes.</summary>
    public const string Queued = "queued";

    /// <summary>On its way, or with a session that waits for its device.</summary>
    public const string Sent = "sent";

    /// <summary>The device has acknowledged it, and not answered.</summary>
    public const string Delivered = "delivered";

    /// <summary>The device has answered.</summary>
    public const string Answered = "answered";

    /// <summary>Its deadline came first.</summary>
    public const string Expired = "expired";

    /// <summary>An operator has ended it.</summary>
    public const string Cancelled = "cancelled";
}

/// <summary>A command and what became of it.</summary>
public record CommandDetails
{
    /// <summary>Unique for its device.</summary>
    public required string Id { get; init; }

    /// <summary>Whom it is for.</summary>
    public required string DeviceId { get; init; }

    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>One of <see cref="CommandStates"/>.</summary>
    public required string State { get; init; }

    /// <summary>What the device gets; null in a list.</summary>
    public JsonElement? Payload { get; init; }

    /// <summary>Who sent it.</summary>
    public required string SentBy { get; init; }

    /// <summary>When it was stored.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When it is over, if nobody has answered.</summary>
    public required DateTimeOffset Deadline { get; init; }

    /// <summary>When it was first on its way.</summary>
    public DateTimeOffset? SentAt { get; init; }

    /// <summary>When the device acknowledged it.</summary>
    public DateTimeOffset? DeliveredAt { get; init; }

    /// <summary>When it was answered, expired or cancelled; null while it is open.</summary>
    public DateTimeOffset? ClosedAt { get; init; }

    /// <summary>What the device said; null when it has not. Of a command that is expired or cancelled it came too late.</summary>
    public CommandAnswer? Answer { get; init; }
}

/// <summary>What a device said to a command.</summary>
public sealed record CommandAnswer
{
    /// <summary>100 to 599, in HTTP's sense: 2xx done, 4xx refused, 5xx failed.</summary>
    public required int Status { get; init; }

    /// <summary>Any JSON value; null when there is none, and in a list.</summary>
    public JsonElement? Payload { get; init; }

    /// <summary>When it was stored.</summary>
    public required DateTimeOffset At { get; init; }
}

/// <summary>A command that was sent, and what became of it at once.</summary>
public sealed record CommandReceipt : CommandDetails
{
    /// <summary>Whether a connected device takes the command.</summary>
    public required bool Delivered { get; init; }

    /// <summary>Whether the command is with the session of a device that is away. With neither, the device gets it when it subscribes before the deadline.</summary>
    public bool Queued { get; init; }
}
