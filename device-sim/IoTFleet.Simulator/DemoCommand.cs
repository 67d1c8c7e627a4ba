using Spectre.Console;

namespace IoTFleet.Simulator;

/// <summary>How the demo runs its server; the command line fills it in.</summary>
internal sealed record DemoServer
{
    public int MqttPort { get; init; } = 8883;

    public int HttpsPort { get; init; } = 8443;

    /// <summary>The built server; null builds it from the source tree.</summary>
    public string? ServerDll { get; init; }

    /// <summary>Whether a server that died is started again.</summary>
    public bool Restart { get; init; } = true;

    /// <summary>The first thing wrong, in words for the user; null when it can run.</summary>
    public string? FindProblem()
    {
        if (MqttPort is < 0 or > 65535) return $"--mqtt-port must be 0 (any) to 65535, not {MqttPort}.";
        if (HttpsPort is < 0 or > 65535) return $"--https-port must be 0 (any) to 65535, not {HttpsPort}.";
        if (ServerDll is not null && !File.Exists(ServerDll)) return $"--server-dll: there is no file {ServerDll}.";
        return null;
    }
}

/// <summary>The whole product on one machine: its own server, a simulated fleet, and the verdict.</summary>
internal sealed class DemoCommand(Scenario scenario, DemoServer options, IAnsiConsole console, TimeProvider clock)
{
    /// <returns>The exit code.</returns>
    public async Task<int> RunAsync(StopSignal signal)
    {
        using var load = Load.Of(scenario);
        await using var server = await StartServerAsync(signal.Stop);
        var address = ServerAddress.Of(server.File);
        SayWhere(server, address);
        using var fleet = address.OpenApi();
        console.WriteLine(load.Description);
        var run = new FleetRun(scenario, load, address, fleet, console, clock)
        {
            ServerProcessId = () => server.ProcessId,
            ServerLost = server.Lost,
        };
        var report = await run.RunAsync(signal);
        report.Print(console);
        if (scenario.ReportFile is not null) report.Save(scenario.ReportFile);
        var clean = await server.StopAsync();
        console.WriteLine(clean ? "The server stopped." : $"The server did not stop cleanly; {server.LogFile} says more.");
        return clean ? report.ExitCode : 1;
    }

    private async Task<ServerProcess> StartServerAsync(CancellationToken stop)
    {
        var folder = Path.GetFullPath(scenario.DataFolder);
        if (options.ServerDll is null) console.WriteLine("Building the server ...");
        var dll = options.ServerDll ?? await ServerBuild.RunAsync(stop);
        console.WriteLine($"Starting the server with its data in {folder} ...");
        var launch = new ServerLaunch(dll, folder, options.MqttPort, options.HttpsPort, options.Restart);
        return await ServerProcess.StartAsync(launch, line => console.WriteLine(line), clock, stop);
    }

    private void SayWhere(ServerProcess server, ServerAddress address)
    {
        console.WriteLine($"Server:   process {server.ProcessId}, log in {server.LogFile}");
        console.WriteLine($"Console:  {address.Https} (sign in with the API key in {address.ApiKeyFile})");
        console.WriteLine($"REST:     {new Uri(address.Https, "/api/v1/")}");
        console.WriteLine($"MQTT:     {address.Https.Host}:{address.MqttPort}, client certificate required");
        console.WriteLine($"Root CA:  SHA-256 {address.Trust.RootFingerprint}");
    }
}
