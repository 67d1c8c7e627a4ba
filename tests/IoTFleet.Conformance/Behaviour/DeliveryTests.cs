using IoTFleet.Broker.Routing;

namespace IoTFleet.Conformance.Behaviour;

/// <summary>Section 4.3: the delivery protocols of the three levels, the server once as sender and once as receiver.</summary>
public sealed class DeliveryTests : ConformanceTest
{
    [Theory, BothVersions]
    public async Task At_QoS_0_the_server_sends_once_without_DUP(ProtocolVersion version)
    {
        var client = await SubscriberAsync("a", version);
        await client.PublishAsync(Topic(), "x");
        var message = await client.ExpectMessageAsync("x");
        Assert.Equal((AtMostOnce, false), (message.Qos, message.Duplicate));
        await client.ExpectNothingAsync();
    }

    [Theory]
    [BothVersions(AtLeastOnce)]
    [BothVersions(ExactlyOnce)]
    public async Task New_message_is_sent_with_an_unused_identifier_and_without_DUP(ProtocolVersion version, QualityOfService qos)
    {
        var client = await SubscriberAsync("a", version, qos: qos);
        var publisher = await ConnectAsync("b", version);
        HashSet<ushort> used = [0];
        for (ushort i = 1; i <= 5; i++)
        {
            await PublishAsync(publisher, $"{i}", qos, i);
            var message = await client.ExpectMessageAsync($"{i}");
            Assert.Equal((qos, false), (message.Qos, message.Duplicate));
            Assert.True(used.Add(message.PacketId));
        }
    }

    [Theory, BothVersions]
    public async Task At_QoS_1_the_server_acknowledges_what_it_has_accepted(ProtocolVersion version)
    {
        var client = await ConnectAsync("a", version);
        await client.PublishAsync(Topic(), "x", AtLeastOnce, 7);
        Assert.Equal(7, (await client.ExpectAsync<PubAckPacket>()).PacketId);
    }

    [Theory, BothVersions]
    public async Task Message_is_acknowledged_only_when_the_server_has_it_safe(ProtocolVersion version)
    {
        var broker = Target.InProcess("hold a commit");
        broker.Sink.HoldCommits = true;
        var client = await ConnectAsync("a", version);
        await client.PublishAsync(Topic(), "1", AtLeastOnce, 1);
        await client.PublishAsync(Topic(), "2", ExactlyOnce, 2);
        await broker.Sink.WhenGivenAsync(2);
        await client.ExpectNothingAsync();

        broker.Sink.CommitAll();
        await client.ExpectAsync<PubAckPacket>();
        await client.ExpectAsync<PubRecPacket>();
    }

    [Theory, BothVersions]
    public async Task After_PUBACK_the_same_identifier_is_a_new_message_even_with_DUP(ProtocolVersion version)
    {
        var watching = await SubscriberAsync("b", version);
        var client = await ConnectAsync("a", version);
        await PublishAsync(client, "1", AtLeastOnce, 7);
        await client.PublishAsync(Topic(), "2", AtLeastOnce, 7, duplicate: true);
        await client.ExpectAsync<PubAckPacket>();
        await watching.ExpectMessageAsync("1");
        await watching.ExpectMessageAsync("2");
    }

    [Theory, BothVersions]
    public async Task At_QoS_2_the_server_receives_releases_and_completes_with_one_identifier(ProtocolVersion version)
    {
        var watching = await SubscriberAsync("b", version, qos: ExactlyOnce);
        var client = await ConnectAsync("a", version);
        await client.PublishAsync(Topic(), "x", ExactlyOnce, 7);
        Assert.Equal(7, (await client.ExpectAsync<PubRecPacket>()).PacketId);
        await client.SendAsync(new PubRelPacket { PacketId = 7 });
        Assert.Equal(7, (await client.ExpectAsync<PubCompPacket>()).PacketId);
        await watching.ExpectMessageAsync("x");
    }

    [Theory, BothVersions]
    public async Task Message_sent_again_before_its_release_is_received_again_and_delivered_once(ProtocolVersion version)
    {
        var watching = await SubscriberAsync("b", version, qos: ExactlyOnce);
        var client = await ConnectAsync("a", version);
        for (var i = 0; i < 3; i++)
        {
            await client.PublishAsync(Topic(), "x", ExactlyOnce, 7, duplicate: i > 0);
            Assert.Equal(7, (await client.ExpectAsync<PubRecPacket>()).PacketId);
        }

        await client.SendAsync(new PubRelPacket { PacketId = 7 });
        await client.ExpectAsync<PubCompPacket>();
        await watching.ExpectMessageAsync("x");
        await ExpectNothingElseAsync(watching, client);
    }

    [Theory, BothVersions]
    public async Task After_PUBCOMP_the_same_identifier_is_a_new_message(ProtocolVersion version)
    {
        var watching = await SubscriberAsync("b", version);
        var client = await ConnectAsync("a", version);
        await PublishAsync(client, "1", ExactlyOnce, 7);
        await PublishAsync(client, "2", ExactlyOnce, 7);
        await watching.ExpectMessageAsync("1");
        await watching.ExpectMessageAsync("2");
    }

    [Theory, OnlyVersion(V5)]
    public async Task After_a_PUBREC_that_refuses_the_same_identifier_is_a_new_message(ProtocolVersion version)
    {
        var sink = Target.InProcess("refuse a message").Sink;
        sink.Refuse = _ => Acceptance.Refused(ReasonCode.QuotaExceeded, "full");
        var client = await ConnectAsync("a", version);
        await client.PublishAsync(Topic(), "x", ExactlyOnce, 7);
        Assert.Equal(ReasonCode.QuotaExceeded, (await client.ExpectAsync<PubRecPacket>()).Reason);

        sink.Refuse = _ => null;
        await PublishAsync(client, "x", ExactlyOnce, 7);
        Assert.Single(sink.Messages);
    }

    [Theory, OnlyVersion(V5)]
    public async Task Handshake_goes_on_though_the_message_has_expired(ProtocolVersion version)
    {
        var client = await ConnectAsync("a", version);
        await client.PublishAsync(Topic(), "x", ExactlyOnce, 7, properties: new PropertyBlock { MessageExpiryInterval = 1 });
        await client.ExpectAsync<PubRecPacket>();
        await Target.PassAsync(Seconds(2));
        await client.SendAsync(new PubRelPacket { PacketId = 7 });
        var complete = await client.ExpectAsync<PubCompPacket>();
        Assert.Equal((7, ReasonCode.Success), (complete.PacketId, complete.Reason));
    }

    [Theory, OnlyVersion(V5)]
    public async Task Message_that_was_sent_does_not_expire_any_more(ProtocolVersion version)
    {
        var client = await ConnectToStayAsync("a", version);
        await SubscribeAsync(client, qos: ExactlyOnce);
        var publisher = await ConnectAsync("b", version);
        await publisher.PublishAsync(Topic(), "x", ExactlyOnce, 7, properties: new PropertyBlock { MessageExpiryInterval = 3 });
        await publisher.SendAsync(new PubRelPacket { PacketId = 7 });
        var id = (await client.ExpectMessageAsync("x")).PacketId;
        await LeaveAsync(client);
        await Target.PassAsync(Seconds(4));
        Assert.Equal(id, (await (await ConnectToStayAsync("a", version)).ExpectMessageAsync("x")).PacketId);
    }

    [Theory, BothVersions]
    public async Task Server_releases_with_the_identifier_of_the_message_and_sends_it_no_more(ProtocolVersion version)
    {
        var client = await SubscriberAsync("a", version, qos: ExactlyOnce);
        await PublishAsync(await ConnectAsync("b", version), "x", ExactlyOnce, 7);
        var id = (await client.ExpectMessageAsync("x")).PacketId;
        for (var i = 0; i < 2; i++)         // a PUBREC sent again gets its PUBREL again
        {
            await client.SendAsync(new PubRecPacket { PacketId = id });
            Assert.Equal(id, (await client.ExpectAsync<PubRelPacket>()).PacketId);
        }

        await client.SendAsync(new PubCompPacket { PacketId = id });
        await client.ExpectNothingAsync();
    }

    [Theory, BothVersions]
    public async Task Message_that_cannot_be_stored_ends_the_connection_without_an_acknowledgement(ProtocolVersion version)
    {
        var broker = Target.InProcess("fail a commit");
        broker.ExpectedEvents = ["CommitFailed"];
        broker.Sink.HoldCommits = true;
        var client = await ConnectAsync("a", version);
        await client.PublishAsync(Topic(), "x", AtLeastOnce, 7);
        await broker.Sink.WhenGivenAsync(1);
        broker.Sink.Commit("x", new IOException("disk full"));
        await ExpectEndAsync(client, ReasonCode.ServerBusy, ReasonCode.UnspecifiedError);
    }

    private async Task PublishAsync(RawClient publisher, string payload, QualityOfService qos, ushort packetId)
    {
        await publisher.PublishAsync(Topic(), payload, qos, packetId);
        if (qos == AtLeastOnce) await publisher.ExpectAsync<PubAckPacket>();
        if (qos != ExactlyOnce) return;
        await publisher.ExpectAsync<PubRecPacket>();
        await publisher.SendAsync(new PubRelPacket { PacketId = packetId });
        await publisher.ExpectAsync<PubCompPacket>();
    }
}
