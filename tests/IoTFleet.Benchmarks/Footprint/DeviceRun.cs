using System.Diagnostics;
using System.Globalization;

namespace IoTFleet.Benchmarks.Footprint;

/// <summary>A started device program, followed by the lines it prints.</summary>
internal sealed class DeviceRun : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    private readonly Process _process;
    private readonly long _started = Stopwatch.GetTimestamp();

    private DeviceRun(Process process) => _process = process;

    /// <summary>What it has said so far.</summary>
    public Dictionary<string, long> Figures { get; } = [];

    public TimeSpan Running => Stopwatch.GetElapsedTime(_started);

    public static DeviceRun Start(string program, string[] arguments, params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true };
        foreach (var (name, value) in environment) start.Environment[name] = value;
        return new DeviceRun(Process.Start(start)!);
    }

    /// <summary>Reads on until it says this.</summary>
    public async Task<long> UntilAsync(string what)
    {
        using var deadline = new CancellationTokenSource(Patience, TimeProvider.System);
        while (await _process.StandardOutput.ReadLineAsync(deadline.Token) is { } line)
        {
            var parts = line.Split(' ');
            Figures[parts[0]] = long.Parse(parts[1], CultureInfo.InvariantCulture);
            if (parts[0] == what) return Figures[what];
        }

        throw new InvalidOperationException($"The device ended before it said '{what}'.");
    }

    /// <summary>Bytes, of a line of proc(5)'s status or smaps_rollup.</summary>
    public long Memory(string file, string line) => 1024 * long.Parse(
        File.ReadLines($"/proc/{_process.Id}/{file}").First(one => one.StartsWith(line + ":", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1],
        CultureInfo.InvariantCulture);

    public async Task<int> EndAsync()
    {
        await _process.StandardOutput.ReadToEndAsync();
        await _process.WaitForExitAsync();
        return _process.ExitCode;
    }

    public void Dispose()
    {
        if (!_process.HasExited) _process.Kill();
        _process.Dispose();
    }
}
