using System.Text.Json;
using IoTFleet.Api;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests;

/// <summary>A device made of other people's programs: enrolled by curl and openssl, connected by mosquitto's clients.</summary>
public sealed class MosquittoTests : IAsyncLifetime
{
    private readonly InteropFleet _fleet = new();

    private RunningServer Server => _fleet.Server;

    public ValueTask InitializeAsync() => _fleet.InitializeAsync();

    public ValueTask DisposeAsync() => _fleet.DisposeAsync();

    [Theory]
    [InlineData("mqttv311")]
    [InlineData("mqttv5")]
    public async Task A_publish_of_mosquitto_pub_is_stored(string version)
    {
        var publisher = await EnrolWithScriptAsync("pump-7");
        var result = await Peers.RunAsync("mosquitto_pub", [.. publisher, "-V", version, "-q", "1", "-t", "devices/pump-7/telemetry", "-m", "{\"temperature\":21.5}"]);
        Assert.True(result.ExitCode == 0, result.Everything);
        Assert.Equal("{\"temperature\":21.5}", (await Server.Client.GetLatestTelemetryAsync("pump-7")).Body.GetRawText());
    }

    [Theory]
    [InlineData("mqttv311")]
    [InlineData("mqttv5")]
    public async Task A_command_arrives_at_mosquitto_sub(string version)
    {
        var subscriber = await EnrolWithScriptAsync("pump-7");
        var receiving = Peers.RunAsync("mosquitto_sub", [.. subscriber, "-V", version, "-q", "1", "-C", "1", "-W", "20", "-t", "devices/pump-7/commands/#", "-F", "%t %p"]);

        using var payload = JsonDocument.Parse("{\"speed\":3}");
        var command = new SendCommandRequest { Name = "set-speed", Payload = payload.RootElement };
        var sent = await Server.Client.SendCommandAsync("pump-7", command);

        Assert.Equal($"devices/pump-7/commands/set-speed/{sent.Id} {{\"speed\":3}}", (await receiving).Output.Trim());
    }

    /// <summary>As docs/wire.md has it: two programs that know nothing of us.</summary>
    [Theory]
    [InlineData("mqttv311")]
    [InlineData("mqttv5")]
    public async Task A_command_is_answered_by_mosquitto_pub(string version)
    {
        var device = await EnrolWithScriptAsync("pump-7");
        using var payload = JsonDocument.Parse("{\"delay\":5}");
        var waiting = Server.Client.SendCommandAsync("pump-7", new SendCommandRequest { Name = "reboot", Payload = payload.RootElement }, TimeSpan.FromSeconds(60));
        var received = await Peers.RunAsync("mosquitto_sub", [.. device, "-V", version, "-q", "1", "-C", "1", "-W", "20", "-t", "devices/pump-7/commands/#", "-F", "%t"]);

        var answered = await Peers.RunAsync(
            "mosquitto_pub", [.. device, "-V", version, "-q", "1", "-t", $"devices/pump-7/answers/{received.Output.Trim().Split('/')[^1]}", "-m", "{\"status\":202,\"payload\":\"soon\"}"]);

        Assert.True(answered.ExitCode == 0, answered.Everything);
        var receipt = await waiting;
        Assert.Equal((CommandStates.Answered, 202, "\"soon\""), (receipt.State, receipt.Answer!.Status, receipt.Answer.Payload!.Value.GetRawText()));
    }

    [Fact]
    public async Task Mosquitto_pub_without_a_certificate_is_turned_away()
    {
        Peers.Require("mosquitto_pub");
        var result = await Peers.RunAsync("mosquitto_pub", "-h", "localhost", "-p", $"{Server.MqttPort}", "--cafile", Server.RootFile, "-i", "pump-7", "-t", "t", "-m", "m");
        Assert.NotEqual(0, result.ExitCode);
        Assert.True(Server.Refused("no-certificate") > 0);
    }

    [Fact]
    public async Task Mosquitto_pub_with_another_client_id_is_turned_away()
    {
        var publisher = await EnrolWithScriptAsync("pump-7");
        var result = await Peers.RunAsync("mosquitto_pub", [.. publisher, "-i", "pump-8", "-q", "1", "-t", "devices/pump-8/telemetry", "-m", "{}"]);
        Assert.NotEqual(0, result.ExitCode);
        Assert.Equal(1, Server.Refused("client-id-mismatch"));
    }

    [Fact]
    public async Task A_revoked_device_is_turned_away_again()
    {
        var publisher = await EnrolWithScriptAsync("pump-7");
        await Server.Client.RevokeDeviceAsync("pump-7");
        var result = await Peers.RunAsync("mosquitto_pub", [.. publisher, "-q", "1", "-t", "devices/pump-7/telemetry", "-m", "{}"]);
        Assert.NotEqual(0, result.ExitCode);
        Assert.Equal(1, Server.Refused("device-revoked"));
    }

    /// <summary>Enrols with tests/interop/enrol.sh and returns how mosquitto's clients connect as the device.</summary>
    private async Task<string[]> EnrolWithScriptAsync(string deviceId)
    {
        foreach (var program in (string[])["mosquitto_pub", "mosquitto_sub"]) Peers.Require(program);
        var device = await _fleet.DeviceAsync(deviceId);
        return ["-h", "localhost", "-p", $"{Server.MqttPort}", "-i", deviceId, "--cafile", Server.RootFile, "--cert", device.Certificate, "--key", device.Key];
    }
}
