using System.Diagnostics;
using Xunit;

namespace IoTFleet.Testing;

/// <summary>Programs of other people that our tests talk to.</summary>
public static class Peers
{
    /// <summary>Skips the test where the program is not installed; fails it on CI, where it must be.</summary>
    public static string Require(string program)
    {
        if (Find(program) is { } path) return path;
        Assert.SkipUnless(string.Equals(Environment.GetEnvironmentVariable("CI"), "true", StringComparison.OrdinalIgnoreCase),
            $"{program} is not installed.");
        throw new InvalidOperationException($"{program} is not installed, and on CI it must be.");
    }

    /// <summary>Runs the program to its end and returns what it printed and how it ended.</summary>
    public static async Task<PeerResult> RunAsync(string program, params string[] arguments)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        var start = new ProcessStartInfo(Require(program), arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
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
            throw new TimeoutException($"{program} {string.Join(' ', arguments)} did not end within 30 s.");
        }
    }

    private static string? Find(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
            .Append("/usr/sbin") // Where Debian keeps daemons such as mosquitto; not on an ordinary user's path.
            .SelectMany(folder => new[] { Path.Combine(folder, program), Path.Combine(folder, program + ".exe") })
            .FirstOrDefault(File.Exists);
}

public sealed record PeerResult(int ExitCode, string Output, string Errors)
{
    public string Everything => Output + Errors;
}
