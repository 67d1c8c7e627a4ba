using System.Diagnostics;

namespace IoTFleet.Benchmarks.Footprint;

/// <summary>One way of publishing the program that is measured.</summary>
internal sealed record DeviceBuild(string Name, string Title, string[] Arguments)
{
    private const string Project = "IoTFleet.Footprint";

    public static readonly DeviceBuild[] All =
    [
        new("framework", "framework-dependent, net10.0", ["-p:UseAppHost=true"]),
        new("trimmed", "trimmed single file, net10.0", ["-r", Platform, "--self-contained", "-p:PublishTrimmed=true", "-p:PublishSingleFile=true"]),
        new("aot", "native AOT, net9.0", ["-r", Platform, "-p:PublishAot=true", "-p:DeviceFramework=net9.0"]),
    ];

    private static string Platform => System.Runtime.InteropServices.RuntimeInformation.RuntimeIdentifier is var identifier && identifier.StartsWith("debian", StringComparison.Ordinal)
        ? "linux-x64" : identifier;

    /// <summary>Publishes it into a folder of its own and returns the program.</summary>
    public async Task<string> PublishAsync(string root, string folder)
    {
        var output = Path.Combine(folder, Name);
        var start = new ProcessStartInfo("dotnet",
            ["publish", Path.Combine(root, "tests", Project), "-c", "Release", "-v", "q", "--nologo", "--artifacts-path", Path.Combine(folder, Name + "-build"), "-o", output, .. Arguments]);
        using var publish = Process.Start(start)!;
        await publish.WaitForExitAsync();
        return publish.ExitCode == 0 ? Path.Combine(output, Project) : throw new InvalidOperationException($"'{string.Join(' ', start.ArgumentList)}' failed.");
    }

    /// <summary>Bytes of what goes onto the device; symbols stay at home.</summary>
    public static long SizeOf(string program) => new DirectoryInfo(Path.GetDirectoryName(program)!).EnumerateFiles()
        .Where(file => file.Extension is not (".dbg" or ".pdb" or ".xml"))
        .Sum(file => file.Length);
}
