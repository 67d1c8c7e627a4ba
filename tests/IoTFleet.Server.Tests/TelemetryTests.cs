using System.Text;
using System.Text.Json;
using IoTFleet.Api;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Topics;

namespace IoTFleet.Server.Tests;

public sealed class TelemetryTests : IAsyncLifetime
{
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Theory]
    [InlineData(ProtocolVersion.V311)]
    [InlineData(ProtocolVersion.V5)]
    public async Task What_is_acked_can_be_read_back_at_once(ProtocolVersion version)
    {
        using var certificate = await _server.EnrolAsync("pump-7");
        await using var device = await _server.ConnectAsync("pump-7", certificate, version);

        await device.SendAsync(Telemetry("""{"ts":1700000000000,"temperature":21.50,"ok":true}"""));
        Assert.Equal(ReasonCode.Success, (await device.ExpectAsync<PubAckPacket>()).Reason);

        var latest = await _server.Client.GetLatestTelemetryAsync("pump-7");
        Assert.Equal("""{"ts":1700000000000,"temperature":21.50,"ok":true}""", latest.Body.GetRawText());
        Assert.Equal(DateTimeOffset.FromUnixTimeMilliseconds(1_700_000_000_000), latest.Time);
    }

    [Fact]
    public async Task Every_message_of_a_pipelined_burst_is_acked_in_order_and_stored_once()
    {
        using var certificate = await _server.EnrolAsync("pump-7");
        await using var device = await _server.ConnectAsync("pump-7", certificate);

        await device.SendAsync([.. Enumerable.Range(1, 100).Select(n => Telemetry($$"""{"ts":{{n}},"n":{{n}}}""", (ushort)n))]);
        for (ushort n = 1; n <= 100; n++) Assert.Equal(n, (await device.ExpectAsync<PubAckPacket>()).PacketId);

        var stored = new List<int>();
        await foreach (var record in _server.Client.GetTelemetryAsync("pump-7")) stored.Add(record.Body.GetProperty("n").GetInt32());
        Assert.Equal(Enumerable.Range(1, 100), stored);
    }

    [Fact]
    public async Task A_stream_and_the_publishers_sequence_are_kept()
    {
        using var certificate = await _server.EnrolAsync("pump-7");
        await using var device = await _server.ConnectAsync("pump-7", certificate);
        await device.SendAsync(new PublishPacket
        {
            Topic = TopicName.Parse("devices/pump-7/telemetry/engine/left"),
            Payload = "{\"rpm\":1}"u8.ToArray(),
            Qos = QualityOfService.AtLeastOnce,
            PacketId = 9,
            Properties = new PropertyBlock { UserProperties = [new UserProperty("seq", "42")] },
        });
        await device.ExpectAsync<PubAckPacket>();

        var latest = await _server.Client.GetLatestTelemetryAsync("pump-7");
        Assert.Equal(("engine/left", 42L), (latest.Stream, latest.Sequence));
    }

    [Theory]
    [InlineData("[1,2]", "payload-not-object")]
    [InlineData("{\"a\":", "payload-not-json")]
    [InlineData("", "payload-empty")]
    [InlineData("{\"ts\":\"yesterday\"}", "payload-bad-time")]
    public async Task A_payload_that_cannot_be_read_is_refused_and_does_not_block_the_next(string payload, string reason)
    {
        using var certificate = await _server.EnrolAsync("pump-7");
        await using var device = await _server.ConnectAsync("pump-7", certificate);

        await device.SendAsync(Telemetry(payload, 1), Telemetry("{\"good\":1}", 2));

        Assert.Equal(ReasonCode.PayloadFormatInvalid, (await device.ExpectAsync<PubAckPacket>()).Reason);
        Assert.Equal(ReasonCode.Success, (await device.ExpectAsync<PubAckPacket>()).Reason);
        Assert.Equal(1, _server.Refused(reason));
    }

    [Fact]
    public async Task A_bad_payload_of_a_311_device_is_acknowledged_and_refused_and_what_is_behind_it_stored()
    {
        using var certificate = await _server.EnrolAsync("pump-7");
        await using var device = await _server.ConnectAsync("pump-7", certificate, ProtocolVersion.V311);

        await device.SendAsync(Telemetry("no json", 1), Telemetry("{\"good\":1}", 2));

        Assert.Equal(1, (await device.ExpectAsync<PubAckPacket>()).PacketId);
        Assert.Equal(2, (await device.ExpectAsync<PubAckPacket>()).PacketId);
        Assert.Equal(1, _server.Refused("payload-format-unknown"));
        Assert.Single((await _server.Client.GetTelemetryPageAsync("pump-7")).Items);
    }

    [Fact]
    public async Task A_range_is_read_page_by_page()
    {
        using var certificate = await _server.EnrolAsync("pump-7");
        await using var device = await _server.ConnectAsync("pump-7", certificate);
        for (ushort n = 1; n <= 5; n++)
        {
            await device.SendAsync(Telemetry($$"""{"ts":{{n * 1000}}}""", n));
            await device.ExpectAsync<PubAckPacket>();
        }

        var first = await _server.Client.GetTelemetryPageAsync("pump-7", from: DateTimeOffset.FromUnixTimeSeconds(2), to: DateTimeOffset.FromUnixTimeSeconds(5), limit: 2);
        var second = await _server.Client.GetTelemetryPageAsync("pump-7", from: DateTimeOffset.FromUnixTimeSeconds(2), to: DateTimeOffset.FromUnixTimeSeconds(5), cursor: first.Next, limit: 2);

        Assert.Equal([2, 3, 4], first.Items.Concat(second.Items).Select(record => record.Time.ToUnixTimeSeconds()));
        Assert.Null(second.Next);
    }

    [Fact]
    public async Task An_operators_command_reaches_the_device_and_says_whether_it_did()
    {
        using var certificate = await _server.EnrolAsync("pump-7");
        using var payload = JsonDocument.Parse("{\"speed\":3}");
        var command = new SendCommandRequest { Name = "set-speed", Payload = payload.RootElement };
        var early = await _server.Client.SendCommandAsync("pump-7", command);
        Assert.False(early.Delivered);

        await using var device = await _server.ConnectAsync("pump-7", certificate);
        await device.SendAsync(new SubscribePacket { PacketId = 1, Subscriptions = [new SubscriptionRequest(TopicFilter.Parse("devices/pump-7/commands/#"), QualityOfService.AtLeastOnce)] });
        await device.ExpectAsync<SubAckPacket>();
        Assert.Equal($"devices/pump-7/commands/set-speed/{early.Id}", (await device.ExpectAsync<PublishPacket>()).Topic!.Value);

        var late = await _server.Client.SendCommandAsync("pump-7", command);
        Assert.True(late.Delivered);
        var arrived = await device.ExpectAsync<PublishPacket>();
        Assert.Equal($"devices/pump-7/commands/set-speed/{late.Id}", arrived.Topic!.Value);
        Assert.Equal("{\"speed\":3}", Encoding.UTF8.GetString(arrived.Payload.Span));
    }

    private static PublishPacket Telemetry(string json, ushort packetId = 1) => new()
    {
        Topic = TopicName.Parse("devices/pump-7/telemetry"),
        Payload = Encoding.UTF8.GetBytes(json),
        Qos = QualityOfService.AtLeastOnce,
        PacketId = packetId,
    };
}
