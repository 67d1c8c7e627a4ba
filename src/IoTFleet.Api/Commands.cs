using System.Text.Json;

namespace IoTFleet.Api;

/// <summary>Body of <c>POST /devices/{id}/commands</c>.</summary>
public sealed record SendCommandRequest
{
    /// <summary>The command's name: the last level of the topic <c>devices/{id}/commands/{name}</c>, without wildcards or slashes.</summary>
    public required string Name { get; init; }

    /// <summary>What the device gets, any JSON value.</summary>
    public required JsonElement Payload { get; init; }

    /// <summary>MQTT's quality of service. 1, or nothing: the device gets the command at least once; 2: exactly once.</summary>
    public int? Qos { get; init; }
}

/// <summary>What became of a command.</summary>
public sealed record CommandReceipt
{
    /// <summary>The command's id, as the audit trail has it.</summary>
    public required string Id { get; init; }

    /// <summary>Whether a connected device takes the command.</summary>
    public required bool Delivered { get; init; }

    /// <summary>Whether the command is stored for a device that is away and gets it when it is back; false with <see cref="Delivered"/> false when nobody listens.</summary>
    public bool Queued { get; init; }
}
