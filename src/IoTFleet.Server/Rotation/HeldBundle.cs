using System.Globalization;
using IoTFleet.Fleet.Devices;

namespace IoTFleet.Server.Rotation;

/// <summary>
/// The trust bundle that a device says it holds, in a header of what it asks about its certificate: for those that speak no MQTT 5, and for one that has taken
/// a newer bundle and will not connect anew for that.
/// </summary>
internal static class HeldBundle
{
    /// <summary>In answers the newest version, in requests the one that is held.</summary>
    public const string Header = "Trust-Bundle-Version";

    /// <param name="deviceId">Proved by its certificate, which was found on record.</param>
    public static void Heed(HttpContext context, string deviceId, DeviceSightings sightings)
    {
        if (long.TryParse(context.Request.Headers[Header], NumberStyles.None, CultureInfo.InvariantCulture, out var version)) sightings.Saw(deviceId, version);
    }
}
