using System.Text.Json;

namespace IoTFleet.Api;

/// <summary>Body of <c>POST /devices/{id}/commands</c>.</summary>
public sealed record SendCommandRequest
{
    /// <summary>The command's name: the last level of the topic <c>devices/{id}/commands/{name}</c>, without wildcards or slashes.</summary>
    public required string Name { get; init; }

    /// <summary>What the device gets, any JSON value.</summary>
    public required JsonElement Payload { get; init; }
}

/// <summary>What became of a command.</summary>
public sealed record CommandReceipt
{
    /// <summary>The command's id, as the audit trail has it.</summary>
    public required string Id { get; init; }

    /// <summary>Whether a live session took the command; false when the device is not there or does not listen.</summary>
    public required bool Delivered { get; init; }
}
