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

    /// <summary>Each start is cut off wherever it is by then, and the next one goes on with what the disk holds.</summary>
    [Fact]
    public async Task What_a_device_held_on_disk_over_ten_restarts_is_stored_once_and_in_order()
    {
        var options = await OptionsAsync("pump-7") with { Outbox = new OutboxOptions { Folder = _folder.File("outbox"), ReplayRate = null } };
        var random = new Random(7);
        for (var start = 0; start < 10; start++)
        {
            await using var device = await DeviceClient.StartAsync(options);
            for (var n = 0; n < 10; n++) await device.QueueAsync(null, new Dictionary<string, double> { ["n"] = start * 10 + n });
            if (random.Next(2) == 0) await device.WaitConnectedAsync().WaitAsync(Patience);
        }

        await using var last = await DeviceClient.StartAsync(options);
        await Eventually.TrueAsync(() => Task.FromResult(last.Outbox.Messages == 0), Patience);
        var stored = new List<TelemetryRecord>();
        await foreach (var record in _server.Client.GetTelemetryAsync("pump-7")) stored.Add(record);
        Assert.Equal(Enumerable.Range(0, 100), stored.OrderBy(record => record.Sequence).Select(record => record.Body.GetProperty("n").GetInt32()));
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

    /// <summary>A golden image, or a copy that was kept: both are let in, and one of them must give way for long, or they would throw each other out for good.</summary>
    [Fact]
    public async Task Of_two_clients_with_one_identity_one_stays_connected_and_the_other_says_why_it_is_not()
    {
        var options = await OptionsAsync("pump-7") with { KeyStore = new MemoryKeyStore() };
        await using var one = await DeviceClient.StartAsync(options);
        await one.WaitConnectedAsync().WaitAsync(Patience);
        await using var other = await DeviceClient.StartAsync(options);
        DeviceClient[] both = [one, other];

        var refused = await Eventually.NotNullAsync(() => both.Select(client => client.State).OfType<DeviceState.Refused>().FirstOrDefault(state => state.RetryAt > TimeProvider.System.GetUtcNow().AddMinutes(30)), Patience);

        Assert.Contains("Another client connects as this device", refused.Reason, StringComparison.Ordinal);
        var left = both.Single(client => client.State != refused);
        await left.PublishAsync(null, "{\"n\":1}"u8.ToArray()).WaitAsync(Patience);
        Assert.Equal(refused, both.Single(client => client != left).State);
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
