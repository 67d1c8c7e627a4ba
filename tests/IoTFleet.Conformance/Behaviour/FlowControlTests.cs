namespace IoTFleet.Conformance.Behaviour;

/// <summary>Section 4.9 of 5.0, Receive Maximum, and 3.1.2.11.4, Maximum Packet Size.</summary>
public sealed class FlowControlTests : ConformanceTest
{
    [Theory]
    [OnlyVersion(V5, 1)]
    [OnlyVersion(V5, 3)]
    public async Task Server_sends_no_more_than_the_clients_receive_maximum(ProtocolVersion version, int maximum)
    {
        var client = await ConnectAsync("a", version, properties: new PropertyBlock { ReceiveMaximum = (ushort)maximum });
        await SubscribeAsync(client, qos: AtLeastOnce);
        await PublishAsync(await ConnectAsync("b", version), 5);

        var unacknowledged = new Queue<ushort>();
        for (var i = 0; i < maximum; i++) unacknowledged.Enqueue((await client.ExpectMessageAsync($"{i}")).PacketId);
        await client.ExpectNothingAsync();
        for (var i = maximum; i < 5; i++)       // each acknowledgement makes room for one
        {
            await client.SendAsync(new PubAckPacket { PacketId = unacknowledged.Dequeue() });
            unacknowledged.Enqueue((await client.ExpectMessageAsync($"{i}")).PacketId);
            await client.ExpectNothingAsync();
        }
    }

    [Theory, OnlyVersion(V5)]
    public async Task At_QoS_2_PUBCOMP_makes_room_and_PUBREC_does_not(ProtocolVersion version)
    {
        var client = await ConnectAsync("a", version, properties: new PropertyBlock { ReceiveMaximum = 1 });
        await SubscribeAsync(client, qos: ExactlyOnce);
        await PublishAsync(await ConnectAsync("b", version), 2, ExactlyOnce);
        var id = (await client.ExpectMessageAsync("0")).PacketId;
        await client.SendAsync(new PubRecPacket { PacketId = id });
        await client.ExpectAsync<PubRelPacket>();
        await client.ExpectNothingAsync();
        await client.SendAsync(new PubCompPacket { PacketId = id });
        await client.ExpectMessageAsync("1");
    }

    [Theory, OnlyVersion(V5)]
    public async Task PUBREC_that_refuses_makes_room(ProtocolVersion version)
    {
        var client = await ConnectAsync("a", version, properties: new PropertyBlock { ReceiveMaximum = 1 });
        await SubscribeAsync(client, qos: ExactlyOnce);
        await PublishAsync(await ConnectAsync("b", version), 2, ExactlyOnce);
        var id = (await client.ExpectMessageAsync("0")).PacketId;
        await client.SendAsync(new PubRecPacket { PacketId = id, Reason = ReasonCode.QuotaExceeded });
        await client.ExpectMessageAsync("1");
    }

    [Theory, OnlyVersion(V5)]
    public async Task Other_packets_do_not_wait_for_the_receive_maximum(ProtocolVersion version)
    {
        var client = await ConnectAsync("a", version, properties: new PropertyBlock { ReceiveMaximum = 1 });
        await SubscribeAsync(client, qos: AtLeastOnce);
        await SubscribeAsync(client, "unreliable");
        var publisher = await ConnectAsync("b", version);
        await PublishAsync(publisher, 2);
        await client.ExpectMessageAsync("0");

        await client.PublishAsync(Topic("other"), "x", AtLeastOnce, 1);
        await client.ExpectAsync<PubAckPacket>();
        await client.SendAsync(new UnsubscribePacket { PacketId = 3, Filters = [TopicFilter.Parse(Topic("other"))] });
        await client.ExpectAsync<UnsubAckPacket>();
        await publisher.PublishAsync(Topic("unreliable"), "at QoS 0");
        await client.ExpectMessageAsync("at QoS 0");
    }

    [Theory, OnlyVersion(V5)]
    public async Task Server_takes_as_many_messages_as_its_receive_maximum(ProtocolVersion version)
    {
        var client = await OpenAsync(version);
        var maximum = (await client.ConnectAsync(Id("a"))).Properties.ReceiveMaximum ?? ushort.MaxValue;
        var count = Math.Min((int)maximum, 500);
        for (var i = 1; i <= count; i++) await client.PublishAsync(Topic(), "x", ExactlyOnce, (ushort)i);
        for (var i = 1; i <= count; i++) Assert.Equal(ReasonCode.Success, (await client.ExpectAsync<PubRecPacket>()).Reason);
        await client.ExpectNothingAsync();
    }

    [Theory, OnlyVersion(V5)]
    public async Task One_message_more_than_the_receive_maximum_ends_the_connection(ProtocolVersion version)
    {
        var client = await OpenAsync(version);
        var maximum = (await client.ConnectAsync(Id("a"))).Properties.ReceiveMaximum ?? ushort.MaxValue;
        Assert.SkipWhen(maximum > 5_000, "This server's receive maximum is too high to be reached.");
        for (var i = 1; i <= maximum; i++) await client.PublishAsync(Topic(), "x", ExactlyOnce, (ushort)i);
        for (var i = 1; i <= maximum; i++) await client.ExpectAsync<PubRecPacket>();
        await client.PublishAsync(Topic(), "x", ExactlyOnce, (ushort)(maximum + 1));
        await ExpectEndAsync(client, ReasonCode.ReceiveMaximumExceeded);
    }

    [Theory]
    [OnlyVersion(V5, AtMostOnce)]
    [OnlyVersion(V5, AtLeastOnce)]
    [OnlyVersion(V5, ExactlyOnce)]
    public async Task Packet_larger_than_the_client_takes_is_passed_over_as_if_delivered(ProtocolVersion version, QualityOfService qos)
    {
        var client = await ConnectAsync("a", version, properties: new PropertyBlock { MaximumPacketSize = 100, ReceiveMaximum = 1 });
        await SubscribeAsync(client, qos: qos);
        var publisher = await ConnectAsync("b", version);
        await PublishAsync(publisher, 1, qos, new string('x', 100));
        await PublishAsync(publisher, 1, qos, "small");         // has room, though the receive maximum is 1
        Assert.Equal(qos, (await client.ExpectMessageAsync("small")).Qos);
    }

    [Theory, OnlyVersion(V5)]
    public async Task Packet_as_large_as_the_client_takes_is_sent(ProtocolVersion version)
    {
        const int Limit = 100;
        var payload = new string('x', Limit - 2 - 2 - Topic().Length - 1);
        var client = await ConnectAsync("a", version, properties: new PropertyBlock { MaximumPacketSize = Limit });
        await SubscribeAsync(client);
        var publisher = await ConnectAsync("b", version);
        await publisher.PublishAsync(Topic(), payload + "x");
        await publisher.PublishAsync(Topic(), payload);
        await client.ExpectMessageAsync(payload);
    }

    private async Task PublishAsync(RawClient publisher, int count, QualityOfService qos = AtLeastOnce, string? payload = null)
    {
        for (var i = 0; i < count; i++)
        {
            await publisher.PublishAsync(Topic(), payload ?? $"{i}", qos, (ushort)(qos == AtMostOnce ? 0 : i + 1));
            if (qos == AtLeastOnce) await publisher.ExpectAsync<PubAckPacket>();
            if (qos != ExactlyOnce) continue;
            await publisher.ExpectAsync<PubRecPacket>();
            await publisher.SendAsync(new PubRelPacket { PacketId = (ushort)(i + 1) });
            await publisher.ExpectAsync<PubCompPacket>();
        }

        await SettleAsync(publisher);
    }
}
