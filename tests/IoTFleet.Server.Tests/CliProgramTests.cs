using IoTFleet.Testing;

namespace IoTFleet.Server.Tests;

/// <summary>The command line as an operator on the server's machine uses it: <c>--data</c> and nothing else.</summary>
public sealed class CliProgramTests : IAsyncLifetime
{
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task A_devices_life_by_command_line()
    {
        Assert.Contains("pump-7", (await RunAsync(0, "device", "register", "pump-7")).Output, StringComparison.Ordinal);
        Assert.Contains("ift_", (await RunAsync(0, "token", "create", "--name", "line 4", "--device", "pump-7")).Output, StringComparison.Ordinal);
        Assert.Contains("registered", (await RunAsync(0, "device", "list")).Output, StringComparison.Ordinal);
        Assert.Contains("telemetry-not-found", (await RunAsync(1, "telemetry", "latest", "pump-7")).Errors, StringComparison.Ordinal);

        await RunAsync(0, "device", "suspend", "pump-7");
        await RunAsync(0, "device", "resume", "pump-7");
        await RunAsync(0, "device", "revoke", "pump-7", "--reason", "keyCompromise");
        Assert.Contains("\"state\": \"revoked\"", (await RunAsync(0, "device", "get", "pump-7", "-o", "json")).Output, StringComparison.Ordinal);
        Assert.Contains("device-not-found", (await RunAsync(1, "device", "get", "pump-8")).Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_server_it_says_so()
    {
        using var empty = new TemporaryFolder();
        var result = await Peers.RunAsync("dotnet", Program, "overview", "--data", empty.Path);
        Assert.NotEqual(0, result.ExitCode);
        Assert.Contains(empty.Path, result.Errors, StringComparison.Ordinal);
    }

    private static string Program => Path.Combine(AppContext.BaseDirectory, "iotfleet.dll");

    private async Task<PeerResult> RunAsync(int exitCode, params string[] arguments)
    {
        var result = await Peers.RunAsync("dotnet", [Program, .. arguments, "--data", _server.DataPath]);
        Assert.True(result.ExitCode == exitCode, $"{string.Join(' ', arguments)}: {result.ExitCode} {result.Everything}");
        return result;
    }
}
