using IoTFleet.Broker.Sessions;

namespace IoTFleet.Broker.Tests;

/// <summary>What a second broker makes of the store that the first one left.</summary>
public sealed class RestartTests
{
    private readonly InMemoryBrokerStore _store = new();
    private readonly FakeClock _clock = new();

    [Theory, BothVersions]
    public async Task Sleeping_client_finds_its_session_its_subscriptions_and_what_came_meanwhile(ProtocolVersion version)
    {
        await using (var broker = await StartAsync())
        {
            await using var client = await broker.ConnectToStayAsync("a", version);
            await client.SubscribeAsync("t/#", AtLeastOnce);
            await client.LoseAsync();
            foreach (var payload in new[] { "1", "2" }) broker.Publish("t/x", payload);
        }

        await using var second = await StartAsync();
        var (back, sessionPresent) = await second.ReturnAsync("a", version);
        await using var _ = back;
        Assert.True(sessionPresent);
        Assert.False((await back.ExpectMessageAsync("1")).Duplicate);
        await back.ExpectMessageAsync("2");
        second.Publish("t/y", "live");
        await back.ExpectMessageAsync("live");
    }

    [Theory, BothVersions]
    public async Task What_was_in_flight_is_sent_again_under_its_id_as_duplicate_and_new_ids_are_others(ProtocolVersion version)
    {
        ushort id;
        await using (var broker = await StartAsync(options => options.MaxInFlight = 1))
        {
            await using var client = await broker.ConnectToStayAsync("a", version);
            await client.SubscribeAsync("t", ExactlyOnce);
            broker.Publish("t", "sent", ExactlyOnce);
            broker.Publish("t", "waiting", ExactlyOnce);
            id = (await client.ExpectMessageAsync("sent")).PacketId;
        }

        await using var second = await StartAsync();
        await using var back = await second.ConnectToStayAsync("a", version);
        var again = await back.ExpectMessageAsync("sent");
        var first = await back.ExpectMessageAsync("waiting");
        second.Publish("t", "new", ExactlyOnce);
        var fresh = await back.ExpectMessageAsync("new");

        Assert.Equal((id, true), (again.PacketId, again.Duplicate));
        Assert.False(first.Duplicate);
        Assert.Equal(3, new[] { again.PacketId, first.PacketId, fresh.PacketId }.Distinct().Count());
    }

    [Theory, BothVersions]
    public async Task What_may_have_been_in_flight_when_the_process_died_is_sent_as_duplicate(ProtocolVersion version)
    {
        var dying = new ScriptedStore();
        await using var broker = new InMemoryBroker(options => options.MaxInFlight = 2, _clock, dying);
        await using var client = await broker.ConnectToStayAsync("a", version);
        await client.SubscribeAsync("t", AtLeastOnce);
        foreach (var payload in new[] { "1", "2", "3" }) broker.Publish("t", payload);

        await using var second = await InMemoryBroker.StartAsync(dying.After(int.MaxValue), _clock, options => options.MaxInFlight = 2);
        await using var back = await second.ConnectToStayAsync("a", version);

        var sent = await back.ExpectMessageAsync("1");
        Assert.True(sent.Duplicate);
        Assert.True((await back.ExpectMessageAsync("2")).Duplicate);
        await back.SendAsync(new PubAckPacket { PacketId = sent.PacketId });
        Assert.False((await back.ExpectMessageAsync("3")).Duplicate);
    }

    [Theory, BothVersions]
    public async Task Session_expires_when_its_time_is_over_wherever_it_was_spent(ProtocolVersion version)
    {
        await using (var broker = await StartAsync(options => options.MaxSessionExpiry = TimeSpan.FromHours(1)))
        {
            await using var client = await broker.ConnectToStayAsync("a", version);
            await client.SubscribeAsync("t", AtLeastOnce);
            await client.LoseAsync();
        }

        _clock.Advance(TimeSpan.FromMinutes(59));
        await using (var broker = await StartAsync()) Assert.Equal(1, broker.Publish("t", "x"));
        _clock.Advance(TimeSpan.FromMinutes(2));
        await using var last = await StartAsync();
        var (back, sessionPresent) = await last.ReturnAsync("a", version);
        await using var _ = back;
        Assert.False(sessionPresent);
        await back.ExpectNothingAsync();
    }

    [Theory, BothVersions]
    public async Task Client_that_was_connected_when_the_process_died_has_all_of_its_expiry(ProtocolVersion version)
    {
        var dying = new ScriptedStore();
        await using var broker = new InMemoryBroker(options => options.MaxSessionExpiry = TimeSpan.FromHours(1), _clock, dying);
        await using var client = await broker.ConnectToStayAsync("a", version);
        var left = dying.After(int.MaxValue);
        _clock.Advance(TimeSpan.FromMinutes(1));

        await using var second = await InMemoryBroker.StartAsync(left, _clock);
        _clock.Advance(TimeSpan.FromMinutes(59.5));
        Assert.Single((await left.LoadAsync(CancellationToken.None)).Sessions);
        _clock.Advance(TimeSpan.FromMinutes(1));

        Assert.Empty((await left.LoadAsync(CancellationToken.None)).Sessions);
    }

    [Theory, BothVersions]
    public async Task Clean_start_ends_the_stored_session(ProtocolVersion version)
    {
        await using (var broker = await StartAsync())
        {
            await using var client = await broker.ConnectToStayAsync("a", version);
            await client.SubscribeAsync("t", AtLeastOnce);
            await client.LoseAsync();
            broker.Publish("t", "x");
        }

        await using (var broker = await StartAsync())
        {
            await using var fresh = await broker.ConnectAsync("a", version, cleanStart: true);
            await fresh.ExpectNothingAsync();
        }

        Assert.Empty((await _store.LoadAsync(CancellationToken.None)).Sessions);
    }

    [Theory, BothVersions]
    public async Task Retained_messages_are_there_again(ProtocolVersion version)
    {
        await using (var broker = await StartAsync())
        {
            await using var device = await broker.ConnectAsync("a", version);
            await device.PublishAsync("t/kept", "first", AtLeastOnce, 1, retain: true);
            await device.PublishAsync("t/kept", "last", AtLeastOnce, 2, retain: true);
            await device.PublishAsync("t/gone", "x", AtLeastOnce, 3, retain: true);
            await device.PublishAsync("t/gone", "", AtLeastOnce, 4, retain: true);
            for (ushort id = 1; id <= 4; id++) await device.ExpectAckAsync(id);
        }

        await using var second = await StartAsync();
        await using var reader = await second.ConnectAsync("b", version);
        await reader.SubscribeAsync("t/#", AtLeastOnce);

        Assert.True((await reader.ExpectMessageAsync("last")).Retain);
        await reader.ExpectNothingAsync();
    }

    [Fact]
    public async Task Retained_message_that_has_expired_is_forgotten_by_the_store_too()
    {
        await using (var broker = await StartAsync())
        {
            await using var device = await broker.ConnectAsync("a", V5);
            await device.PublishAsync("t", "x", AtLeastOnce, 1, retain: true, properties: new PropertyBlock { MessageExpiryInterval = 10 });
            await device.ExpectAckAsync(1);
        }

        _clock.Advance(TimeSpan.FromSeconds(11));
        await using var second = await StartAsync();

        Assert.Empty((await _store.LoadAsync(CancellationToken.None)).Retained);
    }

    [Fact]
    public async Task Delayed_will_is_published_by_the_next_process()
    {
        await using (var broker = await StartAsync())
        {
            await using var client = await broker.ConnectToStayAsync("a", V5, will: Clients.Will("w", "gone", AtLeastOnce, properties: new PropertyBlock { WillDelayInterval = 60 }));
            await client.LoseAsync();
        }

        await using var second = await StartAsync();
        await using var reader = await second.ConnectAsync("b", V5);
        await reader.SubscribeAsync("w", AtLeastOnce);
        _clock.Advance(TimeSpan.FromSeconds(59));
        await reader.ExpectNothingAsync();
        _clock.Advance(TimeSpan.FromSeconds(2));

        await reader.ExpectMessageAsync("gone");
        Assert.Empty((await _store.LoadAsync(CancellationToken.None)).Wills);
    }

    [Theory, BothVersions]
    public async Task Will_of_a_client_that_was_connected_when_the_process_died_is_published(ProtocolVersion version)
    {
        var dying = new ScriptedStore();
        await using var broker = new InMemoryBroker(clock: _clock, store: dying);
        await using var client = await broker.ConnectToStayAsync("a", version, will: Clients.Will("w", "died", AtLeastOnce, retain: true));

        await using var second = await InMemoryBroker.StartAsync(dying.After(int.MaxValue), _clock);
        _clock.Advance(TimeSpan.FromSeconds(2));
        await using var reader = await second.ConnectAsync("b", version);
        await reader.SubscribeAsync("w", AtLeastOnce);

        await reader.ExpectMessageAsync("died");
        await client.LeaveAsync();
    }

    [Theory, BothVersions]
    public async Task Client_that_says_goodbye_leaves_no_will_behind(ProtocolVersion version)
    {
        await using (var broker = await StartAsync())
        {
            await using var client = await broker.ConnectToStayAsync("a", version, will: Clients.Will("w", "gone"));
            await client.LeaveAsync();
        }

        Assert.Empty((await _store.LoadAsync(CancellationToken.None)).Wills);
    }

    [Fact]
    public async Task Client_that_is_back_in_time_takes_its_will_back()
    {
        await using (var broker = await StartAsync())
        {
            await using var client = await broker.ConnectToStayAsync("a", V5, will: Clients.Will("w", "gone", properties: new PropertyBlock { WillDelayInterval = 60 }));
            await client.LoseAsync();
        }

        await using var second = await StartAsync();
        await using var back = await second.ConnectToStayAsync("a", V5);

        Assert.Empty((await _store.LoadAsync(CancellationToken.None)).Wills);
    }

    [Theory, BothVersions]
    public async Task Message_received_and_not_released_before_is_not_taken_again(ProtocolVersion version)
    {
        await using (var broker = await StartAsync())
        {
            await using var device = await broker.ConnectToStayAsync("a", version);
            await device.PublishAsync("t", "x", ExactlyOnce, 5);
            await device.ExpectAsync<PubRecPacket>();
        }

        await using var second = await StartAsync();
        await using var back = await second.ConnectToStayAsync("a", version);
        await back.PublishAsync("t", "x", ExactlyOnce, 5, duplicate: true);
        await back.ExpectAsync<PubRecPacket>();

        Assert.Empty(second.Sink.Messages);
    }

    [Theory, BothVersions]
    public async Task Message_that_the_client_has_received_is_only_released(ProtocolVersion version)
    {
        ushort id;
        await using (var broker = await StartAsync())
        {
            await using var client = await broker.ConnectToStayAsync("a", version);
            await client.SubscribeAsync("t", ExactlyOnce);
            broker.Publish("t", "x", ExactlyOnce);
            id = (await client.ExpectMessageAsync("x")).PacketId;
            await client.SendAsync(new PubRecPacket { PacketId = id });
            await client.ExpectAsync<PubRelPacket>();
        }

        await using var second = await StartAsync();
        await using var back = await second.ConnectToStayAsync("a", version);

        Assert.Equal(id, (await back.ExpectAsync<PubRelPacket>()).PacketId);
        await back.SendAsync(new PubCompPacket { PacketId = id });
        await back.ExpectNothingAsync();
        Assert.Empty(Assert.Single((await _store.LoadAsync(CancellationToken.None)).Sessions).Deliveries);
    }

    [Fact]
    public async Task Message_that_expires_while_its_client_sleeps_is_neither_sent_nor_stored()
    {
        await using (var broker = await StartAsync())
        {
            await using var client = await broker.ConnectToStayAsync("a", V5);
            await client.SubscribeAsync("t", AtLeastOnce);
            await client.LoseAsync();
            broker.Publish("t", "short", properties: new PropertyBlock { MessageExpiryInterval = 10 });
            broker.Publish("t", "long", properties: new PropertyBlock { MessageExpiryInterval = 3_000 });
        }

        await using var second = await StartAsync();
        _clock.Advance(TimeSpan.FromSeconds(11));

        Assert.Single(Assert.Single((await _store.LoadAsync(CancellationToken.None)).Sessions).Deliveries);
        Assert.Equal(1, second.Metrics.DroppedBecause(DropReason.Expired));
        await using var back = await second.ConnectToStayAsync("a", V5);
        await back.ExpectMessageAsync("long");
    }

    [Theory, BothVersions]
    public async Task Messages_that_wait_are_limited_by_their_bytes(ProtocolVersion version)
    {
        await using var broker = await StartAsync(options => options.MaxQueuedBytesPerSession = 2_500);
        await using var client = await broker.ConnectToStayAsync("a", version);
        await client.SubscribeAsync("t", AtLeastOnce);
        await client.LoseAsync();

        var reached = Enumerable.Range(0, 3).Select(_ => broker.Publish("t", new string('x', 1_000))).ToList();

        Assert.Equal([1, 1, 0], reached);
        Assert.Equal(1, broker.Metrics.DroppedBecause(DropReason.QueueBytesFull));
        Assert.Equal(2, Assert.Single((await _store.LoadAsync(CancellationToken.None)).Sessions).Deliveries.Count);
    }

    [Theory, BothVersions]
    public async Task Messages_of_all_sessions_are_limited_by_their_bytes_also_after_a_restart(ProtocolVersion version)
    {
        static void Limit(BrokerOptions options) => options.MaxQueuedBytes = 3_000;
        await using (var broker = await StartAsync(Limit))
        {
            foreach (var name in new[] { "a", "b" })
            {
                await using var client = await broker.ConnectToStayAsync(name, version);
                await client.SubscribeAsync(name, AtLeastOnce);
                await client.LoseAsync();
                Assert.Equal(1, broker.Publish(name, new string('x', 1_000)));
            }
        }

        await using var second = await StartAsync(Limit);

        Assert.Equal(0, second.Publish("a", new string('x', 1_000)));
        Assert.Equal(1, second.Metrics.DroppedBecause(DropReason.AllQueuesFull));
        await using var back = await second.ConnectToStayAsync("a", version);
        await back.SendAsync(new PubAckPacket { PacketId = (await back.ExpectAsync<PublishPacket>()).PacketId });
        await back.ExpectNothingAsync();
        Assert.Equal(1, second.Publish("a", new string('x', 1_000)));
    }

    [Theory, BothVersions]
    public async Task Shared_messages_of_a_member_that_ends_are_handed_over_in_one_unit(ProtocolVersion version)
    {
        var store = new ScriptedStore();
        await using var broker = new InMemoryBroker(clock: _clock, store: store);
        await using var leaver = await broker.ConnectToStayAsync("a", version);
        await leaver.SubscribeAsync("$share/g/t", AtLeastOnce);
        Assert.Equal(1, broker.Publish("t", "x"));
        await leaver.ExpectMessageAsync("x");
        await using var stayer = await broker.ConnectToStayAsync("b", version);
        await stayer.SubscribeAsync("$share/g/t", AtLeastOnce);

        broker.Broker.Disconnect("a", ReasonCode.AdministrativeAction, "revoked");
        await stayer.ExpectMessageAsync("x");

        var ended = Assert.Single(store.Durable, unit => unit.OfType<StoreChange.SessionEnded>().Any());
        Assert.Single(ended.OfType<StoreChange.DeliveryQueued>());
    }

    private Task<InMemoryBroker> StartAsync(Action<BrokerOptions>? configure = null) => InMemoryBroker.StartAsync(_store, _clock, configure);
}
