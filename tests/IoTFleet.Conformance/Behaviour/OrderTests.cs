using System.Text;

namespace IoTFleet.Conformance.Behaviour;

/// <summary>Section 4.6: what keeps its order.</summary>
public sealed class OrderTests : ConformanceTest
{
    private const int Count = 15;       // servers take at least 20 at a time

    [Theory]
    [BothVersions(AtMostOnce)]
    [BothVersions(AtLeastOnce)]
    [BothVersions(ExactlyOnce)]
    public async Task Messages_of_one_client_arrive_in_the_order_it_sent_them(ProtocolVersion version, QualityOfService qos)
    {
        var client = await SubscriberAsync("a", version, qos: qos);
        var publisher = await ConnectAsync("b", version);
        for (var i = 0; i < Count; i++) await publisher.PublishAsync(Topic(), $"{i}", qos, (ushort)(qos == AtMostOnce ? 0 : i + 1));
        if (qos == ExactlyOnce) for (var i = 0; i < Count; i++) await publisher.SendAsync(new PubRelPacket { PacketId = (ushort)(i + 1) });

        var next = 0;
        while (next < Count)
        {
            var packet = await client.ReceiveAsync();
            if (packet is PublishPacket message)
            {
                Assert.Equal($"{next++}", Encoding.UTF8.GetString(message.Payload.Span));
                if (qos == AtLeastOnce) await client.SendAsync(new PubAckPacket { PacketId = message.PacketId });
                if (qos == ExactlyOnce) await client.SendAsync(new PubRecPacket { PacketId = message.PacketId });
            }
            else
            {
                await client.SendAsync(new PubCompPacket { PacketId = Assert.IsType<PubRelPacket>(packet).PacketId });
            }
        }
    }

    [Theory, BothVersions]
    public async Task PUBACKs_come_in_the_order_of_the_messages(ProtocolVersion version)
    {
        var client = await ConnectAsync("a", version);
        for (var i = Count; i > 0; i--) await client.PublishAsync(Topic(), "x", AtLeastOnce, (ushort)i);
        for (var i = Count; i > 0; i--) Assert.Equal(i, (await client.ExpectAsync<PubAckPacket>()).PacketId);
    }

    [Theory, BothVersions]
    public async Task PUBRECs_come_in_the_order_of_the_messages(ProtocolVersion version)
    {
        var client = await ConnectAsync("a", version);
        for (var i = Count; i > 0; i--) await client.PublishAsync(Topic(), "x", ExactlyOnce, (ushort)i);
        for (var i = Count; i > 0; i--) Assert.Equal(i, (await client.ExpectAsync<PubRecPacket>()).PacketId);
    }

    [Theory, BothVersions]
    public async Task Acknowledgements_keep_their_order_when_commits_do_not(ProtocolVersion version)
    {
        var sink = Target.InProcess("commit out of order").Sink;
        sink.HoldCommits = true;
        var client = await ConnectAsync("a", version);
        for (ushort i = 1; i <= 3; i++) await client.PublishAsync(Topic(), $"{i}", AtLeastOnce, i);
        await sink.WhenGivenAsync(3);
        foreach (var payload in (string[])["3", "2", "1"]) sink.Commit(payload);
        for (ushort i = 1; i <= 3; i++) Assert.Equal(i, (await client.ExpectAsync<PubAckPacket>()).PacketId);
    }

    [Theory, BothVersions]
    public async Task PUBRELs_come_in_the_order_of_the_PUBRECs(ProtocolVersion version)
    {
        const int Messages = 10;
        var client = await SubscriberAsync("a", version, qos: ExactlyOnce);
        var publisher = await ConnectAsync("b", version);
        for (ushort i = 1; i <= Messages; i++) await publisher.SendAsync(RawClient.Publish(Topic(), "x", ExactlyOnce, i), new PubRelPacket { PacketId = i });
        List<ushort> received = [];
        while (received.Count < Messages) received.Add((await client.ExpectMessageAsync("x")).PacketId);
        received.Reverse();
        foreach (var id in received) await client.SendAsync(new PubRecPacket { PacketId = id });
        foreach (var id in received) Assert.Equal(id, (await client.ExpectAsync<PubRelPacket>()).PacketId);
    }
}
