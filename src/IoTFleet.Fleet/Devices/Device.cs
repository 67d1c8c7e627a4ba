namespace IoTFleet.Fleet.Devices;

/// <summary>Registered: known, never enrolled. Active: may connect. Suspended: may not, until resumed. Revoked: never again.</summary>
public enum DeviceState { Registered, Active, Suspended, Revoked }

public sealed class Device
{
    /// <summary>Of the grammar of <see cref="Pki.DeviceName"/>.</summary>
    public required string Id { get; init; }
    public string? DisplayName { get; init; }
    public required DeviceState State { get; init; }
    public required DateTimeOffset RegisteredAt { get; init; }
    public required DateTimeOffset StateChangedAt { get; init; }
}
