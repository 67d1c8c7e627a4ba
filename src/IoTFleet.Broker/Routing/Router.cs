using IoTFleet.Broker.Sessions;
using IoTFleet.Mqtt;

namespace IoTFleet.Broker.Routing;

/// <summary>Takes a message to the sessions that subscribed to it. What it costs depends on the receivers, not on the fleet.</summary>
internal sealed class Router(SubscriptionTree tree, RetainedMessages retained, IBrokerStore store)
{
    [ThreadStatic]
    private static List<Subscription>? _matches;

    [ThreadStatic]
    private static List<Receiver>? _receivers;

    private readonly Lock _retaining = new();

    /// <summary>Gives the message out, or appends to the store what must be there before anybody may get it.</summary>
    /// <param name="atOnce">False when an earlier message of the same publisher still waits for the store: then this one waits behind it.</param>
    /// <param name="reach">Whom it was given to; nobody yet, when there is something to wait for.</param>
    /// <param name="also">What becomes durable together with the deliveries.</param>
    /// <returns>What to deliver when it is stored; null when nothing is left to do.</returns>
    public StoreUnit? Route(Message message, bool atOnce, out Reach reach, StoreChange? also = null)
    {
        reach = Reach.Nobody;
        var receivers = _receivers ??= [];
        try
        {
            if (message.Retain) return Retain(message, receivers, also);
            FindReceivers(message, receivers);
            if (!atOnce || also is not null || MustStore(receivers)) return Append(message, receivers, UnitWith(also));
            foreach (var (session, delivery) in receivers) reach += session.Deliver(message, delivery);
            return null;
        }
        finally
        {
            receivers.Clear();        // a thread that routes nothing for a while must not keep ended sessions and their queues alive
        }
    }

    /// <summary>Kept first, then given out: who subscribes meanwhile gets it one way or the other. One at a time, so that memory and store agree which is the last.</summary>
    private StoreUnit Retain(Message message, List<Receiver> receivers, StoreChange? also)
    {
        var unit = UnitWith(also);
        lock (_retaining)
        {
            if (retained.Keep(message)) unit.Add(message.Payload.IsEmpty ? new StoreChange.RetainedRemoved(message.Topic) : new StoreChange.RetainedSet(message));
            FindReceivers(message, receivers);
            return Append(message, receivers, unit);
        }
    }

    private StoreUnit Append(Message message, List<Receiver> receivers, StoreUnit unit)
    {
        foreach (var (session, delivery) in receivers) unit.Add(session, message, delivery);
        unit.AppendTo(store);
        return unit;
    }

    private static StoreUnit UnitWith(StoreChange? also)
    {
        var unit = new StoreUnit();
        if (also is not null) unit.Add(also);
        return unit;
    }

    private static bool MustStore(List<Receiver> receivers)
    {
        foreach (var (session, delivery) in receivers)
        {
            if (session.MustStore(delivery)) return true;
        }

        return false;
    }

    private void FindReceivers(Message message, List<Receiver> receivers)
    {
        var matches = _matches ??= [];
        try
        {
            tree.Match(message.Topic, matches);
            if (matches.Count == 1) FindReceiver(message, matches[0], receivers);
            else if (matches.Count > 1) FindEach(message, matches, receivers);
        }
        finally
        {
            matches.Clear();
        }
    }

    private static void FindReceiver(Message message, Subscription match, List<Receiver> receivers)
    {
        if (match.Request.NoLocal && message.Publisher == match.Session.ClientId) return;    // [MQTT-3.8.3-3]
        receivers.Add(new(match.Session, DeliveryFor(message, match, match.Identifier is { } id ? [id] : [])));
    }

    /// <summary>A session whose filters overlap gets the message once, at the highest QoS, with all identifiers [MQTT-3.3.4-2, -3].</summary>
    private static void FindEach(Message message, List<Subscription> matches, List<Receiver> receivers)
    {
        foreach (var bySession in matches.Where(match => !(match.Request.NoLocal && message.Publisher == match.Session.ClientId)).GroupBy(match => match.Session))
        {
            var best = bySession.MaxBy(match => match.Request.MaximumQos)!;
            uint[] identifiers = [.. bySession.Where(match => match.Identifier is not null).Select(match => match.Identifier!.Value)];
            receivers.Add(new(bySession.Key, DeliveryFor(message, best, identifiers)));
        }
    }

    private static Delivery DeliveryFor(Message message, Subscription match, IReadOnlyList<uint> identifiers) => new(
        Lower(message.Qos, match.Request.MaximumQos),
        Retain: match.Request.RetainAsPublished && message.Retain,                                  // [MQTT-3.3.1-12, -13]
        identifiers);

    internal static QualityOfService Lower(QualityOfService one, QualityOfService other) => one < other ? one : other;

    private readonly record struct Receiver(Session Session, Delivery Delivery);
}
