namespace IoTFleet.Api;

/// <summary>Body of <c>POST /webhooks</c>.</summary>
public sealed record CreateWebhookRequest
{
    /// <summary>Its name, of the grammar of a device id.</summary>
    public required string Id { get; init; }

    /// <summary>Where to, <c>https://...</c></summary>
    public required string Url { get; init; }

    /// <summary>For people.</summary>
    public string? Description { get; init; }
}

/// <summary>An address that rules tell of their alerts.</summary>
public record WebhookDetails
{
    /// <summary>Its name.</summary>
    public required string Id { get; init; }

    /// <summary>Where to.</summary>
    public required string Url { get; init; }

    /// <summary>For people.</summary>
    public string? Description { get; init; }

    /// <summary>When it was made.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>Until when requests are signed with the secret before this one, too; null when they are not.</summary>
    public DateTimeOffset? OldSecretUntil { get; init; }
}

/// <summary>Body of <c>POST /webhooks/{id}/rotate</c>.</summary>
public sealed record RotateWebhookRequest
{
    /// <summary>For how long the old secret signs, too; 0 when it has leaked, up to 720.</summary>
    public int KeepOldHours { get; set; } = 24;
}

/// <summary>Answer to <c>POST /webhooks/{id}/test</c>: how the receiver took a signed sample.</summary>
public sealed record WebhookTest
{
    /// <summary>Whether a notice would have been delivered.</summary>
    public required bool Delivered { get; init; }

    /// <summary>The HTTP status of the answer; null when there was none.</summary>
    public int? Status { get; init; }

    /// <summary>Why it is not delivered; null when it is.</summary>
    public string? Problem { get; init; }

    /// <summary>From the call to the answer.</summary>
    public required double Milliseconds { get; init; }

    /// <summary>The id that the receiver was told.</summary>
    public required string Delivery { get; init; }

    /// <summary>The JSON that was sent.</summary>
    public required string Body { get; init; }
}

/// <summary>Answer to <c>POST /webhooks</c> and <c>POST /webhooks/{id}/rotate</c>.</summary>
public sealed record CreatedWebhook : WebhookDetails
{
    /// <summary>What its requests are signed with; in this answer and nowhere else.</summary>
    public required string Secret { get; init; }
}

/// <summary>One notice for one receiver.</summary>
public sealed record DeliveryDetails
{
    /// <summary>Its id, which the receiver is told, too.</summary>
    public required string Id { get; init; }

    /// <summary>The receiver; null for MQTT.</summary>
    public string? Webhook { get; init; }

    /// <summary>The alert.</summary>
    public required string AlertId { get; init; }

    /// <summary>Such as <c>alert.opened</c>.</summary>
    public required string Event { get; init; }

    /// <summary><c>waiting</c>, <c>delivered</c> or <c>dead</c>.</summary>
    public required string State { get; init; }

    /// <summary>Times it was tried, since it was made or replayed.</summary>
    public required int Attempts { get; init; }

    /// <summary>When it was made.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When it is tried next; null when it is not.</summary>
    public DateTimeOffset? NextAttemptAt { get; init; }

    /// <summary>When it was last tried.</summary>
    public DateTimeOffset? LastAttemptAt { get; init; }

    /// <summary>The HTTP status of the last answer.</summary>
    public int? LastStatus { get; init; }

    /// <summary>Why the last attempt failed.</summary>
    public string? LastProblem { get; init; }

    /// <summary>The JSON that is sent.</summary>
    public required string Body { get; init; }
}
