namespace IoTFleet.Broker.Tests;

public sealed class MalformedTests
{
    public static TheoryData<string, string, ReasonCode> Packets() => new()
    {
        // what, bytes (for both versions, or 3.1.1 | 5.0), what a 5.0 client is told
        { "reserved type 0", "00 00", ReasonCode.MalformedPacket },
        { "QoS 3", "36 05 00 01 74 00 01 | 36 06 00 01 74 00 01 00", ReasonCode.MalformedPacket },
        { "duplicate at QoS 0", "38 03 00 01 74 | 38 04 00 01 74 00", ReasonCode.MalformedPacket },
        { "packet id 0", "32 05 00 01 74 00 00 | 32 06 00 01 74 00 00 00", ReasonCode.MalformedPacket },
        { "wildcard in a topic name", "30 03 00 01 2B | 30 04 00 01 2B 00", ReasonCode.TopicNameInvalid },
        { "topic that is not UTF-8", "30 03 00 01 FF | 30 04 00 01 FF 00", ReasonCode.MalformedPacket },
        { "no topic and no alias", "30 02 00 00 | 30 03 00 00 00", ReasonCode.ProtocolError },
        { "length of five bytes", "30 FF FF FF FF 01", ReasonCode.MalformedPacket },
        { "length above the limit", "30 81 80 10", ReasonCode.PacketTooLarge },
        { "subscribe without a filter", "82 02 00 01 | 82 03 00 01 00", ReasonCode.ProtocolError },
        { "subscribe with wrong flags", "80 06 00 01 00 01 74 00 | 80 07 00 01 00 00 01 74 00", ReasonCode.MalformedPacket },
        { "wildcard in the middle of a level", "82 07 00 01 00 02 74 2B 00 | 82 08 00 01 00 00 02 74 2B 00", ReasonCode.MalformedPacket },
        { "ping with content", "C0 01 00", ReasonCode.MalformedPacket },
        { "CONNACK to a server", "20 02 00 00 | 20 03 00 00 00", ReasonCode.ProtocolError },
        { "SUBACK to a server", "90 03 00 01 00 | 90 04 00 01 00 00", ReasonCode.ProtocolError },
        { "PINGRESP to a server", "D0 00", ReasonCode.ProtocolError },
    };

    [Theory]
    [MemberData(nameof(Packets))]
    public async Task Packet_that_breaks_the_protocol_ends_the_connection(string what, string bytes, ReasonCode reason)
    {
        foreach (var version in new[] { V311, V5 })
        {
            await using var broker = new InMemoryBroker();
            await using var client = await broker.ConnectAsync("a", version);

            await client.SendAsync(bytes.Split('|') is [var v311, var v5] ? (version == V5 ? v5 : v311).Trim() : bytes);

            await client.ExpectDisconnectAsync(reason);
            var refusal = Assert.Single(broker.Refusals.Recent());
            Assert.True(refusal.Door == RefusalDoor.Protocol && refusal.ClientId == "a" && refusal.Detail.Length > 0, what);
            Assert.Equal(broker.Metrics.RefusalsByReason().Keys, [Name(reason)]);
        }
    }

    [Fact]
    public async Task Auth_without_a_method_ends_the_connection()
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectAsync("a", V5);

        await client.SendAsync("F0 00");

        await client.ExpectDisconnectAsync(ReasonCode.ProtocolError);
    }

    [Theory, BothVersions]
    public async Task Messages_before_the_broken_packet_are_taken_and_those_behind_it_are_not(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectAsync("a", version);
        var publish = version == V5 ? "32 08 00 01 74 00 01 00 78 79" : "32 07 00 01 74 00 01 78 79";

        await client.SendAsync(publish + "00 00" + publish);

        await client.ExpectAckAsync(1);
        await client.ExpectDisconnectAsync(ReasonCode.MalformedPacket);
        Assert.Single(broker.Sink.Messages);
    }

    [Theory, BothVersions]
    public async Task Deep_topic_is_refused_before_it_reaches_the_tree(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker(options => options.PacketLimits = new PacketLimits { MaxTopicLevels = 4 });
        await using var client = await broker.ConnectAsync("a", version);

        await client.SendAsync(new SubscribePacket { PacketId = 1, Subscriptions = [new SubscriptionRequest(TopicFilter.Parse("1/2/3/4/5"), AtMostOnce)] });

        await client.ExpectDisconnectAsync(ReasonCode.TopicFilterInvalid);
    }

    [Theory, BothVersions]
    public async Task Half_a_packet_and_gone_is_no_refusal(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectAsync("a", version);
        await client.SendAsync("32 08 00");

        await client.LoseAsync();

        Assert.Empty(broker.Refusals.Recent());
    }

    private static string Name(ReasonCode reason) => reason switch
    {
        ReasonCode.MalformedPacket => "malformed-packet",
        ReasonCode.PacketTooLarge => "packet-too-large",
        ReasonCode.TopicNameInvalid => "topic-name-invalid",
        _ => "protocol-error",
    };
}
