namespace IoTFleet.Fleet.Telemetry.Rules;

/// <summary>An address that is told of alerts.</summary>
public sealed class Webhook
{
    public const int MaxUrl = 1_000;

    /// <summary>Its name.</summary>
    public required string Id { get; init; }
    public string? Description { get; init; }
    public required string Url { get; init; }

    /// <summary>What it is signed with, encrypted by <see cref="WebhookSecrets"/>.</summary>
    public required byte[] ProtectedSecret { get; set; }

    /// <summary>The secret before the last rotation, which signs, too, until <see cref="OldSecretUntil"/>.</summary>
    public byte[]? OldProtectedSecret { get; set; }
    public DateTimeOffset? OldSecretUntil { get; set; }
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>Of all of them a receiver needs to know one.</summary>
    internal IReadOnlyList<byte[]> SecretsAt(DateTimeOffset now) => OldProtectedSecret is { } old && OldSecretUntil > now ? [ProtectedSecret, old] : [ProtectedSecret];
}

/// <summary>Dead: given up, until an operator has it sent again.</summary>
public enum DeliveryState { Waiting, Delivered, Dead }

/// <summary>One notice for one receiver; written in the transaction that changes the alert, so that none is forgotten.</summary>
public sealed class AlertDelivery
{
    public required string Id { get; init; }

    /// <summary>Null: it is published by MQTT.</summary>
    public string? WebhookId { get; init; }
    public required string AlertId { get; init; }

    /// <summary>Such as <c>alert.opened</c>.</summary>
    public required string Event { get; init; }

    /// <summary>Of the notice by MQTT.</summary>
    public required string Topic { get; init; }

    /// <summary>The JSON that is sent, and sent again byte by byte.</summary>
    public required string Body { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }
    public DeliveryState State { get; set; }

    /// <summary>Since it was made or last replayed.</summary>
    public int Attempts { get; set; }

    /// <summary>From when on its age counts: its making, or the last replay.</summary>
    public required DateTimeOffset StartedAt { get; set; }

    /// <summary>While it is being sent: until when its sender has claimed it.</summary>
    public required DateTimeOffset NextAttemptAt { get; set; }
    public DateTimeOffset? LastAttemptAt { get; set; }
    public int? LastStatus { get; set; }
    public string? LastProblem { get; set; }
}
