using System.Runtime.InteropServices;
using IoTFleet.Api;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests;

/// <summary>The thermostat as a small device would run it: compiled ahead of time, with a managed heap of 16 MB at most.</summary>
public sealed class NativeAotTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    private readonly TemporaryFolder _folder = new();

    [Fact]
    public async Task Thermostat_compiled_ahead_of_time_enrols_and_publishes_and_is_as_small_as_promised()
    {
        var program = await PublishAsync();
        await using var server = await RunningServer.StartAsync();
        var token = await server.Client.CreateTokenAsync(new CreateTokenRequest { Name = "test" });

        await using var thermostat = SampleProgram.Start(_folder.Path, program, ["thermo-1", $"https://localhost:{server.HttpsPort}", server.RootFingerprint],
            ("ENROLMENT_TOKEN", token.Secret), ("BROKER_PORT", $"{server.MqttPort}"), ("DOTNET_GCHeapHardLimit", "1000000"));
        await thermostat.SaysAsync("Connected", Patience);
        await Eventually.TrueAsync(async () => await server.Client.GetTelemetryAsync("thermo-1").AnyAsync(), Patience);
        var stored = await server.Client.GetLatestTelemetryAsync("thermo-1");

        Assert.InRange(stored.Body.GetProperty("temperature").GetDouble(), 20, 21);
        Assert.True(thermostat.Resident <= 24_000_000, $"{thermostat.Resident} bytes are resident");
        Assert.True(new FileInfo(program).Length <= 9_000_000, $"{new FileInfo(program).Length} bytes of program");
        Assert.Equal(0, await thermostat.InterruptAsync());
    }

    public void Dispose() => _folder.Dispose();

    /// <summary>Skipped where the compiler's pack is not on the package feed, which no machine can help; a linker CI must have.</summary>
    private async Task<string> PublishAsync()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && RuntimeInformation.OSArchitecture == Architecture.X64, "Published for linux-x64 here.");
        Peers.Require("gcc");
        var sample = Repository.PathTo("firmware-sdk/samples/Thermostat");
        string[] terms = ["-r", "linux-x64", "-p:PublishAot=true", "-p:DeviceFramework=net9.0", "-p:UseSharedCompilation=false", "-nodeReuse:false", "--artifacts-path", _folder.File("build")];
        var restored = await Peers.RunAsync(TimeSpan.FromMinutes(5), "dotnet", ["restore", sample, .. terms]);
        Assert.SkipWhen(restored.Output.Contains("error NU1101", StringComparison.Ordinal) || restored.Output.Contains("error NU1102", StringComparison.Ordinal),
            "The native AOT compiler of .NET 9 is not on this package feed: " + restored.Output);
        Assert.True(restored.ExitCode == 0, restored.Everything);

        var published = await Peers.RunAsync(TimeSpan.FromMinutes(10), "dotnet", ["publish", sample, "-c", "Release", "--no-restore", "-o", _folder.File("program"), .. terms]);
        Assert.True(published.ExitCode == 0, published.Everything);
        Assert.DoesNotContain("warning", published.Everything, StringComparison.Ordinal);
        return Path.Combine(_folder.File("program"), "Thermostat");
    }
}
