using IoTFleet.Api;
using IoTFleet.Device;
using IoTFleet.Device.Identity;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests;

/// <summary>The SDK against the real server, from an empty device to a revoked one.</summary>
public sealed class DeviceSdkTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly TemporaryFolder _folder = new();
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync();

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_device_enrols_publishes_and_takes_a_command()
    {
        await using var device = await DeviceClient.StartAsync(await OptionsAsync("pump-7"));
        var receipt = await device.PublishAsync("engine", "{\"rpm\":900}"u8.ToArray()).WaitAsync(Patience);

        var latest = await _server.Client.GetLatestTelemetryAsync("pump-7");
        Assert.Equal(("engine", receipt.Sequence, "{\"rpm\":900}"), (latest.Stream, latest.Sequence, latest.Body.GetRawText()));

        using var payload = System.Text.Json.JsonDocument.Parse("{\"speed\":3}");
        Assert.True((await _server.Client.SendCommandAsync("pump-7", new SendCommandRequest { Name = "set-speed", Payload = payload.RootElement })).Delivered);
        await foreach (var command in device.CommandsAsync())
        {
            Assert.Equal(("set-speed", "{\"speed\":3}"), (command.Name, System.Text.Encoding.UTF8.GetString(command.Payload.Span)));
            break;
        }
    }

    [Fact]
    public async Task A_second_start_uses_the_certificate_of_the_first_and_needs_no_token()
    {
        var options = await OptionsAsync("pump-7");
        await using (var first = await DeviceClient.StartAsync(options)) await first.WaitConnectedAsync().WaitAsync(Patience);

        await using var second = await DeviceClient.StartAsync(options with { EnrolmentToken = null });
        await second.WaitConnectedAsync().WaitAsync(Patience);
        Assert.Single((await _server.Client.GetDeviceAsync("pump-7")).Certificates);
    }

    [Fact]
    public async Task A_server_with_another_root_gets_no_token()
    {
        var options = await OptionsAsync("pump-7") with { RootFingerprint = new string('0', 64) };
        var refused = await Assert.ThrowsAsync<DeviceException>(() => DeviceClient.StartAsync(options));
        Assert.Equal(DeviceError.ServerNotTrusted, refused.Error);
        Assert.Equal(0, Assert.Single((await _server.Client.GetTokensPageAsync()).Items).Uses);
    }

    [Fact]
    public async Task A_revoked_device_is_told_that_it_is_refused()
    {
        await using var device = await DeviceClient.StartAsync(await OptionsAsync("pump-7"));
        await device.WaitConnectedAsync().WaitAsync(Patience);
        await _server.Client.RevokeDeviceAsync("pump-7");
        await Eventually.NotNullAsync(() => device.State as DeviceState.Refused, Patience);
    }

    private async Task<DeviceOptions> OptionsAsync(string deviceId)
    {
        var token = await _server.Client.CreateTokenAsync(new CreateTokenRequest { Name = "sdk" });
        return new DeviceOptions
        {
            DeviceId = deviceId,
            Server = new Uri($"https://localhost:{_server.HttpsPort}"),
            RootFingerprint = _server.RootFingerprint,
            BrokerPort = _server.MqttPort,
            EnrolmentToken = token.Secret,
            KeyStore = new FileKeyStore(_folder.File(deviceId)),
            BackoffMin = TimeSpan.FromMilliseconds(50),
            BackoffMax = TimeSpan.FromSeconds(1),
        };
    }
}
