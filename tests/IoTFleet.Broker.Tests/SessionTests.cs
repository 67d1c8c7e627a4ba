namespace IoTFleet.Broker.Tests;

public sealed class SessionTests
{
    [Theory, BothVersions]
    public async Task Returning_client_finds_its_subscriptions_and_what_came_meanwhile(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectToStayAsync("a", version);
        await client.SubscribeAsync("t", AtLeastOnce);
        await client.LoseAsync();
        Assert.Equal(1, broker.Publish("t", "queued"));

        var (back, sessionPresent) = await broker.ReturnAsync("a", version);

        await using var _ = back;
        Assert.True(sessionPresent);
        await back.ExpectMessageAsync("queued");
        broker.Publish("t", "live");
        await back.ExpectMessageAsync("live");
    }

    [Theory, BothVersions]
    public async Task Message_at_qos0_does_not_wait_for_a_client_that_is_away(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectToStayAsync("a", version);
        await client.SubscribeAsync("t", AtLeastOnce);
        await client.LoseAsync();

        Assert.Equal(0, broker.Publish("t", "x", AtMostOnce));
        Assert.Equal(1, broker.Metrics.MessagesDropped);

        await using var back = await broker.ConnectToStayAsync("a", version);
        await back.ExpectNothingAsync();
    }

    [Theory, BothVersions]
    public async Task Clean_start_ends_the_session_that_was_there(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectToStayAsync("a", version);
        await client.SubscribeAsync("t", AtLeastOnce);
        await client.LoseAsync();
        broker.Publish("t", "x");

        await using var fresh = await broker.ConnectAsync("a", version, cleanStart: true);
        await fresh.ExpectNothingAsync();
        await fresh.LoseAsync();

        var (back, sessionPresent) = await broker.ReturnAsync("a", version);
        await using var _ = back;
        Assert.False(sessionPresent);
        Assert.Equal(0, broker.Publish("t", "y"));
    }

    [Theory, BothVersions]
    public async Task Session_lasts_as_long_as_it_was_asked_to(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker(options => options.MaxSessionExpiry = TimeSpan.FromHours(1));
        await using var client = await broker.ConnectToStayAsync("a", version);
        await client.SubscribeAsync("t", AtLeastOnce);
        await client.LoseAsync();

        broker.Clock.Advance(TimeSpan.FromMinutes(59));
        Assert.Equal(1, broker.Publish("t", "x"));
        broker.Clock.Advance(TimeSpan.FromMinutes(2));
        Assert.Equal(0, broker.Publish("t", "y"));

        var (back, sessionPresent) = await broker.ReturnAsync("a", version);
        await using var _ = back;
        Assert.False(sessionPresent);
    }

    [Theory, BothVersions]
    public async Task Session_does_not_expire_while_its_client_is_connected(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker(options => options.MaxSessionExpiry = TimeSpan.FromHours(1));
        await using var first = await broker.ConnectToStayAsync("a", version);
        await first.SubscribeAsync("t", AtLeastOnce);
        await first.LoseAsync();
        await using var client = await broker.ConnectAsync("a", version, cleanStart: false, keepAlive: 18_000, properties: new PropertyBlock { SessionExpiryInterval = 3600 });

        for (var minutes = 0; minutes < 120; minutes += 10)
        {
            broker.Clock.Advance(TimeSpan.FromMinutes(10));
            await client.ExpectNothingAsync();
        }

        Assert.Equal(1, broker.Publish("t", "x"));
    }

    [Fact]
    public async Task Disconnect_may_shorten_the_session()
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectToStayAsync("a", V5);
        await client.SubscribeAsync("t", AtLeastOnce);

        await client.SendAsync(new DisconnectPacket { Properties = new PropertyBlock { SessionExpiryInterval = 0 } });
        await client.Handled;

        Assert.Equal(0, broker.Publish("t", "x"));
    }

    [Fact]
    public async Task Disconnect_may_not_give_life_to_a_session_that_had_none()
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectAsync("a", V5);

        await client.SendAsync(new DisconnectPacket { Properties = new PropertyBlock { SessionExpiryInterval = 60 } });

        await client.ExpectDisconnectAsync(ReasonCode.ProtocolError);       // MQTT 5 3.14.2.2.2
    }

    [Theory, BothVersions]
    public async Task Unacknowledged_messages_are_sent_again_in_order_and_before_new_ones(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectToStayAsync("a", version);
        await client.SubscribeAsync("t", AtLeastOnce);
        foreach (var payload in new[] { "1", "2", "3" }) broker.Publish("t", payload);
        await client.ExpectMessageAsync("1");
        var second = await client.ExpectMessageAsync("2");
        await client.SendAsync(new PubAckPacket { PacketId = second.PacketId });
        await client.ExpectMessageAsync("3");
        await client.ExpectNothingAsync();
        await client.LoseAsync();
        broker.Publish("t", "4");

        await using var back = await broker.ConnectToStayAsync("a", version);

        Assert.True((await back.ExpectMessageAsync("1")).Duplicate);
        Assert.True((await back.ExpectMessageAsync("3")).Duplicate);
        Assert.False((await back.ExpectMessageAsync("4")).Duplicate);
    }

    [Theory, BothVersions]
    public async Task Full_queue_refuses_the_newest(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker(options => options.MaxQueuedPerSession = 2);
        await using var client = await broker.ConnectToStayAsync("a", version);
        await client.SubscribeAsync("t", AtLeastOnce);
        await client.LoseAsync();

        Assert.Equal([1, 1, 0], new[] { "1", "2", "3" }.Select(payload => broker.Publish("t", payload)));

        await using var back = await broker.ConnectToStayAsync("a", version);
        await back.ExpectMessageAsync("1");
        await back.ExpectMessageAsync("2");
        await back.ExpectNothingAsync();
        Assert.Equal(1, broker.Metrics.MessagesDropped);
    }

    [Theory, BothVersions]
    public async Task No_more_messages_are_in_flight_than_our_limit(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker(options => options.MaxInFlight = 2);
        await using var client = await broker.ConnectAsync("a", version);
        await client.SubscribeAsync("t", ExactlyOnce);
        foreach (var payload in new[] { "1", "2", "3" }) broker.Publish("t", payload, ExactlyOnce);
        var first = await client.ExpectMessageAsync("1");
        await client.ExpectMessageAsync("2");

        await client.SendAsync(new PubRecPacket { PacketId = first.PacketId });
        await client.ExpectAsync<PubRelPacket>();
        await client.ExpectNothingAsync();                                  // released, but not complete
        await client.SendAsync(new PubCompPacket { PacketId = first.PacketId });

        await client.ExpectMessageAsync("3");
    }

    [Fact]
    public async Task No_more_messages_are_in_flight_than_the_client_takes()
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectAsync("a", V5, properties: new PropertyBlock { ReceiveMaximum = 1 });
        await client.SubscribeAsync("t", AtLeastOnce);
        broker.Publish("t", "1");
        broker.Publish("t", "2");

        var first = await client.ExpectMessageAsync("1");
        await client.ExpectNothingAsync();
        await client.SendAsync(new PubAckPacket { PacketId = first.PacketId });

        await client.ExpectMessageAsync("2");
    }

    [Fact]
    public async Task Client_that_comes_back_taking_fewer_messages_gets_them_one_by_one()
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectToStayAsync("a", V5);
        await client.SubscribeAsync("t", AtLeastOnce);
        foreach (var payload in new[] { "1", "2", "3" }) broker.Publish("t", payload);
        await client.ExpectMessageAsync("1");
        await client.LoseAsync();
        broker.Publish("t", "4");

        await using var back = await broker.ConnectToStayAsync("a", V5, new PropertyBlock { ReceiveMaximum = 1 });

        foreach (var payload in new[] { "1", "2", "3", "4" })                // [MQTT-3.3.4-9]
        {
            var message = await back.ExpectMessageAsync(payload);
            await back.ExpectNothingAsync();
            await back.SendAsync(new PubAckPacket { PacketId = message.PacketId });
        }
    }

    [Fact]
    public async Task Message_too_large_for_the_client_is_passed_over()
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectAsync("a", V5, properties: new PropertyBlock { MaximumPacketSize = 100 });
        await client.SubscribeAsync("t", AtLeastOnce);

        broker.Publish("t", new string('x', 200));
        Assert.Equal(0, broker.Publish("t", new string('x', 200), AtMostOnce));
        broker.Publish("t", "small");

        await client.ExpectMessageAsync("small");                            // [MQTT-3.1.2-25]
        Assert.Equal(2, broker.Metrics.MessagesDropped);
    }

    [Fact]
    public async Task Client_that_comes_back_taking_smaller_packets_is_spared_the_larger_ones()
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectToStayAsync("a", V5);
        await client.SubscribeAsync("t", AtLeastOnce);
        broker.Publish("t", new string('x', 200));
        broker.Publish("t", "small");
        await client.ExpectMessageAsync(new string('x', 200));
        await client.LoseAsync();

        await using var back = await broker.ConnectToStayAsync("a", V5, new PropertyBlock { MaximumPacketSize = 100 });

        await back.ExpectMessageAsync("small");
    }

    [Theory, BothVersions]
    public async Task Host_that_disconnects_a_client_ends_its_session_too(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectToStayAsync("a", version);
        await client.SubscribeAsync("t", AtLeastOnce);

        Assert.True(broker.Broker.Disconnect("a", ReasonCode.AdministrativeAction, "revoked"));
        await client.ExpectDisconnectAsync(ReasonCode.AdministrativeAction);

        Assert.Equal(0, broker.Publish("t", "x"));
        Assert.False(broker.Broker.Disconnect("a", ReasonCode.AdministrativeAction, "revoked"));
    }

    [Theory, BothVersions]
    public async Task Host_that_disconnects_a_client_that_is_away_ends_its_session(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectToStayAsync("a", version);
        await client.SubscribeAsync("t", AtLeastOnce);
        await client.LoseAsync();

        Assert.False(broker.Broker.Disconnect("a", ReasonCode.AdministrativeAction, "revoked"));

        Assert.Equal(0, broker.Publish("t", "x"));
    }

    [Theory, BothVersions]
    public async Task Acknowledgement_of_an_unknown_id_is_passed_over(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectAsync("a", version);

        await client.SendAsync(new PubAckPacket { PacketId = 9 }, new PubCompPacket { PacketId = 9 });

        await client.ExpectNothingAsync();
    }
}
