using System.Text.Json;

namespace IoTFleet.Api;

/// <summary>The state of one server at a glance. Counters start at 0 with the process.</summary>
public sealed record Overview
{
    /// <summary>When the server process started: a change means that it restarted and its counters with it.</summary>
    public required DateTimeOffset StartedAt { get; init; }

    /// <summary>Devices known, in any state.</summary>
    public required long DevicesTotal { get; init; }

    /// <summary>Devices that hold a connection now.</summary>
    public required long DevicesConnected { get; init; }

    /// <summary>Messages received from devices.</summary>
    public required long MessagesReceived { get; init; }

    /// <summary>Messages acknowledged with success.</summary>
    public required long MessagesAcked { get; init; }

    /// <summary>Telemetry messages committed to the database.</summary>
    public required long MessagesStored { get; init; }

    /// <summary>Messages refused: not authorised, malformed, over a quota.</summary>
    public required long MessagesRefused { get; init; }

    /// <summary>Connections refused, in the handshake or at CONNECT.</summary>
    public required long ConnectionsRefused { get; init; }

    /// <summary>Messages received a second, over the last seconds.</summary>
    public required double MessagesPerSecond { get; init; }

    /// <summary>Refusals counted by reason, most frequent first.</summary>
    public required IReadOnlyList<RefusalCount> RefusalsByReason { get; init; }

    /// <summary>The latest refusals, newest first.</summary>
    public required IReadOnlyList<Refusal> RecentRefusals { get; init; }

    /// <summary>The latest value of some devices, newest first.</summary>
    public required IReadOnlyList<LastValue> LastValues { get; init; }
}

/// <summary>How often a reason refused somebody.</summary>
public sealed record RefusalCount
{
    /// <summary>The reason, a stable word such as <c>device-revoked</c>.</summary>
    public required string Reason { get; init; }

    /// <summary>How often, since the server started.</summary>
    public required long Count { get; init; }
}

/// <summary>One refused connection or message.</summary>
public sealed record Refusal
{
    /// <summary>When.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary>The reason, a stable word such as <c>device-revoked</c>.</summary>
    public required string Reason { get; init; }

    /// <summary>Grows with each.</summary>
    public long Id { get; init; }

    /// <summary>Where: <c>handshake</c>, <c>connect</c>, <c>publish</c>, <c>subscribe</c>, <c>protocol</c>, <c>enrolment</c> or <c>renewal</c>.</summary>
    public string? Door { get; init; }

    /// <summary>The subject of the certificate that was shown, believed or not.</summary>
    public string? Subject { get; init; }

    /// <summary>Its serial number.</summary>
    public string? Serial { get; init; }

    /// <summary>Its issuer, as it says.</summary>
    public string? Issuer { get; init; }

    /// <summary>The TLS version.</summary>
    public string? Tls { get; init; }

    /// <summary>What to do about it.</summary>
    public string? WhatToDo { get; init; }

    /// <summary>The device the certificate names, if it names one.</summary>
    public string? DeviceId { get; init; }

    /// <summary>The client id that was sent, if it came that far.</summary>
    public string? ClientId { get; init; }

    /// <summary>The remote address and port.</summary>
    public required string Address { get; init; }

    /// <summary>What happened, in a sentence.</summary>
    public required string Detail { get; init; }
}

/// <summary>The latest refusals, and how many there were of each reason.</summary>
public sealed record RefusalList
{
    /// <summary>Newest first.</summary>
    public required IReadOnlyList<Refusal> Items { get; init; }

    /// <summary>Since the server started, of all reasons, most frequent first; those not listed are counted, too.</summary>
    public required IReadOnlyList<RefusalCount> Counts { get; init; }

    /// <summary>The newest there is, to ask for those after it.</summary>
    public required long LastId { get; init; }
}

/// <summary>The latest value of one device.</summary>
public sealed record LastValue
{
    /// <summary>The device.</summary>
    public required string DeviceId { get; init; }

    /// <summary>The stream it came on; empty for the plain telemetry topic.</summary>
    public required string Stream { get; init; }

    /// <summary>When it was measured.</summary>
    public required DateTimeOffset Time { get; init; }

    /// <summary>The JSON object as it was received.</summary>
    public required JsonElement Body { get; init; }
}
