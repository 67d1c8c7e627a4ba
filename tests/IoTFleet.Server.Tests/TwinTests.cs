using System.Net;
using System.Text;
using System.Text.Json;
using IoTFleet.Api;
using IoTFleet.Device;
using IoTFleet.Device.Identity;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Topics;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests;

/// <summary>What is wanted of a device and what it reports: over REST, MQTT as docs/wire.md has it, and the SDK.</summary>
public sealed class TwinTests : IAsyncLifetime
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
    public async Task A_device_that_was_off_over_a_restart_of_the_server_hears_all_that_changed_as_one_change()
    {
        var options = await OptionsAsync("pump-7");
        await using (var device = await DeviceClient.StartAsync(options))
        {
            Assert.Equal(1, (await WantAsync("""{"interval":60,"net":{"apn":"a","roaming":true}}""")).DesiredVersion);
            Assert.Equal(1, (await NextAsync(device, applied: true)).Version);
            await device.Twin.ReportAsync("""{"firmware":"1.4.2"}"""u8.ToArray()).WaitAsync(Patience);
        }

        await WantAsync("""{"interval":10}""");
        await _server.RestartAsync();
        var away = await WantAsync("""{"net":{"roaming":null},"led":true}""");
        Assert.Equal((false, false), (away.InSync, away.Told));

        await using var again = await DeviceClient.StartAsync(options with { BrokerPort = _server.MqttPort, Server = new Uri($"https://localhost:{_server.HttpsPort}") });
        var change = await NextAsync(again, applied: true);

        Assert.Equal((3, """{"interval":10,"net":{"roaming":null},"led":true}"""), (change.Version, change.Delta.GetRawText()));
        Assert.Equal("""{"interval":10,"net":{"apn":"a"},"led":true}""", change.Full.GetRawText());
        await Eventually.TrueAsync(async () => (await _server.Client.GetTwinAsync("pump-7")) is { InSync: true, AppliedVersion: 3 }, Patience);
        Assert.Equal("""{"firmware":"1.4.2"}""", (await _server.Client.GetTwinAsync("pump-7")).Reported.GetRawText());
    }

    [Fact]
    public async Task A_device_that_listens_is_told_at_once()
    {
        await using var device = await DeviceClient.StartAsync(await OptionsAsync("pump-7"));
        await device.WaitConnectedAsync().WaitAsync(Patience);

        Assert.True((await WantAsync("""{"interval":60}""")).Told);

        Assert.Equal("""{"interval":60}""", (await NextAsync(device)).Full.GetRawText());
    }

    [Fact]
    public async Task Of_two_operators_at_once_one_is_told_that_the_other_was_faster()
    {
        await _server.Client.RegisterDeviceAsync(new RegisterDeviceRequest { Id = "pump-7" });
        var version = (await WantAsync("""{"a":0}""")).DesiredVersion;

        var both = await Task.WhenAll(TryWantAsync("""{"a":1}""", version), TryWantAsync("""{"a":2}""", version));

        var late = Assert.Single(both.OfType<ApiProblemException>());
        Assert.Equal((HttpStatusCode.PreconditionFailed, ProblemCodes.TwinChanged), (late.Status, late.Code));
        Assert.Contains("is at version 2, not 1", late.Message);
        Assert.Equal(2, (await _server.Client.GetTwinAsync("pump-7")).DesiredVersion);
    }

    [Fact]
    public async Task The_twin_of_a_revoked_device_can_be_read_and_not_changed()
    {
        await _server.Client.RegisterDeviceAsync(new RegisterDeviceRequest { Id = "pump-7" });
        await WantAsync("""{"a":1}""");
        await _server.Client.RevokeDeviceAsync("pump-7");

        Assert.Equal(ProblemCodes.DeviceRevoked, (await Assert.ThrowsAsync<ApiProblemException>(() => WantAsync("""{"a":2}"""))).Code);
        Assert.Equal("""{"a":1}""", (await _server.Client.GetTwinAsync("pump-7")).Desired.GetRawText());
    }

    [Fact]
    public async Task Many_are_changed_after_they_were_counted_and_those_not_in_sync_are_listed()
    {
        foreach (var id in (string[])["pump-1", "pump-2", "valve-1"]) await _server.Client.RegisterDeviceAsync(new RegisterDeviceRequest { Id = id });
        await using var device = await DeviceClient.StartAsync(await OptionsAsync("pump-1"));
        await device.WaitConnectedAsync().WaitAsync(Patience);
        var request = new ChangeTwinsRequest { Patch = JsonElement.Parse("""{"interval":60}"""), Ids = ["pump-1", "pump-2"], DryRun = true };

        Assert.Equal(2, (await _server.Client.ChangeTwinsAsync(request)).Count);
        Assert.Equal(2, (await _server.Client.ChangeTwinsAsync(request with { DryRun = false, Confirm = 2 })).Changed);

        Assert.Equal(1, (await NextAsync(device, applied: true)).Version);
        await Eventually.TrueAsync(async () => (await _server.Client.GetTwinsAsync(inSync: false).ToListAsync()) is [{ DeviceId: "pump-2", DesiredVersion: 1, AppliedVersion: 0 }], Patience);
    }

    [Fact]
    public async Task A_patch_that_is_none_is_refused_and_says_why()
    {
        await _server.Client.RegisterDeviceAsync(new RegisterDeviceRequest { Id = "pump-7" });

        foreach (var patch in (string[])["[]", "7", """{"$a":1}""", $$"""{"a":"{{new string('x', 33_000)}}"}"""])
            Assert.Equal(ProblemCodes.TwinRefused, (await Assert.ThrowsAsync<ApiProblemException>(() => WantAsync(patch))).Code);
        Assert.Equal(ProblemCodes.DeviceNotFound, (await Assert.ThrowsAsync<ApiProblemException>(() => _server.Client.GetTwinAsync("pump-9"))).Code);
    }

    [Theory]
    [BothVersions]
    public async Task A_refused_report_is_counted_and_the_reports_around_it_are_stored(ProtocolVersion version)
    {
        using var certificate = await _server.EnrolAsync("pump-7");
        await using var device = await _server.ConnectAsync("pump-7", certificate, version);
        var answers = new List<PubAckPacket>();
        string[] reports = ["""{"a":1}""", """{"a":1,"a":2}""", $$"""{"big":"{{new string('x', 32_700)}}"}""", """{"b":2}""", $$"""{"more":"{{new string('x', 60)}}"}""", """{"b":3}"""];
        foreach (var report in reports)
        {
            await device.SendAsync(Publish("reported", report, 1));
            answers.Add(await device.ExpectAsync<PubAckPacket>());
        }


        var refused = version == ProtocolVersion.V5 ? ReasonCode.PayloadFormatInvalid : ReasonCode.Success;
        Assert.Equal([ReasonCode.Success, refused, ReasonCode.Success, ReasonCode.Success, refused, ReasonCode.Success], answers.Select(answer => answer.Reason));
        Assert.Equal(version == ProtocolVersion.V5, answers[4].Properties.ReasonString?.Contains("32,768", StringComparison.Ordinal) ?? false);
        Assert.Equal((1, 1), (_server.Refused("twin-bad-name"), _server.Refused("twin-too-large")));
        var twin = await _server.Client.GetTwinAsync("pump-7");
        Assert.Equal((4, 3), (twin.ReportedVersion, twin.Reported.GetProperty("b").GetInt32()));
    }

    [Fact]
    public async Task Nobody_but_the_server_says_what_is_wanted()
    {
        using var certificate = await _server.EnrolAsync("pump-7");
        await using var device = await _server.ConnectAsync("pump-7", certificate);

        foreach (var topic in (string[])["desired", "delta", "other"])
        {
            await device.SendAsync(Publish(topic, """{"version":9,"desired":{}}""", 1));
            Assert.Equal(ReasonCode.NotAuthorized, (await device.ExpectAsync<PubAckPacket>()).Reason);
        }
    }

    private static PublishPacket Publish(string below, string json, ushort id) =>
        new() { Topic = TopicName.Parse($"devices/pump-7/twin/{below}"), Payload = Encoding.UTF8.GetBytes(json), Qos = QualityOfService.AtLeastOnce, PacketId = id };

    private Task<Twin> WantAsync(string patch, long? ifVersion = null) => _server.Client.ChangeDesiredAsync("pump-7", JsonElement.Parse(patch), ifVersion);

    private async Task<object> TryWantAsync(string patch, long ifVersion)
    {
        try
        {
            return await WantAsync(patch, ifVersion);
        }
        catch (ApiProblemException refused)
        {
            return refused;
        }
    }

    /// <param name="device">Whose.</param>
    /// <param name="applied">Goes on until it counts as applied.</param>
    private static async Task<DesiredChange> NextAsync(DeviceClient device, bool applied = false)
    {
        using var enough = new CancellationTokenSource();
        await using var changes = device.Twin.DesiredChangesAsync(enough.Token).GetAsyncEnumerator();
        Assert.True(await changes.MoveNextAsync().AsTask().WaitAsync(Patience));
        var change = changes.Current;
        if (!applied) return change;
        var asking = changes.MoveNextAsync().AsTask();      // done with it, says this
        await Eventually.TrueAsync(() => Task.FromResult(device.Twin.AppliedVersion >= change.Version), Patience);
        await enough.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asking);
        return change;
    }

    private async Task<DeviceOptions> OptionsAsync(string deviceId)
    {
        var token = await _server.Client.CreateTokenAsync(new CreateTokenRequest { Name = "twin" });
        return new DeviceOptions
        {
            DeviceId = deviceId,
            Server = new Uri($"https://localhost:{_server.HttpsPort}"),
            RootFingerprint = _server.RootFingerprint,
            BrokerPort = _server.MqttPort,
            EnrolmentToken = token.Secret,
            KeyStore = new FileKeyStore(_folder.File(deviceId)),
            Twin = new TwinOptions { Folder = _folder.File($"{deviceId}-twin") },
            BackoffMin = TimeSpan.FromMilliseconds(50),
            BackoffMax = TimeSpan.FromSeconds(1),
        };
    }
}
