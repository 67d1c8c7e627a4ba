using System.Text.Json;
using IoTFleet.Api;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests;

/// <summary>The samples of the device SDK against the real server, as their readers would start them.</summary>
public sealed class SampleTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    private readonly TemporaryFolder _folder = new();
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync();

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task Node_device_without_our_sdk_enrols_and_publishes_with_numbers()
    {
        await using var device = await StartNodeAsync();
        await device.SaysAsync("enrolled pump-7", Patience);
        await device.SaysAsync("connected", Patience);
        var number = (await device.SaysAsync("stored ", Patience)).Split(' ')[1];

        var stored = new List<TelemetryRecord>();
        await foreach (var record in _server.Client.GetTelemetryAsync("pump-7")) stored.Add(record);
        Assert.Contains(stored, record => $"{record.Sequence}" == number && record.Body.TryGetProperty("temperature", out _));
    }

    [Fact]
    public async Task Node_device_answers_a_command_and_refuses_one_it_does_not_know()
    {
        await using var device = await StartNodeAsync();
        await device.SaysAsync("connected", Patience);
        using var payload = JsonDocument.Parse("{\"hello\":[1,2]}");

        var echoed = await _server.Client.SendCommandAsync("pump-7", new SendCommandRequest { Name = "echo", Payload = payload.RootElement }, wait: TimeSpan.FromSeconds(30));
        var unknown = await _server.Client.SendCommandAsync("pump-7", new SendCommandRequest { Name = "dance", Payload = payload.RootElement }, wait: TimeSpan.FromSeconds(30));

        Assert.Equal((200, "{\"hello\":[1,2]}"), (echoed.Answer?.Status, echoed.Answer?.Payload?.GetRawText()));
        Assert.Equal(404, unknown.Answer?.Status);
    }

    [Fact]
    public async Task Node_device_renews_and_is_let_in_with_the_new_certificate()
    {
        await using (var first = await StartNodeAsync()) await first.SaysAsync("connected", Patience);
        var before = await File.ReadAllTextAsync(_folder.File("keys/device.pem"));

        await using var again = await StartNodeAsync(("RENEW", "1"));
        await again.SaysAsync("renewed pump-7", Patience);
        await again.SaysAsync("stored ", Patience);

        Assert.NotEqual(before, await File.ReadAllTextAsync(_folder.File("keys/device.pem")));
        Assert.False(File.Exists(_folder.File("keys/next-device.pem")));
    }

    [Fact]
    public async Task Gateway_passes_on_its_machines_and_raises_an_alarm()
    {
        await using var gateway = await StartGatewayAsync();
        await gateway.Input.WriteLineAsync("press-1 60\nnoise\npress-2 81.5");
        await gateway.Input.FlushAsync();

        await Eventually.TrueAsync(async () => await _server.Client.GetTelemetryAsync("gate-1").CountAsync() == 3, Patience);
        var stored = await _server.Client.GetTelemetryAsync("gate-1").OrderBy(record => record.Sequence).ToListAsync();
        Assert.Equal(["press-1", "alarms", "press-2"], stored.Select(record => record.Stream));
        Assert.Equal(81.5, stored[1].Body.GetProperty("press-2").GetDouble());
        Assert.Equal(0, await gateway.InterruptAsync());
    }

    [Fact]
    public async Task Gateway_goes_by_the_limit_that_is_wanted_and_reports_its_firmware()
    {
        await using var gateway = await StartGatewayAsync();
        using var wanted = JsonDocument.Parse("{\"alarmAbove\":50}");
        await _server.Client.ChangeDesiredAsync("gate-1", wanted.RootElement);
        await Eventually.TrueAsync(async () => (await _server.Client.GetTwinAsync("gate-1")).InSync, Patience);
        await gateway.Input.WriteLineAsync("press-1 60");
        await gateway.Input.FlushAsync();

        await Eventually.TrueAsync(async () => await _server.Client.GetTelemetryAsync("gate-1").AnyAsync(record => record.Stream == "alarms"), Patience);
        Assert.Equal("1.4.0", (await _server.Client.GetTwinAsync("gate-1")).Reported.GetProperty("firmware").GetString());
        Assert.Equal(0, await gateway.InterruptAsync());
    }

    [Fact]
    public async Task The_systemd_unit_is_one()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/systemd-analyze"), "systemd is not installed.");
        var unit = await File.ReadAllTextAsync(Repository.PathTo("firmware-sdk/samples/systemd/gateway.service"));
        await File.WriteAllTextAsync(_folder.File("gateway.service"), unit.Replace("/usr/local/bin/iotfleet-gateway", "/bin/true", StringComparison.Ordinal));

        var verified = await Peers.RunAsync("/usr/bin/systemd-analyze", "verify", _folder.File("gateway.service"));

        Assert.DoesNotContain("gateway.service:", verified.Everything, StringComparison.Ordinal);
    }

    private async Task<SampleProgram> StartGatewayAsync()
    {
        var gateway = SampleProgram.Start(_folder.Path, "dotnet", [Path.Combine(AppContext.BaseDirectory, "Gateway.dll")],
            ("DEVICE_ID", "gate-1"), ("SERVER", $"https://localhost:{_server.HttpsPort}"), ("ROOT_FINGERPRINT", _server.RootFingerprint),
            ("BROKER_PORT", $"{_server.MqttPort}"), ("ENROLMENT_TOKEN", await TokenAsync()), ("STATE_DIRECTORY", _folder.Path));
        await gateway.SaysAsync("Connected", Patience);
        return gateway;
    }

    private async Task<SampleProgram> StartNodeAsync(params (string Name, string Value)[] environment)
    {
        var sample = Repository.PathTo("firmware-sdk/samples/node");
        var node = Peers.RequireNode(sample, "mqtt");
        return SampleProgram.Start(_folder.Path, node, [Path.Combine(sample, "device.mjs"), "pump-7", $"https://localhost:{_server.HttpsPort}", _server.RootFingerprint, _folder.File("keys")],
            [("ENROLMENT_TOKEN", await TokenAsync()), ("BROKER_PORT", $"{_server.MqttPort}"), ("INTERVAL", "0.2"), .. environment]);
    }

    private async Task<string> TokenAsync() => (await _server.Client.CreateTokenAsync(new CreateTokenRequest { Name = "test" })).Secret;
}
