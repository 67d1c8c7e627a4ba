namespace IoTFleet.Device;

/// <summary>How the device keeps its twin (<see cref="DeviceTwin"/>).</summary>
public sealed record TwinOptions
{
    /// <summary>
    /// The folder in which the desired document is kept that the application has applied, as <c>twin.json</c>; made when needed. Null keeps it in memory: then each
    /// start gets the whole document as one change.
    /// </summary>
    public string? Folder { get; init; }
}
