using IoTFleet.Pki;
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
    public async Task A_services_life_by_command_line()
    {
        using var folder = new TemporaryFolder();
        var files = folder.File("billing");
        await RunAsync(0, "service", "create", "billing", "--subscribe", "devices/#", "--subscribe", "$SYS/#", "--publish", "devices/+/commands/#", "--out", files);
        Assert.Contains("devices/# $SYS/#", (await RunAsync(0, "service", "list")).Output, StringComparison.Ordinal);
        await ExpectUsableAsync(files);

        var first = await File.ReadAllTextAsync(Path.Combine(files, "service.pem"));
        await RunAsync(0, "service", "issue", "billing", "--out", files);
        Assert.NotEqual(first, await File.ReadAllTextAsync(Path.Combine(files, "service.pem")));
        await ExpectUsableAsync(files);

        Assert.Contains("is the certificate of billing", (await RunAsync(2, "service", "create", "weather", "--out", files)).Errors, StringComparison.Ordinal);
        Assert.Contains("service-exists", (await RunAsync(1, "service", "create", "billing", "--out", folder.File("again"))).Errors, StringComparison.Ordinal);
        Assert.Contains("invalid-request", (await RunAsync(1, "service", "create", "weather", "--publish", "$SYS/#", "--out", folder.File("weather"))).Errors, StringComparison.Ordinal);
        await RunAsync(0, "service", "revoke", "billing");
        Assert.Contains("service-revoked", (await RunAsync(1, "service", "issue", "billing", "--out", files)).Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_server_it_says_so()
    {
        using var empty = new TemporaryFolder();
        var result = await Peers.RunAsync("dotnet", Program, "overview", "--data", empty.Path);
        Assert.NotEqual(0, result.ExitCode);
        Assert.Contains(empty.Path, result.Errors, StringComparison.Ordinal);
    }

    /// <summary>The key fits, the certificate leads to the root, and only the owner may read them.</summary>
    private static async Task ExpectUsableAsync(string files)
    {
        using var key = PemFile.ReadKey(Path.Combine(files, "service.key"));
        using var certificate = PemFile.ReadCertificate(Path.Combine(files, "service.pem"));
        Assert.Equal(key.ExportSubjectPublicKeyInfo(), certificate.PublicKey.ExportSubjectPublicKeyInfo());
        Assert.Equal(3, Directory.GetFiles(files).Length);
        Assert.Contains("BEGIN CERTIFICATE", await File.ReadAllTextAsync(Path.Combine(files, "root.pem")), StringComparison.Ordinal);
        if (!OperatingSystem.IsWindows()) Assert.All(Directory.GetFiles(files), file => Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, new FileInfo(file).UnixFileMode));
    }

    private static string Program => Path.Combine(AppContext.BaseDirectory, "iotfleet.dll");

    private async Task<PeerResult> RunAsync(int exitCode, params string[] arguments)
    {
        var result = await Peers.RunAsync("dotnet", [Program, .. arguments, "--data", _server.DataPath]);
        Assert.True(result.ExitCode == exitCode, $"{string.Join(' ', arguments)}: {result.ExitCode} {result.Everything}");
        return result;
    }
}
