namespace IoTFleet.Broker.Tests;

public sealed class SharedSubscriptionTests
{
    private const string Shared = "$share/g/t";

    [Theory, BothVersions]
    public async Task Members_get_messages_in_turn(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var a = await MemberAsync(broker, "a", version);
        await using var b = await MemberAsync(broker, "b", version);

        for (var n = 0; n < 6; n++) Assert.Equal(1, broker.Publish("t", $"{n}"));

        var (byA, byB) = (await TakeAsync(a, 3), await TakeAsync(b, 3));
        Assert.Equal(["0", "1", "2", "3", "4", "5"], byA.Concat(byB).Order());
        Assert.Equal(byA.Order(), byA);
    }

    [Theory, BothVersions]
    public async Task Each_group_and_each_ordinary_subscriber_gets_the_message(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var one = await MemberAsync(broker, "a", version);
        await using var other = await MemberAsync(broker, "b", version, "$share/other/+");
        await using var plain = await MemberAsync(broker, "c", version, "t");

        Assert.Equal(3, broker.Publish("t", "x"));

        foreach (var client in new[] { one, other, plain }) await client.ExpectMessageAsync("x");
    }

    [Fact]
    public async Task Client_with_a_shared_and_an_ordinary_subscription_gets_a_copy_of_each_with_its_own_identifier()
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectAsync("a", V5);
        await client.SubscribeAsync("t", AtLeastOnce, new PropertyBlock { SubscriptionIdentifiers = [1] });
        await client.SubscribeAsync(Shared, AtLeastOnce, new PropertyBlock { SubscriptionIdentifiers = [2] });

        broker.Publish("t", "x");

        Assert.Equal([1u], (await client.ExpectMessageAsync("x")).Properties.SubscriptionIdentifiers);
        Assert.Equal([2u], (await client.ExpectMessageAsync("x")).Properties.SubscriptionIdentifiers);
        await client.ExpectNothingAsync();
    }

    [Theory, BothVersions]
    public async Task Retained_messages_are_not_sent(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectAsync("a", version);
        await client.PublishAsync("t", "kept", AtLeastOnce, 1, retain: true);
        await client.ExpectAckAsync(1);

        await client.SubscribeAsync(Shared, AtLeastOnce);

        await client.ExpectNothingAsync();      // MQTT 5 4.8.2
    }

    [Fact]
    public async Task No_local_is_a_protocol_error()
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectAsync("a", V5);

        await client.SendAsync("82 10 0001 00 000A 24 7368617265 2F 67 2F 74 04");

        await client.ExpectDisconnectAsync(ReasonCode.ProtocolError);       // [MQTT-3.8.3-4]
    }

    [Theory, BothVersions]
    public async Task Granted_quality_of_service_is_kept(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectAsync("a", version);
        Assert.Equal(ReasonCode.GrantedQos1, await client.SubscribeAsync(Shared, AtLeastOnce));

        broker.Publish("t", "x", ExactlyOnce);

        Assert.Equal(AtLeastOnce, (await client.ExpectMessageAsync("x")).Qos);      // [MQTT-4.8.2-3]
    }

    [Fact]
    public async Task Member_whose_window_is_full_is_passed_over()
    {
        await using var broker = new InMemoryBroker();
        await using var full = await MemberAsync(broker, "a", V5, properties: new PropertyBlock { ReceiveMaximum = 1 });
        await using var free = await MemberAsync(broker, "b", V5);

        for (var n = 0; n < 6; n++) broker.Publish("t", $"{n}");

        await TakeAsync(full, 1);
        await full.ExpectNothingAsync();
        await TakeAsync(free, 5);
    }

    [Theory, BothVersions]
    public async Task Member_that_is_away_gets_nothing_while_another_is_there(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        var away = await StayingMemberAsync(broker, "a", version);
        await using var there = await MemberAsync(broker, "b", version);
        await away.LoseAsync();

        for (var n = 0; n < 4; n++) broker.Publish("t", $"{n}");

        Assert.Equal(["0", "1", "2", "3"], await TakeAsync(there, 4));
    }

    [Theory, BothVersions]
    public async Task Message_waits_for_a_member_when_all_are_away(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await (await StayingMemberAsync(broker, "a", version)).LoseAsync();

        Assert.Equal(1, broker.Publish("t", "x"));

        var (back, _) = await broker.ReturnAsync("a", version);
        await using var _ = back;
        await back.ExpectMessageAsync("x");
    }

    [Fact]
    public async Task What_waited_for_a_member_that_goes_away_is_handed_to_another()
    {
        await using var broker = new InMemoryBroker();
        var slow = await StayingMemberAsync(broker, "a", V5, new PropertyBlock { ReceiveMaximum = 1 });
        for (var n = 0; n < 3; n++) broker.Publish("t", $"{n}");
        await slow.ExpectMessageAsync("0");
        await using var other = await MemberAsync(broker, "b", V5);

        await slow.LoseAsync();

        Assert.Equal(["1", "2"], await TakeAsync(other, 2));
        await other.ExpectNothingAsync();                       // what was sent waits for its client
        await using var back = (await broker.ReturnAsync("a", V5)).Client;
        Assert.True((await back.ExpectMessageAsync("0")).Duplicate);
        await back.ExpectNothingAsync();
    }

    [Theory, BothVersions]
    public async Task What_a_member_did_not_acknowledge_at_qos1_is_handed_to_another_when_its_session_ends(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        var lost = await MemberAsync(broker, "a", version);
        for (var n = 0; n < 3; n++) broker.Publish("t", $"{n}");
        await TakeAsync(lost, 3);
        await using var other = await MemberAsync(broker, "b", version);

        await lost.LoseAsync();

        Assert.Equal(["0", "1", "2"], await TakeAsync(other, 3));
    }

    [Theory, BothVersions]
    public async Task What_was_sent_at_qos2_is_not_handed_on(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker(options => options.MaxInFlight = 1);
        var lost = await MemberAsync(broker, "a", version, qos: ExactlyOnce);
        broker.Publish("t", "sent", ExactlyOnce);
        broker.Publish("t", "waiting", ExactlyOnce);
        await lost.ExpectMessageAsync("sent");
        await using var other = await MemberAsync(broker, "b", version, qos: ExactlyOnce);

        await lost.LoseAsync();

        await other.ExpectMessageAsync("waiting");
        await other.ExpectNothingAsync();                       // [MQTT-4.8.2-5]
    }

    [Fact]
    public async Task Session_that_expires_leaves_its_messages_to_a_member_that_is_away_too()
    {
        await using var broker = new InMemoryBroker();
        var first = await broker.ConnectAsync("a", V5, cleanStart: false, properties: new PropertyBlock { SessionExpiryInterval = 10 });
        await first.SubscribeAsync(Shared, AtLeastOnce);
        var second = await StayingMemberAsync(broker, "b", V5);
        foreach (var member in new[] { first, second }) await member.LoseAsync();
        foreach (var payload in new[] { "1", "2" }) broker.Publish("t", payload);       // one for each

        broker.Clock.Advance(TimeSpan.FromSeconds(11));

        await using var back = (await broker.ReturnAsync("b", V5)).Client;
        Assert.Equal(["1", "2"], (await TakeAsync(back, 2)).Order());
    }

    [Theory, BothVersions]
    public async Task Member_that_joins_gets_what_waits_for_those_who_are_away(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await (await StayingMemberAsync(broker, "a", version)).LoseAsync();
        for (var n = 0; n < 3; n++) broker.Publish("t", $"{n}");

        await using var joining = await MemberAsync(broker, "b", version);

        Assert.Equal(["0", "1", "2"], await TakeAsync(joining, 3));
        await using var back = (await broker.ReturnAsync("a", version)).Client;
        await back.ExpectNothingAsync();
    }

    [Theory, BothVersions]
    public async Task Member_that_returns_gets_what_waits_for_those_who_are_away(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        foreach (var clientId in new[] { "a", "b" }) await (await StayingMemberAsync(broker, clientId, version)).LoseAsync();
        for (var n = 0; n < 4; n++) broker.Publish("t", $"{n}");

        await using var back = (await broker.ReturnAsync("a", version)).Client;

        Assert.Equal(["0", "1", "2", "3"], (await TakeAsync(back, 4)).Order());
    }

    [Fact]
    public async Task Message_that_a_member_refuses_is_given_to_nobody_else()
    {
        await using var broker = new InMemoryBroker();
        var refusing = await MemberAsync(broker, "a", V5);
        broker.Publish("t", "x");
        var message = await refusing.ExpectMessageAsync("x");
        await using var other = await MemberAsync(broker, "b", V5);

        await refusing.SendAsync(new PubAckPacket { PacketId = message.PacketId, Reason = ReasonCode.UnspecifiedError });
        await refusing.LeaveAsync();

        await other.ExpectNothingAsync();                       // [MQTT-4.8.2-6]
    }

    [Theory, BothVersions]
    public async Task Right_to_read_is_that_of_the_filter_behind_the_group(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        broker.Access.SubscribeAnswer = (_, filter) => filter.Value == "t";
        await using var client = await broker.ConnectAsync("a", version);

        Assert.Equal(ReasonCode.Success, await client.SubscribeAsync(Shared));
        Assert.True((await client.SubscribeAsync("$share/g/u")).IsFailure());
    }

    [Theory, BothVersions]
    public async Task Group_within_a_group_is_refused(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectAsync("a", version);

        Assert.Equal(version == V5 ? ReasonCode.TopicFilterInvalid : ReasonCode.UnspecifiedError, await client.SubscribeAsync("$share/g/$share/g/t"));
    }

    [Theory, BothVersions]
    public async Task Member_that_unsubscribes_is_none_any_more(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var client = await MemberAsync(broker, "a", version);

        await client.SendAsync(new UnsubscribePacket { PacketId = 2, Filters = [TopicFilter.Parse(Shared)] });
        await client.ExpectAsync<UnsubAckPacket>();

        Assert.Equal(0, broker.Publish("t", "x"));
    }

    [Fact]
    public async Task What_was_handed_over_is_its_new_members_after_a_restart()
    {
        await using var before = new InMemoryBroker();
        var slow = await StayingMemberAsync(before, "a", V5, new PropertyBlock { ReceiveMaximum = 1 });
        for (var n = 0; n < 3; n++) before.Publish("t", $"{n}");
        await slow.ExpectMessageAsync("0");
        await using var other = await StayingMemberAsync(before, "b", V5);
        await slow.LoseAsync();
        await TakeAsync(other, 2);

        await using var after = await InMemoryBroker.StartAsync(before.Store);

        await using var backOther = (await after.ReturnAsync("b", V5)).Client;
        Assert.Equal(["1", "2"], await TakeAsync(backOther, 2));
        await using var backSlow = (await after.ReturnAsync("a", V5)).Client;
        await backSlow.ExpectMessageAsync("0");
        await backSlow.ExpectNothingAsync();
    }

    [Fact]
    public async Task What_is_handed_over_before_it_is_stored_does_not_come_back_after_a_restart()
    {
        var store = new ScriptedStore();
        await using var before = new InMemoryBroker(store: store);
        var first = await StayingMemberAsync(before, "a", V5);
        store.Holds = true;
        var publishing = before.PublishAsync("t", "x");
        await using var other = await MemberAsync(before, "b", V5);
        await first.LoseAsync();
        store.CommitAll();
        await publishing;
        await other.ExpectMessageAsync("x");

        await using var after = await InMemoryBroker.StartAsync(store);

        await using var back = (await after.ReturnAsync("a", V5)).Client;
        await back.ExpectNothingAsync();
    }

    [Fact]
    public async Task What_an_ended_session_left_is_its_new_members_after_a_restart()
    {
        await using var before = new InMemoryBroker();
        await (await StayingMemberAsync(before, "a", V5)).LoseAsync();
        before.Publish("t", "x");
        await (await StayingMemberAsync(before, "b", V5)).LoseAsync();
        await using var anew = await before.ConnectAsync("a", V5);       // with a clean start

        await using var after = await InMemoryBroker.StartAsync(before.Store);

        await using var back = (await after.ReturnAsync("b", V5)).Client;
        await back.ExpectMessageAsync("x");
        await using var gone = await after.ConnectToStayAsync("a", V5);
        await gone.ExpectNothingAsync();
    }

    [Fact]
    public async Task Member_of_an_earlier_process_leaves_its_messages_to_who_comes()
    {
        await using var before = new InMemoryBroker();
        await (await StayingMemberAsync(before, "a", V5)).LoseAsync();
        before.Publish("t", "x");

        await using var after = await InMemoryBroker.StartAsync(before.Store);

        await using var other = await MemberAsync(after, "b", V5);
        await other.ExpectMessageAsync("x");
    }

    [Theory, BothVersions]
    public async Task No_message_is_lost_while_members_come_and_go(ProtocolVersion version)
    {
        const int Messages = 400;
        await using var broker = new InMemoryBroker();
        await using var staying = await MemberAsync(broker, "staying", version);
        var publishing = Task.Run(() =>
        {
            for (var n = 0; n < Messages; n++) Assert.Equal(1, broker.Publish("t", $"{n}"));
        });

        for (var n = 0; n < 20; n++) await (await MemberAsync(broker, $"passing-{n}", version)).LoseAsync();      // acknowledges nothing
        await publishing;

        var seen = new HashSet<string>();
        while (seen.Count < Messages) seen.Add(await TakeAndAcknowledgeAsync(staying));
    }

    private static async Task<RawClient> MemberAsync(
        InMemoryBroker broker, string clientId, ProtocolVersion version, string filter = Shared, QualityOfService qos = AtLeastOnce, PropertyBlock? properties = null)
    {
        var client = await broker.ConnectAsync(clientId, version, properties: properties);
        await client.SubscribeAsync(filter, qos);
        return client;
    }

    private static async Task<RawClient> StayingMemberAsync(InMemoryBroker broker, string clientId, ProtocolVersion version, PropertyBlock? properties = null)
    {
        var client = await broker.ConnectToStayAsync(clientId, version, properties);
        await client.SubscribeAsync(Shared, AtLeastOnce);
        return client;
    }

    private static async Task<List<string>> TakeAsync(RawClient client, int count)
    {
        List<string> taken = [];
        while (taken.Count < count) taken.Add(Text(await client.ExpectAsync<PublishPacket>()));
        return taken;
    }

    private static async Task<string> TakeAndAcknowledgeAsync(RawClient client)
    {
        var message = await client.ExpectAsync<PublishPacket>();
        await client.SendAsync(new PubAckPacket { PacketId = message.PacketId });
        return Text(message);
    }

    private static string Text(PublishPacket message) => System.Text.Encoding.UTF8.GetString(message.Payload.Span);
}
