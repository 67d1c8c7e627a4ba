using IoTFleet.Broker.Routing;

namespace IoTFleet.Broker.Tests;

/// <summary>A message that the store does not take, once it has looked.</summary>
public sealed class LateRefusalTests
{
    private readonly TaskCompletionSource<LateRefusal?> _verdict = new(TaskCreationOptions.RunContinuationsAsynchronously);

    [Fact]
    public async Task Its_puback_says_why_and_nobody_gets_it()
    {
        await using var broker = NewBroker();
        await using var reader = await broker.ConnectAsync("reader", V5);
        await reader.SubscribeAsync("t", AtLeastOnce);
        await using var device = await broker.ConnectAsync("a", V5);
        await device.PublishAsync("t", "judged", AtLeastOnce, 1);
        await device.PublishAsync("t", "plain", AtLeastOnce, 2);
        await device.ExpectNothingAsync();

        _verdict.SetResult(new LateRefusal(ReasonCode.QuotaExceeded, "not-wanted", "Not this one."));

        var ack = await device.ExpectAsync<PubAckPacket>();
        Assert.Equal((1, ReasonCode.QuotaExceeded, "Not this one."), (ack.PacketId, ack.Reason, ack.Properties.ReasonString));
        await device.ExpectAckAsync(2);
        await reader.ExpectMessageAsync("plain");
        Assert.Equal("not-wanted", Assert.Single(broker.Refusals.Recent()).Reason);
    }

    [Fact]
    public async Task In_3_1_1_it_is_acknowledged_and_the_connection_stays()
    {
        await using var broker = NewBroker();
        await using var device = await broker.ConnectAsync("a", ProtocolVersion.V311);
        await device.PublishAsync("t", "judged", AtLeastOnce, 1);

        _verdict.SetResult(new LateRefusal(ReasonCode.QuotaExceeded, "not-wanted", "Not this one."));

        await device.ExpectAckAsync(1);
        await device.PublishAsync("t", "plain", AtLeastOnce, 2);
        await device.ExpectAckAsync(2);
    }

    [Fact]
    public async Task At_qos_2_its_packet_id_is_free_again()
    {
        await using var broker = NewBroker();
        await using var device = await broker.ConnectAsync("a", V5);
        await device.PublishAsync("t", "judged", ExactlyOnce, 1);

        _verdict.SetResult(new LateRefusal(ReasonCode.QuotaExceeded, "not-wanted", "Not this one."));

        Assert.Equal(ReasonCode.QuotaExceeded, (await device.ExpectAsync<PubRecPacket>()).Reason);
        await device.PublishAsync("t", "plain", ExactlyOnce, 1);
        Assert.Equal(ReasonCode.Success, (await device.ExpectAsync<PubRecPacket>()).Reason);
    }

    [Theory, BothVersions]
    public async Task One_that_is_taken_goes_the_way_of_any_message(ProtocolVersion version)
    {
        await using var broker = NewBroker();
        await using var device = await broker.ConnectAsync("a", version);
        await device.SubscribeAsync("t", AtMostOnce);
        await device.PublishAsync("t", "judged", AtLeastOnce, 1);

        _verdict.SetResult(null);

        await device.ExpectAckAsync(1);
        await device.ExpectMessageAsync("judged");
    }

    private InMemoryBroker NewBroker() => new()
    {
        Sink = { Refuse = message => System.Text.Encoding.UTF8.GetString(message.Payload.Span) == "judged" ? Acceptance.Judged(_verdict.Task) : null },
    };
}
