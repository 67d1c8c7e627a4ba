using System.Text;

namespace IoTFleet.Conformance.Behaviour;

/// <summary>Section 4.8.2 of 5.0: shared subscriptions.</summary>
public sealed class SharedSubscriptionTests : ConformanceTest
{
    [Theory]
    [OnlyVersion(V5, "$share//{0}")]
    [OnlyVersion(V5, "$share/{0}")]
    [OnlyVersion(V5, "$share/g")]
    [OnlyVersion(V5, "$share/g/")]
    public async Task Filter_without_group_or_without_topics_is_refused(ProtocolVersion version, string filter) =>
        await ExpectRefusedAsync(version, filter.Replace("{0}", Id("t"), StringComparison.Ordinal));

    [Theory]
    [OnlyVersion(V5, "$share/g+/t")]
    [OnlyVersion(V5, "$share/+/t")]
    [OnlyVersion(V5, "$share/#/t")]
    [OnlyVersion(V5, "$share/g#/t")]
    public async Task Group_name_with_a_wildcard_is_refused(ProtocolVersion version, string filter) => await ExpectRefusedAsync(version, filter);

    [Theory, OnlyVersion(V5)]
    public async Task Each_message_goes_to_one_member_of_the_group(ProtocolVersion version)
    {
        var (one, two) = (await MemberAsync("a", version, AtMostOnce), await MemberAsync("b", version, AtMostOnce));
        foreach (var member in (RawClient[])[one, two]) await SubscribeAsync(member, "last");
        var publisher = await ConnectAsync("p", version);
        for (var i = 0; i < 20; i++) await publisher.PublishAsync(Topic(), $"{i}");
        await publisher.PublishAsync(Topic("last"), "last");
        List<string> got = [.. await ReadToLastAsync(one), .. await ReadToLastAsync(two)];
        Assert.Equal(Enumerable.Range(0, 20).Select(i => $"{i}").Order(StringComparer.Ordinal), got.Order(StringComparer.Ordinal));
    }

    [Theory, OnlyVersion(V5)]
    public async Task Groups_and_plain_subscriptions_each_get_the_message(ProtocolVersion version)
    {
        var plain = await SubscriberAsync("a", version);
        var other = await ConnectAsync("b", version);
        await other.SubscribeAsync($"$share/other/{Topic()}");
        var member = await MemberAsync("c", version, AtMostOnce);
        await (await ConnectAsync("p", version)).PublishAsync(Topic(), "x");
        foreach (var client in (RawClient[])[plain, other, member]) await client.ExpectMessageAsync("x");
    }

    [Theory]
    [OnlyVersion(V5, AtMostOnce)]
    [OnlyVersion(V5, AtLeastOnce)]
    [OnlyVersion(V5, ExactlyOnce)]
    public async Task Member_gets_the_message_at_its_granted_QoS(ProtocolVersion version, QualityOfService granted)
    {
        var member = await MemberAsync("a", version, granted);
        await PublishAsync(await ConnectAsync("p", version), "x", ExactlyOnce);
        Assert.Equal(granted, (await member.ExpectMessageAsync("x")).Qos);
    }

    [Theory, OnlyVersion(V5)]
    public async Task Delivery_at_QoS_2_that_was_interrupted_is_completed_with_the_same_member(ProtocolVersion version)
    {
        var member = await ConnectToStayAsync("a", version);
        await JoinAsync(member, ExactlyOnce);
        var publisher = await ConnectAsync("p", version);
        await PublishAsync(publisher, "x", ExactlyOnce);
        var id = (await member.ExpectMessageAsync("x")).PacketId;
        var other = await MemberAsync("b", version, ExactlyOnce);
        await LeaveAsync(member);
        await ExpectNothingElseAsync(other, publisher);

        var again = await (await ConnectToStayAsync("a", version)).ExpectMessageAsync("x");
        Assert.Equal((id, true), (again.PacketId, again.Duplicate));
    }

    [Theory, OnlyVersion(V5)]
    public async Task Delivery_at_QoS_2_of_a_member_whose_session_ends_goes_to_nobody_else(ProtocolVersion version)
    {
        var member = await MemberAsync("a", version, ExactlyOnce);
        var publisher = await ConnectAsync("p", version);
        await PublishAsync(publisher, "x", ExactlyOnce);
        await member.ExpectMessageAsync("x");
        var other = await MemberAsync("b", version, ExactlyOnce);
        await LeaveAsync(member);
        await ExpectNothingElseAsync(other, publisher);
    }

    [Theory]
    [OnlyVersion(V5, AtLeastOnce)]
    [OnlyVersion(V5, ExactlyOnce)]
    public async Task Message_that_a_member_refuses_goes_to_nobody_else(ProtocolVersion version, QualityOfService qos)
    {
        var member = await MemberAsync("a", version, qos);
        var publisher = await ConnectAsync("p", version);
        await PublishAsync(publisher, "x", qos);
        var id = (await member.ExpectMessageAsync("x")).PacketId;
        var other = await MemberAsync("b", version, qos);
        await member.SendAsync(qos == AtLeastOnce
            ? new PubAckPacket { PacketId = id, Reason = ReasonCode.ImplementationSpecificError }
            : new PubRecPacket { PacketId = id, Reason = ReasonCode.ImplementationSpecificError });
        await member.ExpectNothingAsync();
        await ExpectNothingElseAsync(other, publisher);
    }

    [Theory, OnlyVersion(V5)]
    public async Task Joining_a_group_sends_no_retained_messages(ProtocolVersion version)
    {
        var publisher = await ConnectAsync("p", version);
        await publisher.PublishAsync(Topic(), "x", retain: true);
        await SettleAsync(publisher);
        await (await MemberAsync("a", version, AtMostOnce)).ExpectNothingAsync();
    }

    [Theory, OnlyVersion(V5)]
    public async Task Member_that_unsubscribes_gets_nothing_more(ProtocolVersion version)
    {
        var (one, two) = (await MemberAsync("a", version, AtMostOnce), await MemberAsync("b", version, AtMostOnce));
        await one.SendAsync(new UnsubscribePacket { PacketId = 2, Filters = [TopicFilter.Parse($"$share/g/{Topic()}")] });
        Assert.Equal([ReasonCode.Success], (await one.ExpectAsync<UnsubAckPacket>()).Reasons);
        var publisher = await ConnectAsync("p", version);
        for (var i = 0; i < 10; i++) await publisher.PublishAsync(Topic(), $"{i}");
        for (var i = 0; i < 10; i++) await two.ExpectMessageAsync($"{i}");
        await ExpectNothingElseAsync(one, publisher);
    }

    private async Task ExpectRefusedAsync(ProtocolVersion version, string filter)
    {
        var client = await ConnectAsync("a", version);
        await client.SendAsync(Raw.Packet(0x82, [0, 1, 0], Raw.Text(filter), [0]));
        var answer = await client.ReceiveAsync();
        if (answer is SubAckPacket refused) Assert.True(refused.Reasons.Single() >= ReasonCode.UnspecifiedError);
        else if (answer is DisconnectPacket { Reason: var reason }) Assert.Contains(reason, (ReasonCode[])[ReasonCode.MalformedPacket, ReasonCode.ProtocolError, ReasonCode.TopicFilterInvalid]);
        else Assert.Null(answer);
    }

    private async Task<RawClient> MemberAsync(string name, ProtocolVersion version, QualityOfService qos)
    {
        var member = await ConnectAsync(name, version);
        await JoinAsync(member, qos);
        return member;
    }

    private async Task JoinAsync(RawClient member, QualityOfService qos) =>
        Assert.Equal((ReasonCode)qos, await member.SubscribeAsync($"$share/g/{Topic()}", qos));

    private async Task<List<string>> ReadToLastAsync(RawClient client)
    {
        List<string> got = [];
        while (await client.ExpectAsync<PublishPacket>() is var message && message.Topic!.Value != Topic("last")) got.Add(Encoding.UTF8.GetString(message.Payload.Span));
        return got;
    }

    private async Task PublishAsync(RawClient publisher, string payload, QualityOfService qos)
    {
        await publisher.PublishAsync(Topic(), payload, qos, 1);
        if (qos == AtLeastOnce) await publisher.ExpectAsync<PubAckPacket>();
        if (qos != ExactlyOnce) return;
        await publisher.ExpectAsync<PubRecPacket>();
        await publisher.SendAsync(new PubRelPacket { PacketId = 1 });
        await publisher.ExpectAsync<PubCompPacket>();
    }
}
