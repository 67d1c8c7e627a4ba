namespace IoTFleet.Api;

/// <summary>A telemetry message whose payload could not be read: it was refused, and is kept to be looked at.</summary>
public sealed record QuarantinedMessage
{
    /// <summary>Its number, rising in the order of keeping.</summary>
    public required long Id { get; init; }

    /// <summary>The device that published it.</summary>
    public required string DeviceId { get; init; }

    /// <summary>Where to.</summary>
    public required string Topic { get; init; }

    /// <summary>When it reached the server.</summary>
    public required DateTimeOffset ReceivedAt { get; init; }

    /// <summary>Why it could not be read: a code of docs/reasons.md.</summary>
    public required string Code { get; init; }

    /// <summary>The same for people, with the place.</summary>
    public required string Detail { get; init; }

    /// <summary>What the device or its owner can do about it.</summary>
    public string? WhatToDo { get; init; }

    /// <summary>The content type of MQTT 5; null when the device gave none.</summary>
    public string? ContentType { get; init; }

    /// <summary>How many bytes the payload had.</summary>
    public required int Length { get; init; }

    /// <summary>The payload, at most its first 65,536 bytes; null in a list.</summary>
    public byte[]? Body { get; init; }
}

/// <summary>What was deleted from the quarantine.</summary>
public sealed record QuarantineDeletion
{
    /// <summary>How many messages.</summary>
    public required int Deleted { get; init; }
}
