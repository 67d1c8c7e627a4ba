namespace IoTFleet.Fleet.Telemetry.Formats;

/// <summary>Why a payload could not be read.</summary>
/// <param name="Code">One of <see cref="Refusals.ReasonCodes"/>, for programs and counters.</param>
/// <param name="Detail">For people: what is wrong, and where.</param>
public sealed record Unreadable(string Code, string Detail);
