using IoTFleet.Broker.Sessions;

namespace IoTFleet.Broker.Tests;

/// <summary>What waits for the store, what does not, and what a store that fails means.</summary>
public sealed class DurableTests
{
    [Theory, BothVersions]
    public async Task Message_to_a_session_that_stays_is_acked_and_delivered_when_it_is_stored(ProtocolVersion version)
    {
        var store = new ScriptedStore();
        await using var broker = new InMemoryBroker(store: store);
        await using var reader = await broker.ConnectToStayAsync("b", version);
        await reader.SubscribeAsync("t", AtLeastOnce);
        await using var device = await broker.ConnectAsync("a", version);
        store.Holds = true;

        await device.PublishAsync("t", "x", AtLeastOnce, 7);
        await InMemoryBroker.UntilAsync(() => store.Held == 1);
        await device.ExpectNothingAsync();
        await reader.ExpectNothingAsync();

        await store.CommitAsync();
        await device.ExpectAckAsync(7);
        await reader.ExpectMessageAsync("x");
        store.CommitAll();
    }

    [Theory, BothVersions]
    public async Task Message_that_could_not_be_stored_is_not_acked_and_reaches_nobody(ProtocolVersion version)
    {
        var store = new ScriptedStore();
        await using var broker = new InMemoryBroker(store: store) { ExpectedEvents = ["CommitFailed"] };
        await using var reader = await broker.ConnectToStayAsync("b", version);
        await reader.SubscribeAsync("t", AtLeastOnce);
        await using var other = await broker.ConnectAsync("c", version);
        await other.SubscribeAsync("t", AtLeastOnce);
        await using var device = await broker.ConnectAsync("a", version);
        store.Holds = true;

        await device.PublishAsync("t", "x", AtLeastOnce, 7);
        await store.FailAsync();
        store.CommitAll();

        await device.ExpectDisconnectAsync(ReasonCode.ServerBusy);
        await reader.ExpectNothingAsync();
        await other.ExpectNothingAsync();
        Assert.Equal(2, broker.Publish("t", "y"));
        await reader.ExpectMessageAsync("y");
    }

    [Theory, BothVersions]
    public async Task Qos2_message_whose_store_failed_is_taken_anew_when_it_is_sent_again(ProtocolVersion version)
    {
        var store = new ScriptedStore();
        await using var broker = new InMemoryBroker(store: store) { ExpectedEvents = ["CommitFailed"] };
        await using var reader = await broker.ConnectToStayAsync("b", version);
        await reader.SubscribeAsync("t", ExactlyOnce);
        await using var device = await broker.ConnectToStayAsync("a", version);
        store.Holds = true;
        await device.PublishAsync("t", "x", ExactlyOnce, 7);
        await store.FailAsync();
        store.CommitAll();
        await device.ExpectDisconnectAsync(ReasonCode.ServerBusy);

        await using var back = await broker.ConnectToStayAsync("a", version);
        await back.PublishAsync("t", "x", ExactlyOnce, 7, duplicate: true);

        Assert.Equal(7, (await back.ExpectAsync<PubRecPacket>()).PacketId);
        await reader.ExpectMessageAsync("x");
        await reader.ExpectNothingAsync();
    }

    [Theory, BothVersions]
    public async Task Later_message_that_is_not_stored_keeps_its_place_behind_one_that_is(ProtocolVersion version)
    {
        var store = new ScriptedStore();
        await using var broker = new InMemoryBroker(store: store);
        await using var sleeper = await broker.ConnectToStayAsync("b", version);
        await sleeper.SubscribeAsync("stored", AtLeastOnce);
        await using var reader = await broker.ConnectAsync("c", version);
        await reader.SubscribeAsync("#", AtLeastOnce);
        await using var device = await broker.ConnectAsync("a", version);
        store.Holds = true;

        await device.PublishAsync("stored", "1", AtLeastOnce, 1);
        await device.PublishAsync("plain", "2", AtLeastOnce, 2);
        await InMemoryBroker.UntilAsync(() => store.Held == 1);
        await reader.ExpectNothingAsync();
        await store.CommitAsync();

        await reader.ExpectMessageAsync("1");
        await reader.ExpectMessageAsync("2");
        await device.ExpectAckAsync(1);
        await device.ExpectAckAsync(2);
        store.CommitAll();
    }

    [Theory, BothVersions]
    public async Task Nothing_is_stored_for_sessions_that_end_with_their_connection(ProtocolVersion version)
    {
        var store = new ScriptedStore();
        await using var broker = new InMemoryBroker(store: store);
        await using var reader = await broker.ConnectAsync("b", version, will: Clients.Will("w", "x"));
        await reader.SubscribeAsync("t", ExactlyOnce);
        await using var device = await broker.ConnectAsync("a", version);

        await device.PublishAsync("t", "x", ExactlyOnce, 1);
        await device.ExpectAsync<PubRecPacket>();
        var id = (await reader.ExpectMessageAsync("x")).PacketId;
        await reader.SendAsync(new PubRecPacket { PacketId = id });
        await reader.ExpectAsync<PubRelPacket>();

        Assert.Empty(store.Durable);
    }

    [Theory, BothVersions]
    public async Task Connack_suback_and_unsuback_wait_for_the_store(ProtocolVersion version)
    {
        var store = new ScriptedStore { Holds = true };
        await using var broker = new InMemoryBroker(store: store);
        await using var client = broker.Open(version);

        var connecting = client.ConnectAsync("b", cleanStart: false, properties: new PropertyBlock { SessionExpiryInterval = 60 });
        await InMemoryBroker.UntilAsync(() => store.Held == 1);
        Assert.False(connecting.IsCompleted);
        await store.CommitAsync();
        await connecting;

        var subscribing = client.SubscribeAsync("t", AtLeastOnce);
        await InMemoryBroker.UntilAsync(() => store.Held == 1);
        Assert.False(subscribing.IsCompleted);
        await store.CommitAsync();
        await subscribing;

        await client.SendAsync(new UnsubscribePacket { PacketId = 2, Filters = [TopicFilter.Parse("t")] });
        await InMemoryBroker.UntilAsync(() => store.Held == 1);
        await client.ExpectNothingAsync();
        await store.CommitAsync();
        await client.ExpectAsync<UnsubAckPacket>();
        store.CommitAll();
    }

    [Theory, BothVersions]
    public async Task Session_that_could_not_be_stored_is_not_promised(ProtocolVersion version)
    {
        var store = new ScriptedStore { Holds = true };
        await using var broker = new InMemoryBroker(store: store) { ExpectedEvents = ["AnswerNotStored"] };
        await using var client = broker.Open(version);

        var connecting = client.ConnectAsync("b", cleanStart: false, properties: new PropertyBlock { SessionExpiryInterval = 60 });
        await store.FailAsync();
        store.CommitAll();

        Assert.Equal(ReasonCode.ServerUnavailable, (await connecting).Reason);
    }

    [Theory, BothVersions]
    public async Task Pubrel_and_pubcomp_wait_for_the_store(ProtocolVersion version)
    {
        var store = new ScriptedStore();
        await using var broker = new InMemoryBroker(store: store);
        await using var client = await broker.ConnectToStayAsync("a", version);
        await client.SubscribeAsync("t", ExactlyOnce);
        await client.PublishAsync("t", "x", ExactlyOnce, 7);
        await client.ExpectAsync<PubRecPacket>();
        var id = (await client.ExpectMessageAsync("x")).PacketId;
        store.Holds = true;

        await client.SendAsync(new PubRecPacket { PacketId = id }, new PubRelPacket { PacketId = 7 });
        await InMemoryBroker.UntilAsync(() => store.Held == 2);
        await client.ExpectNothingAsync();
        await store.CommitAsync();
        await client.ExpectAsync<PubRelPacket>();
        await store.CommitAsync();
        await client.ExpectAsync<PubCompPacket>();
        store.CommitAll();
    }

    [Theory, BothVersions]
    public async Task Retained_message_is_acked_when_it_is_stored(ProtocolVersion version)
    {
        var store = new ScriptedStore { Holds = true };
        await using var broker = new InMemoryBroker(store: store);
        await using var device = await broker.ConnectAsync("a", version);

        await device.PublishAsync("t", "x", AtLeastOnce, 1, retain: true);
        await InMemoryBroker.UntilAsync(() => store.Held == 1);
        await device.ExpectNothingAsync();
        await store.CommitAsync();

        await device.ExpectAckAsync(1);
        store.CommitAll();
    }

    [Theory, BothVersions]
    public async Task Message_of_the_server_is_published_when_it_is_stored(ProtocolVersion version)
    {
        var store = new ScriptedStore();
        await using var broker = new InMemoryBroker(store: store);
        await using var reader = await broker.ConnectToStayAsync("b", version);
        await reader.SubscribeAsync("t", AtLeastOnce);
        await reader.LoseAsync();
        store.Holds = true;

        var publishing = broker.PublishAsync("t", "x");
        Assert.False(publishing.IsCompleted);
        await store.CommitAsync();

        Assert.Equal(new Reach(Connected: 0, Waiting: 1), await publishing);
        store.CommitAll();
    }

    [Theory, BothVersions]
    public async Task Client_that_cannot_wait_cannot_pile_up_requests(ProtocolVersion version)
    {
        const int Window = 4;
        var store = new ScriptedStore();
        await using var broker = new InMemoryBroker(options => options.ReceiveMaximum = Window, store: store);
        await using var client = await broker.ConnectToStayAsync("a", version);
        store.Holds = true;

        await client.SendAsync([.. Enumerable.Range(1, 50).Select(id => new PubRelPacket { PacketId = (ushort)id })]);
        await InMemoryBroker.UntilStillAsync(() => store.Held);

        Assert.Equal(Window, store.Held);
        store.CommitAll();
        for (var id = 1; id <= 50; id++) Assert.Equal(id, (await client.ExpectAsync<PubCompPacket>()).PacketId);
    }
}
