using System.Text;
using IoTFleet.Broker.Routing;
using IoTFleet.Broker.Sessions;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Topics;
using Xunit;

namespace IoTFleet.Testing.Contracts;

/// <summary>What every store of the broker must do.</summary>
public abstract class BrokerStoreContract
{
    private static readonly DateTimeOffset Noon = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);
    private static readonly CancellationToken NoHurry = CancellationToken.None;

    protected abstract IBrokerStore Store { get; }

    /// <summary>The same store as another process finds it.</summary>
    protected abstract Task<IBrokerStore> ReopenAsync();

    [Fact]
    public async Task Nothing_is_in_a_new_store()
    {
        var stored = await Store.LoadAsync(NoHurry);

        Assert.Empty(stored.Sessions);
        Assert.Empty(stored.Wills);
        Assert.Empty(stored.Retained);
    }

    [Fact]
    public async Task A_session_is_as_it_was_left()
    {
        await AppendAsync(Opened(1), new StoreChange.SessionDisconnected(1, TimeSpan.FromMinutes(5), Noon, SentUpTo: 7));

        var session = Assert.Single((await LoadAsync()).Sessions);

        Assert.Equal((1L, "pump-1", TimeSpan.FromMinutes(5), Noon, 7L), (session.Number, session.ClientId, session.Expiry, session.ExpiresAt, session.SentUpTo));
    }

    [Fact]
    public async Task A_session_whose_client_is_back_expires_no_more()
    {
        await AppendAsync(Opened(1), new StoreChange.SessionDisconnected(1, TimeSpan.FromMinutes(5), Noon, SentUpTo: 7));
        await AppendAsync(new StoreChange.SessionOpened(1, "pump-1", TimeSpan.FromHours(2)));

        var session = Assert.Single((await LoadAsync()).Sessions);

        Assert.Equal((TimeSpan.FromHours(2), null), (session.Expiry, session.ExpiresAt));
    }

    [Fact]
    public async Task An_ended_session_takes_along_what_it_held()
    {
        await AppendAsync(Opened(1), Subscribed(1, "t"), Queued(1, 1), new StoreChange.InboundHeld(1, 3));
        await AppendAsync(new StoreChange.SessionEnded(1), Opened(2));

        var session = Assert.Single((await LoadAsync()).Sessions);

        Assert.Equal(2, session.Number);
        Assert.Empty(session.Subscriptions);
        Assert.Empty(session.Deliveries);
        Assert.Empty(session.Inbound);
    }

    [Fact]
    public async Task A_change_that_comes_too_late_for_its_session_belongs_to_nobody()
    {
        await AppendAsync(Opened(1), new StoreChange.SessionEnded(1));
        await AppendAsync(Queued(1, 1), Subscribed(1, "t"), new StoreChange.InboundHeld(1, 3));
        await LoadAsync();
        await AppendAsync(Opened(1));

        var session = Assert.Single((await LoadAsync()).Sessions);

        Assert.Empty(session.Deliveries);
        Assert.Empty(session.Subscriptions);
        Assert.Empty(session.Inbound);
    }

    [Fact]
    public async Task A_subscription_keeps_all_its_options()
    {
        var request = new SubscriptionRequest(TopicFilter.Parse("$share/g/a/+/#"), QualityOfService.ExactlyOnce, NoLocal: false, RetainAsPublished: true, RetainHandling.SendIfNew);
        await AppendAsync(Opened(1), new StoreChange.SubscriptionSet(1, request, 268_435_455));

        Assert.Equal(new StoredSubscription(request, 268_435_455), Assert.Single((await SessionAsync()).Subscriptions));
    }

    [Fact]
    public async Task A_subscription_is_replaced_and_removed_by_its_filter()
    {
        await AppendAsync(Opened(1), Subscribed(1, "a"), Subscribed(1, "b"));
        var noLocal = new SubscriptionRequest(TopicFilter.Parse("a"), QualityOfService.AtMostOnce, NoLocal: true);
        await AppendAsync(new StoreChange.SubscriptionSet(1, noLocal, null), new StoreChange.SubscriptionRemoved(1, TopicFilter.Parse("b")));

        Assert.Equal(new StoredSubscription(noLocal, null), Assert.Single((await SessionAsync()).Subscriptions));
    }

    [Fact]
    public async Task A_delivery_keeps_its_message_and_how_it_is_to_be_sent()
    {
        var message = Full() with { Qos = QualityOfService.ExactlyOnce, Retain = true };
        var delivery = new Delivery(QualityOfService.AtLeastOnce, Retain: false, [3, 70_000]) { Shared = TopicFilter.Parse("$share/g/t/#") };
        await AppendAsync(Opened(1), new StoreChange.DeliveryQueued(1, 9, 65_535, delivery, message));

        var stored = Assert.Single((await SessionAsync()).Deliveries);

        Assert.Equal((9L, (ushort)65_535, false), (stored.Order, stored.PacketId, stored.Released));
        Assert.Equal((delivery.Qos, delivery.Retain, delivery.Shared), (stored.Delivery.Qos, stored.Delivery.Retain, stored.Delivery.Shared));
        Assert.Equal(delivery.SubscriptionIdentifiers, stored.Delivery.SubscriptionIdentifiers);
        AssertSame(message, stored.Message);
    }

    [Fact]
    public async Task Deliveries_come_in_their_order_whatever_order_they_were_stored_in()
    {
        await AppendAsync(Opened(1), Queued(1, 10), Queued(1, 2));
        await AppendAsync(Queued(1, 3));

        Assert.Equal([2, 3, 10], (await SessionAsync()).Deliveries.Select(delivery => delivery.Order));
    }

    [Fact]
    public async Task A_delivery_is_released_and_done()
    {
        await AppendAsync(Opened(1), Queued(1, 1), Queued(1, 2), Queued(1, 3));
        await AppendAsync(new StoreChange.DeliveryReleased(1, 2), new StoreChange.DeliveryDone(1, 3));

        Assert.Equal([(1L, false), (2L, true)], (await SessionAsync()).Deliveries.Select(delivery => (delivery.Order, delivery.Released)));
    }

    [Fact]
    public async Task An_inbound_id_is_held_until_it_is_released()
    {
        await AppendAsync(Opened(1), new StoreChange.InboundHeld(1, 1), new StoreChange.InboundHeld(1, 65_535), new StoreChange.InboundHeld(1, 1));
        await AppendAsync(new StoreChange.InboundReleased(1, 1), new StoreChange.InboundReleased(1, 7));

        Assert.Equal([65_535], (await SessionAsync()).Inbound);
    }

    [Fact]
    public async Task A_will_waits_for_its_time_and_goes_when_it_is_published()
    {
        var message = Full() with { Publisher = "pump-1" };
        await AppendAsync(new StoreChange.WillKept(1, 5, "pump-1", message, TimeSpan.FromSeconds(30)), new StoreChange.WillKept(2, 5, "pump-1", message, TimeSpan.Zero));
        await AppendAsync(new StoreChange.WillDelayed(1, Noon), new StoreChange.WillRemoved(2));

        var will = Assert.Single((await LoadAsync()).Wills);

        Assert.Equal((1L, 5L, "pump-1", TimeSpan.FromSeconds(30), Noon), (will.Number, will.Session, will.ClientId, will.Delay, will.DueAt));
        AssertSame(message, will.Message);
    }

    [Fact]
    public async Task The_last_retained_message_of_a_topic_is_kept()
    {
        var last = Full() with { Retain = true };
        await AppendAsync(new StoreChange.RetainedSet(Plain("t", "first")), new StoreChange.RetainedSet(Plain("gone", "x")));
        await AppendAsync(new StoreChange.RetainedSet(last), new StoreChange.RetainedRemoved(TopicName.Parse("gone")));

        AssertSame(last, Assert.Single((await LoadAsync()).Retained));
    }

    [Fact]
    public async Task A_message_of_every_size_and_kind_comes_back_as_it_was()
    {
        Message[] messages = [Plain("t", ""), Plain("t/0", "x") with { Qos = QualityOfService.AtMostOnce }, Plain("t/1", new string('x', 300_000)), Plain(new string('t', 60_000), "x"), Plain("t/ö/冷", "x") with { Publisher = null }];
        await AppendAsync([.. messages.Where(message => !message.Payload.IsEmpty).Select(message => new StoreChange.RetainedSet(message))]);

        var stored = (await LoadAsync()).Retained.ToDictionary(message => message.Topic);

        Assert.All(messages.Where(message => !message.Payload.IsEmpty), message => AssertSame(message, stored[message.Topic]));
    }

    [Fact]
    public async Task Units_appended_without_waiting_are_durable_in_their_order()
    {
        var units = new List<Task> { Store.AppendAsync([Opened(1)]) };
        for (var order = 1; order <= 1_000; order++)
        {
            units.Add(Store.AppendAsync([Queued(1, order)]));
            if (order % 2 == 0) units.Add(Store.AppendAsync([new StoreChange.DeliveryDone(1, order)]));
        }

        await units[^1];

        Assert.All(units, unit => Assert.True(unit.IsCompletedSuccessfully));
        Assert.Equal(500, (await SessionAsync()).Deliveries.Count);
    }

    protected static StoreChange Opened(long number) => new StoreChange.SessionOpened(number, $"pump-{number}", TimeSpan.FromHours(1));

    protected static StoreChange Queued(long session, long order) =>
        new StoreChange.DeliveryQueued(session, order, (ushort)order, new Delivery(QualityOfService.AtLeastOnce, false, []), Plain("t", $"{order}"));

    private static StoreChange.SubscriptionSet Subscribed(long session, string filter) =>
        new(session, new SubscriptionRequest(TopicFilter.Parse(filter), QualityOfService.AtLeastOnce), null);

    private static Message Plain(string topic, string payload) => new()
    {
        Topic = TopicName.Parse(topic),
        Payload = Encoding.UTF8.GetBytes(payload),
        Qos = QualityOfService.AtLeastOnce,
        Retain = true,
        Publisher = "pump-9",
        ReceivedAt = Noon,
    };

    private static Message Full() => Plain("t", "last") with
    {
        Properties = new PropertyBlock
        {
            PayloadFormatIndicator = 1,
            MessageExpiryInterval = uint.MaxValue,
            ContentType = "text/plain",
            ResponseTopic = TopicName.Parse("answers"),
            CorrelationData = new byte[] { 0, 1, 255 },
            UserProperties = [new("b", "2"), new("a", ""), new("b", "1")],
        },
    };

    private static void AssertSame(Message expected, Message actual)
    {
        Assert.Equal(expected.Payload.ToArray(), actual.Payload.ToArray());
        Assert.Equal(expected with { Payload = default }, actual with { Payload = default });
    }

    protected async Task AppendAsync(params StoreChange[] changes) => await Store.AppendAsync(changes);

    private async Task<StoredBroker> LoadAsync() => await (await ReopenAsync()).LoadAsync(NoHurry);

    private async Task<StoredSession> SessionAsync() => Assert.Single((await LoadAsync()).Sessions);
}
