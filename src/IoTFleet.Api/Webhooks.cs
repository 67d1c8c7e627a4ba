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
}

/// <summary>Answer to <c>POST /webhooks</c>.</summary>
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
