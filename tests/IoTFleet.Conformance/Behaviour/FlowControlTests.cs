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
    public async Task Receive_maximum_holds_for_what_is_sent_again(ProtocolVersion version)
    {
        var client = await ConnectToStayAsync("a", version);
        await SubscribeAsync(client, qos: AtLeastOnce);
        await PublishAsync(await ConnectAsync("b", version), 3);
        for (var i = 0; i < 3; i++) await client.ExpectMessageAsync($"{i}");
        await LeaveAsync(client);

        var back = await ConnectToStayAsync("a", version, new PropertyBlock { ReceiveMaximum = 1 });
        for (var i = 0; i < 3; i++)
        {
            var message = await back.ExpectMessageAsync($"{i}");
            await back.ExpectNothingAsync();
            await back.SendAsync(new PubAckPacket { PacketId = message.PacketId });
        }
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

    [Theory]
    [OnlyVersion(V5, 2)]
    [OnlyVersion(V5, 5)]
    [OnlyVersion(V5, 10)]
    public async Task CONNACK_is_not_larger_than_the_client_takes(ProtocolVersion version, int limit)
    {
        var client = await OpenAsync(version);
        await client.SendAsync(new ConnectPacket { Version = version, ClientId = Id("a"), CleanStart = true, Properties = new PropertyBlock { MaximumPacketSize = (uint)limit } });
        var header = await client.ReceiveBytesAsync(2);
        Assert.InRange(header.Length == 0 ? 0 : 2 + header[1], 0, limit);
    }

    [Theory, OnlyVersion(V5)]
    public async Task SUBACK_and_UNSUBACK_are_not_larger_than_the_client_takes(ProtocolVersion version)
    {
        const int Limit = 60;
        var filters = Enumerable.Range(0, 60).Select(i => TopicFilter.Parse(Topic($"{i}"))).ToList();
        Packet[] requests = [new SubscribePacket { PacketId = 1, Subscriptions = [.. filters.Select(filter => new SubscriptionRequest(filter, AtMostOnce))] }, new UnsubscribePacket { PacketId = 1, Filters = filters }];
        foreach (var request in requests)
        {
            var client = await ConnectAsync("a", version, properties: new PropertyBlock { MaximumPacketSize = Limit });
            await client.SendAsync(request);
            var answer = await client.ReceiveAsync();
            if (answer is not null) Assert.InRange(Mqtt.Wire.PacketWriter.Measure(answer, version), 0, Limit);
        }
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
