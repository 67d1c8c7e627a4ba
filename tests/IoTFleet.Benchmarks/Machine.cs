using System.Globalization;
using System.Runtime.InteropServices;

namespace IoTFleet.Benchmarks;

/// <summary>The line that a figure is worth nothing without.</summary>
internal static class Machine
{
    public static string Describe()
    {
#if DEBUG
        const string Warning = " DEBUG BUILD: these figures mean nothing.";
#else
        const string Warning = "";
#endif
        return string.Create(CultureInfo.InvariantCulture,
            $"{Environment.ProcessorCount} x {Processor()}, {RuntimeInformation.OSDescription.Trim()}, {RuntimeInformation.FrameworkDescription}, load {Load()}.{Warning}");
    }

    private static string Processor() =>
        Line("/proc/cpuinfo", "model name") is { } line ? line[(line.IndexOf(':') + 1)..].Trim() : RuntimeInformation.ProcessArchitecture.ToString();

    private static string Load() => Line("/proc/loadavg", "") is { } line ? line.Split(' ')[0] : "unknown";

    private static string? Line(string file, string start) =>
        File.Exists(file) ? File.ReadLines(file).FirstOrDefault(line => line.StartsWith(start, StringComparison.Ordinal)) : null;
}
