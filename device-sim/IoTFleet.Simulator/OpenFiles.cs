using System.Globalization;

namespace IoTFleet.Simulator;

/// <summary>Each connection is an open file, and shells often allow few.</summary>
internal static class OpenFiles
{
    private const int BesidesDevices = 300; // the runtime's own, and the enrolments under way
    private const string Limits = "/proc/self/limits";

    /// <summary>What is wrong with the limit for so many devices; null when it will do or cannot be told.</summary>
    public static string? FindProblem(int devices)
    {
        var needed = devices + BesidesDevices;
        if (!File.Exists(Limits) || Limit(File.ReadAllLines(Limits)) is not { } limit || limit >= needed) return null;
        return $"{devices} devices need about {needed} open files, and this shell allows {limit}. Raise it first: ulimit -n {needed}";
    }

    // "Max open files            1024                 524288               files"; null for "unlimited"
    internal static long? Limit(IEnumerable<string> lines)
    {
        const string Name = "Max open files";
        var fields = lines.FirstOrDefault(line => line.StartsWith(Name, StringComparison.Ordinal))?[Name.Length..]
            .Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return fields is not null && long.TryParse(fields[0], NumberStyles.None, CultureInfo.InvariantCulture, out var soft) ? soft : null;
    }
}
