using IoTFleet.Mqtt;

namespace IoTFleet.Device;

/// <summary>Where a device stands with its server. A closed set: match on the nested types.</summary>
public abstract record DeviceState
{
    private DeviceState()
    {
    }

    /// <summary>The device has no certificate yet and asks the server for one.</summary>
    public sealed record Enrolling : DeviceState;

    /// <summary>A connection is being made.</summary>
    public sealed record Connecting : DeviceState;

    /// <summary>Connected and subscribed to the device's commands.</summary>
    /// <param name="Since">When the connection was ready.</param>
    public sealed record Connected(DateTimeOffset Since) : DeviceState;

    /// <summary>Not connected; the next attempt follows by itself.</summary>
    /// <param name="Reason">What ended or prevented the connection.</param>
    /// <param name="RetryAt">When the next attempt starts.</param>
    public sealed record Waiting(string Reason, DateTimeOffset RetryAt) : DeviceState;

    /// <summary>The server turned the device away. The device keeps trying, because an operator may let it in again.</summary>
    /// <param name="Reason">What the server said, or what its silence suggests.</param>
    /// <param name="Code">The server's reason code; null when it closed the connection without one.</param>
    /// <param name="RetryAt">When the next attempt starts.</param>
    public sealed record Refused(string Reason, ReasonCode? Code, DateTimeOffset RetryAt) : DeviceState;

    /// <summary>The client was disposed.</summary>
    public sealed record Stopped : DeviceState;
}
