using System.Text.Json;

namespace IoTFleet.Device;

/// <summary>What is wanted of the device has changed.</summary>
/// <param name="Version">The desired version that this is.</param>
/// <param name="Delta">What differs from the version that the application has applied last: a JSON Merge Patch (RFC 7396), in which null stands for what is gone.</param>
/// <param name="Full">All that is wanted.</param>
public sealed record DesiredChange(long Version, JsonElement Delta, JsonElement Full);
