using System.Globalization;
using IoTFleet.Api;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests;

/// <summary>What docs/footprint.md promises of a publish, measured as there, by a device in a process of its own.</summary>
public sealed class FootprintTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private readonly TemporaryFolder _folder = new();

    [Fact]
    public async Task A_publish_allocates_at_most_a_kilobyte()
    {
        await using var server = await RunningServer.StartAsync(("Broker:MaxPacketRate", "1000000"));
        var token = await server.Client.CreateTokenAsync(new CreateTokenRequest { Name = "test" });
        await using var device = SampleProgram.Start(_folder.Path, "dotnet",
            [Path.Combine(AppContext.BaseDirectory, "IoTFleet.Footprint.dll"), "keys", $"https://localhost:{server.HttpsPort}", $"{server.MqttPort}", server.RootFingerprint, "constrained", "1", "500", "meter-1"],
            ("ENROLMENT_TOKEN", token.Secret));

        Assert.InRange(await FigureAsync(device, "publish-allocated"), 1, 1024);
        Assert.InRange(await FigureAsync(device, "publish-readings-allocated"), 1, 1024);
    }

    public void Dispose() => _folder.Dispose();

    private static async Task<long> FigureAsync(SampleProgram device, string what) =>
        long.Parse((await device.SaysAsync(what + " ", Patience)).Split(' ')[1], CultureInfo.InvariantCulture);
}
