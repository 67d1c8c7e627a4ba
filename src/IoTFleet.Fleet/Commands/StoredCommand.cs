namespace IoTFleet.Fleet.Commands;

/// <summary>The first three are open; the others are an end, and none follows another.</summary>
public enum CommandState
{
    /// <summary>Nobody has been there for it; its device gets it when it subscribes.</summary>
    Queued,

    /// <summary>On its way, or with a session that waits for its device.</summary>
    Sent,

    /// <summary>The device has acknowledged it.</summary>
    Delivered,
    Answered,
    Expired,
    Cancelled,
}

/// <summary>A command to a device, from its sending until it is forgotten.</summary>
public sealed class StoredCommand
{
    public const int MaxIdLength = 64;

    /// <summary>Rises in the order of storing.</summary>
    public long Number { get; init; }
    public required string DeviceId { get; init; }

    /// <summary>Unique among its device's; the last level of its topic.</summary>
    public required string Id { get; init; }
    public required string Name { get; init; }

    /// <summary>JSON, as it was given.</summary>
    public required string Payload { get; init; }

    /// <summary>1 or 2.</summary>
    public required int Qos { get; init; }
    public required string SentBy { get; init; }
    public CommandState State { get; set; }
    public required DateTimeOffset CreatedAt { get; init; }
    public required DateTimeOffset Deadline { get; init; }
    public DateTimeOffset? SentAt { get; set; }
    public DateTimeOffset? DeliveredAt { get; set; }

    /// <summary>When it was answered, expired or cancelled; null while it is open.</summary>
    public DateTimeOffset? ClosedAt { get; set; }

    /// <summary>Later than <see cref="ClosedAt"/> when the answer came too late.</summary>
    public DateTimeOffset? AnsweredAt { get; set; }

    /// <summary>100 to 599, in HTTP's sense.</summary>
    public int? AnswerStatus { get; set; }

    /// <summary>JSON, as the device gave it; null when its answer had none.</summary>
    public string? AnswerPayload { get; set; }

    /// <summary>Of what is chosen by whoever sends a command: 1 to 64 of letters, digits and <c>. _ -</c>.</summary>
    public static bool IsValidId(string id) =>
        id.Length is > 0 and <= MaxIdLength && id.All(character => char.IsAsciiLetterOrDigit(character) || character is '.' or '_' or '-');
}
