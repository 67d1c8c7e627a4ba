using System.Diagnostics;
using System.Reflection;

namespace IoTFleet.Simulator;

/// <summary>Builds the server from the source tree this simulator was built from, in the same configuration.</summary>
internal static class ServerBuild
{
    private const string Project = "src/IoTFleet.Server";

    /// <summary>The path of the built server.</summary>
    /// <exception cref="SimulatorException">There is no source tree, or it does not build; the message holds the compiler's words.</exception>
    public static async Task<string> RunAsync(CancellationToken cancellationToken)
    {
        var tree = FindTree() ?? throw new SimulatorException(
            "No IoTFleet.sln above this program or the current folder; say where the server is with --server-dll PATH.");
        var configuration = typeof(ServerBuild).Assembly.GetCustomAttribute<AssemblyConfigurationAttribute>()?.Configuration ?? "Debug";
        // Without node reuse: a compiler that outlives the build would keep our pipe open, and the wait for its end with it.
        string[] arguments = ["build", Path.Combine(tree, Project), "-c", configuration, "--nologo", "-v", "quiet", "-nodeReuse:false"];
        var start = new ProcessStartInfo("dotnet", arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        using var build = Process.Start(start)!;
        var output = build.StandardOutput.ReadToEndAsync(cancellationToken);
        var errors = build.StandardError.ReadToEndAsync(cancellationToken);
        await build.WaitForExitAsync(cancellationToken);
        if (build.ExitCode != 0) throw new SimulatorException($"The server does not build:\n{await output}{await errors}");
        return Path.Combine(tree, Project, "bin", configuration, "net10.0", "IoTFleet.Server.dll");
    }

    private static string? FindTree() => Above(AppContext.BaseDirectory) ?? Above(Environment.CurrentDirectory);

    private static string? Above(string folder)
    {
        for (var here = new DirectoryInfo(folder); here is not null; here = here.Parent)
        {
            if (File.Exists(Path.Combine(here.FullName, "IoTFleet.sln"))) return here.FullName;
        }
        return null;
    }
}

/// <summary>The simulator cannot go on; the message says why and what to do.</summary>
internal sealed class SimulatorException(string message, Exception? inner = null) : Exception(message, inner);
