using System.Diagnostics;
using Xunit;

namespace IoTFleet.Testing;

/// <summary>Programs of other people that our tests talk to.</summary>
public static class Peers
{
    /// <summary>Skips the test where the program is not installed; fails it on CI, where it must be.</summary>
    public static string Require(string program) => Find(program).FirstOrDefault() ?? throw Missing($"{program} is not installed.");

    /// <summary>As <see cref="Require"/>, for a library: the first of these files that is there.</summary>
    public static string RequireFile(params string[] files) => Array.Find(files, File.Exists) ?? throw Missing($"None of {string.Join(", ", files)} is there.");

    /// <summary>As <see cref="Require"/>, for node with a module that <c>npm ci</c> installs into the folder.</summary>
    public static string RequireNode(string folder, string module)
    {
        var node = Require("node");
        return Directory.Exists(Path.Combine(folder, "node_modules", module)) ? node : throw Missing($"{module} is not installed; run 'npm ci' in {folder}.");
    }

    /// <summary>As <see cref="Require"/>, for a Python that knows the module: the first on the path may be another one than the system's packages are for.</summary>
    public static async Task<string> RequirePythonAsync(string module)
    {
        foreach (var python in Find("python3").Append("/usr/bin/python3").Where(File.Exists).Distinct())
        {
            if ((await RunAsync(python, "-c", $"import {module}")).ExitCode == 0) return python;
        }
        throw Missing($"No python3 here knows {module}.");
    }

    private static Exception Missing(string what)
    {
        Assert.SkipUnless(string.Equals(Environment.GetEnvironmentVariable("CI"), "true", StringComparison.OrdinalIgnoreCase), what);
        return new InvalidOperationException($"On CI this must not be: {what}");
    }

    /// <summary>Starts the program; the caller ends it.</summary>
    public static Process Start(string program, params string[] arguments) =>
        Process.Start(new ProcessStartInfo(Require(program), arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;

    /// <summary>Runs the program, which is given no input, to its end and returns what it printed and how it ended.</summary>
    public static Task<PeerResult> RunAsync(string program, params string[] arguments) => RunAsync(TimeSpan.FromSeconds(120), program, arguments);

    /// <summary>The same for one that takes its time.</summary>
    public static async Task<PeerResult> RunAsync(TimeSpan patience, string program, params string[] arguments)
    {
        using var deadline = new CancellationTokenSource(patience);
        var start = new ProcessStartInfo(Require(program), arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        process.StandardInput.Close();      // ours may be a pipe that nobody closes, and openssl waits for the end of its own
        var output = process.StandardOutput.ReadToEndAsync(deadline.Token);
        var errors = process.StandardError.ReadToEndAsync(deadline.Token);
        try
        {
            await process.WaitForExitAsync(deadline.Token);
            return new PeerResult(process.ExitCode, await output, await errors);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{program} {string.Join(' ', arguments)} did not end within {patience.TotalSeconds:0} s.");
        }
    }

    private static IEnumerable<string> Find(string program) => Path.IsPathRooted(program) ? [program] :
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
            .Append("/usr/sbin") // Where Debian keeps daemons such as mosquitto; not on an ordinary user's path.
            .SelectMany(folder => new[] { Path.Combine(folder, program), Path.Combine(folder, program + ".exe") })
            .Where(File.Exists);
}

public sealed record PeerResult(int ExitCode, string Output, string Errors)
{
    public string Everything => Output + Errors;
}
