using System.Text;

namespace IoTFleet.Conformance.Behaviour;

/// <summary>Sections 3.1.2.4, 4.1, 4.4 and 4.5: what a session is, how long it lasts, what is sent again.</summary>
public sealed class SessionTests : ConformanceTest
{
    [Theory, BothVersions]
    public async Task Session_is_resumed_with_its_subscriptions(ProtocolVersion version)
    {
        var client = await ConnectToStayAsync("a", version);
        await SubscribeAsync(client);
        await LeaveAsync(client);
        var (back, answer) = await ReturnAsync("a", version);
        Assert.True(answer.SessionPresent);
        await back.PublishAsync(Topic(), "x");
        await back.ExpectMessageAsync("x");
    }

    [Theory, BothVersions]
    public async Task Session_belongs_to_its_client_identifier(ProtocolVersion version)
    {
        var client = await ConnectToStayAsync("a", version);
        await SubscribeAsync(client);
        await LeaveAsync(client);
        var (other, answer) = await ReturnAsync("b", version);
        Assert.False(answer.SessionPresent);
        await other.PublishAsync(Topic(), "x");
        await other.ExpectNothingAsync();
    }

    [Theory, BothVersions]
    public async Task Clean_start_forgets_the_session(ProtocolVersion version)
    {
        var client = await ConnectToStayAsync("a", version);
        await SubscribeAsync(client, qos: AtLeastOnce);
        await LeaveAsync(client);
        await PublishAsync(await ConnectAsync("b", version), 1);

        var clean = await ConnectAsync("a", version);
        await clean.ExpectNothingAsync();
        await LeaveAsync(clean);
        Assert.False((await ReturnAsync("a", version)).Answer.SessionPresent);
    }

    [Theory, BothVersions]
    public async Task Session_of_a_clean_connection_ends_with_it(ProtocolVersion version)
    {
        var client = await SubscriberAsync("a", version, qos: AtLeastOnce);
        await LeaveAsync(client);
        await PublishAsync(await ConnectAsync("b", version), 1);
        var (back, answer) = await ReturnAsync("a", version);
        Assert.False(answer.SessionPresent);
        await back.ExpectNothingAsync();
    }

    [Theory, BothVersions]
    public async Task Client_without_a_session_gets_a_new_one(ProtocolVersion version)
    {
        var (client, answer) = await ReturnAsync("a", version);
        Assert.False(answer.SessionPresent);
        await SubscribeAsync(client);
        await client.PublishAsync(Topic(), "x");
        await client.ExpectMessageAsync("x");
    }

    [Theory]
    [BothVersions(AtLeastOnce)]
    [BothVersions(ExactlyOnce)]
    public async Task Messages_are_kept_for_a_client_that_is_away(ProtocolVersion version, QualityOfService qos)
    {
        var client = await ConnectToStayAsync("a", version);
        await SubscribeAsync(client, qos: qos);
        await LeaveAsync(client);
        await PublishAsync(await ConnectAsync("b", version), 3, qos);

        var back = await ConnectToStayAsync("a", version);
        foreach (var payload in (string[])["0", "1", "2"]) Assert.Equal((qos, false), Of(await back.ExpectMessageAsync(payload)));
    }

    [Theory, BothVersions]
    public async Task Messages_are_kept_for_a_client_that_was_lost(ProtocolVersion version)
    {
        var client = await ConnectToStayAsync("a", version);
        await SubscribeAsync(client, qos: AtLeastOnce);
        await Target.LoseAsync(client);
        await PublishAsync(await ConnectAsync("b", version), 1);
        await (await ConnectToStayAsync("a", version)).ExpectMessageAsync("0");
    }

    [Theory, OnlyVersion(V5)]
    public async Task Session_lasts_as_long_as_its_expiry(ProtocolVersion version)
    {
        await LeaveAsync(await ConnectToStayAsync("a", version, new PropertyBlock { SessionExpiryInterval = 10 }));
        var (back, answer) = await ReturnAsync("a", version, new PropertyBlock { SessionExpiryInterval = 1 });
        Assert.True(answer.SessionPresent);
        await LeaveAsync(back);
        await Target.PassAsync(Seconds(3));
        Assert.False((await ReturnAsync("a", version)).Answer.SessionPresent);
    }

    [Theory, OnlyVersion(V5)]
    public async Task Session_does_not_expire_while_its_client_is_connected(ProtocolVersion version)
    {
        var client = await ConnectToStayAsync("a", version, new PropertyBlock { SessionExpiryInterval = 1 });
        await SubscribeAsync(client);
        await Target.PassAsync(Seconds(3));
        await client.PublishAsync(Topic(), "x");
        await client.ExpectMessageAsync("x");
        Assert.True((await ReturnAsync("a", version)).Answer.SessionPresent);
    }

    [Theory, BothVersions]
    public async Task Session_is_kept_through_a_takeover(ProtocolVersion version)
    {
        var older = await ConnectToStayAsync("a", version);
        await SubscribeAsync(older, qos: AtLeastOnce);
        var (newer, answer) = await ReturnAsync("a", version);
        Assert.True(answer.SessionPresent);
        await newer.PublishAsync(Topic(), "x");
        await newer.ExpectMessageAsync("x");
    }

    [Theory]
    [BothVersions(AtLeastOnce)]
    [BothVersions(ExactlyOnce)]
    public async Task Unacknowledged_messages_are_sent_again_in_order_with_their_identifiers(ProtocolVersion version, QualityOfService qos)
    {
        var client = await ConnectToStayAsync("a", version);
        await SubscribeAsync(client, qos: qos);
        await PublishAsync(await ConnectAsync("b", version), 4, qos);
        var first = await ReadAsync(client, 4);
        await LeaveAsync(client);
        var second = await ReadAsync(await ConnectToStayAsync("a", version), 4);
        Assert.Equal(first.Select(message => message.PacketId), second.Select(message => message.PacketId));
        Assert.Equal("0123", string.Concat(second.Select(message => Encoding.UTF8.GetString(message.Payload.Span))));
    }

    [Theory, BothVersions]
    public async Task Unanswered_PUBREL_is_sent_again_and_not_its_message(ProtocolVersion version)
    {
        var client = await ConnectToStayAsync("a", version);
        await SubscribeAsync(client, qos: ExactlyOnce);
        await PublishAsync(await ConnectAsync("b", version), 1, ExactlyOnce);
        var message = await client.ExpectMessageAsync("0");
        await client.SendAsync(new PubRecPacket { PacketId = message.PacketId });
        await client.ExpectAsync<PubRelPacket>();
        await LeaveAsync(client);

        var back = await ConnectToStayAsync("a", version);
        Assert.Equal(message.PacketId, (await back.ExpectAsync<PubRelPacket>()).PacketId);
        await back.SendAsync(new PubCompPacket { PacketId = message.PacketId });
        await back.ExpectNothingAsync();
    }

    [Theory, BothVersions]
    public async Task Acknowledged_message_is_not_sent_again(ProtocolVersion version)
    {
        var client = await ConnectToStayAsync("a", version);
        await SubscribeAsync(client, qos: AtLeastOnce);
        await PublishAsync(await ConnectAsync("b", version), 2);
        var sent = await ReadAsync(client, 2);
        await client.SendAsync(new PubAckPacket { PacketId = sent[0].PacketId });
        await client.ExpectNothingAsync();
        await LeaveAsync(client);

        var back = await ConnectToStayAsync("a", version);
        await back.ExpectMessageAsync("1");
        await back.ExpectNothingAsync();
    }

    [Theory]
    [OnlyVersion(V5, AtLeastOnce)]
    [OnlyVersion(V5, ExactlyOnce)]
    public async Task Message_that_the_client_refuses_is_not_sent_again(ProtocolVersion version, QualityOfService qos)
    {
        var client = await ConnectToStayAsync("a", version);
        await SubscribeAsync(client, qos: qos);
        await PublishAsync(await ConnectAsync("b", version), 1, qos);
        var id = (await client.ExpectMessageAsync("0")).PacketId;
        Packet refusal = qos == AtLeastOnce
            ? new PubAckPacket { PacketId = id, Reason = ReasonCode.NotAuthorized }
            : new PubRecPacket { PacketId = id, Reason = ReasonCode.NotAuthorized };
        await client.SendAsync(refusal);
        await client.ExpectNothingAsync();      // no PUBREL either
        await LeaveAsync(client);
        await (await ConnectToStayAsync("a", version)).ExpectNothingAsync();
    }

    [Theory, BothVersions]
    public async Task Nothing_is_sent_again_while_the_connection_lasts(ProtocolVersion version)
    {
        var client = await SubscriberAsync("a", version, qos: AtLeastOnce);
        await PublishAsync(await ConnectAsync("b", version), 1);
        await client.ExpectMessageAsync("0");
        for (var i = 0; i < 3; i++)
        {
            await Target.PassAsync(Seconds(1));
            await client.ExpectNothingAsync();
        }
    }

    [Theory, BothVersions]
    public async Task Unreleased_message_of_a_client_is_known_on_its_next_connection(ProtocolVersion version)
    {
        var watching = await SubscriberAsync("b", version, qos: ExactlyOnce);
        var client = await ConnectToStayAsync("a", version);
        await client.PublishAsync(Topic(), "x", ExactlyOnce, 9);
        await client.ExpectAsync<PubRecPacket>();
        await LeaveAsync(client);

        var back = await ConnectToStayAsync("a", version);
        await back.PublishAsync(Topic(), "x", ExactlyOnce, 9, duplicate: true);
        await back.ExpectAsync<PubRecPacket>();
        await back.SendAsync(new PubRelPacket { PacketId = 9 });
        await back.ExpectAsync<PubCompPacket>();
        await watching.ExpectMessageAsync("x");
        await ExpectNothingElseAsync(watching, back);
    }

    private static (QualityOfService Qos, bool Duplicate) Of(PublishPacket message) => (message.Qos, message.Duplicate);

    private static async Task<List<PublishPacket>> ReadAsync(RawClient client, int count)
    {
        List<PublishPacket> messages = [];
        while (messages.Count < count) messages.Add(await client.ExpectAsync<PublishPacket>());
        return messages;
    }

    /// <summary>So many messages, each acknowledged and routed.</summary>
    private async Task PublishAsync(RawClient publisher, int count, QualityOfService qos = AtLeastOnce)
    {
        for (var i = 0; i < count; i++)
        {
            await publisher.PublishAsync(Topic(), $"{i}", qos, (ushort)(i + 1));
            if (qos == AtLeastOnce) await publisher.ExpectAsync<PubAckPacket>();
            if (qos != ExactlyOnce) continue;
            await publisher.ExpectAsync<PubRecPacket>();
            await publisher.SendAsync(new PubRelPacket { PacketId = (ushort)(i + 1) });
            await publisher.ExpectAsync<PubCompPacket>();
        }

        await SettleAsync(publisher);
    }
}
