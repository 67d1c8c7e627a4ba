using System.Security.Cryptography;
using IoTFleet.Api;
using Spectre.Console;

namespace IoTFleet.Simulator;

/// <summary>A server that runs already; the command line fills it in.</summary>
internal sealed record RunningServer
{
    /// <summary>The data folder of a server on this machine, instead of all the rest.</summary>
    public string? DataFolder { get; init; }

    public Uri? Server { get; init; }

    public string? RootFile { get; init; }

    public string? Fingerprint { get; init; }

    public string? ApiKeyFile { get; init; }

    public int MqttPort { get; init; } = 8883;

    /// <summary>The first thing wrong, in words for the user; null when it can run.</summary>
    public string? FindProblem()
    {
        if (DataFolder is not null) return null;
        if (Server is null) return "run needs --server https://host:8443, or --server-data with the folder of a server on this machine.";
        if (Server.Scheme != Uri.UriSchemeHttps) return $"--server must be an https address such as https://host:8443, not {Server}.";
        if (RootFile is null == Fingerprint is null) return "run needs --root FILE or --fingerprint HEX, one of them, to know the server by.";
        if (ApiKeyFile is null) return "run needs --api-key-file: the file that holds an operator's API key.";
        if (MqttPort is < 1 or > 65535) return $"--mqtt-port must be 1 to 65535, not {MqttPort}.";
        return null;
    }
}

/// <summary>The demo's load, sent to a server that somebody else runs.</summary>
internal sealed class RunCommand(Scenario scenario, RunningServer options, IAnsiConsole console, TimeProvider clock)
{
    /// <returns>The exit code.</returns>
    public async Task<int> RunAsync(StopSignal signal)
    {
        using var load = Load.Of(scenario);
        var address = await FindServerAsync(signal.Stop);
        using var fleet = address.OpenApi();
        console.WriteLine($"{load.Description}, to {address.Https}");
        var run = new FleetRun(scenario, load, address, fleet, console, clock) { ServerProcessId = FindProcess };
        var report = await run.RunAsync(signal);
        report.Print(console);
        if (scenario.ReportFile is not null) report.Save(scenario.ReportFile);
        return report.ExitCode;
    }

    private async Task<ServerAddress> FindServerAsync(CancellationToken stop)
    {
        if (options.DataFolder is { } folder)
        {
            return ServerAddress.Of(ServerFile.TryRead(folder)
                ?? throw new SimulatorException($"No server runs on {folder}: it has no {ServerFile.FileName}."));
        }
        return new ServerAddress(options.Server!, options.MqttPort, await FindTrustAsync(stop), options.ApiKeyFile!);
    }

    private async Task<ServerTrust> FindTrustAsync(CancellationToken stop)
    {
        if (options.RootFile is null) return await ServerTrust.FromRootFingerprintAsync(options.Server!, options.Fingerprint!, stop);
        try { return ServerTrust.FromRootFile(options.RootFile); }
        catch (CryptographicException e) { throw new SimulatorException($"{options.RootFile} holds no certificate in PEM form.", e); }
    }

    // Read again each time: a server that was started again has another process id.
    private int? FindProcess() => options.DataFolder is { } folder ? ServerFile.TryRead(folder)?.ProcessId : null;
}
