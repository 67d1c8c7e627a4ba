using System.Globalization;

namespace IoTFleet.Server.Doors;

/// <summary>
/// How many files this process may open. A listener that runs out of them accepts nobody, not even to turn him away, so that the limits on connections
/// must be reached first.
/// </summary>
internal static class OpenFiles
{
    private const int ForTheRest = 256;        // databases, libraries, logs

    /// <summary>The limit, which the runtime has raised as far as it may; null where it is not known.</summary>
    public static int? Limit()
    {
        const string Line = "Max open files";
        var line = OperatingSystem.IsLinux() ? File.ReadLines("/proc/self/limits").FirstOrDefault(line => line.StartsWith(Line, StringComparison.Ordinal)) : null;
        return int.TryParse(line?[Line.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries)[0], NumberStyles.None, CultureInfo.InvariantCulture, out var limit) ? limit : null;
    }

    /// <summary>The connections for which there are files: of HTTPS a tenth at most, of MQTT what everything else leaves.</summary>
    public static (int Mqtt, int Https) Connections(DoorOptions doors, int? limit)
    {
        if (limit is not { } files) return (doors.MaxMqttConnections, doors.MaxHttpsConnections);
        var https = Math.Min(doors.MaxHttpsConnections, files / 10);
        return (Math.Clamp(files - https - ForTheRest, 10, doors.MaxMqttConnections), https);
    }
}
