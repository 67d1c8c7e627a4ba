using IoTFleet.Mqtt;

namespace IoTFleet.Broker.Routing;

/// <summary>Takes a message to the sessions that subscribed to it. What it costs depends on the receivers, not on the fleet.</summary>
internal sealed class Router(SubscriptionTree tree, RetainedMessages retained)
{
    [ThreadStatic]
    private static List<Subscription>? _matches;

    /// <returns>How many sessions got the message or have it queued.</returns>
    public int Route(Message message)
    {
        if (message.Retain) retained.Keep(message);

        var matches = _matches ??= [];
        try
        {
            tree.Match(message.Topic, matches);
            return matches.Count switch
            {
                0 => 0,
                1 => Deliver(message, matches[0]) ? 1 : 0,
                _ => DeliverEach(message, matches),
            };
        }
        finally
        {
            matches.Clear();        // a thread that routes nothing for a while must not keep ended sessions and their queues alive
        }
    }

    private static bool Deliver(Message message, Subscription match)
    {
        if (match.Request.NoLocal && message.Publisher == match.Session.ClientId) return false;    // [MQTT-3.8.3-3]
        return match.Session.Deliver(message, DeliveryFor(message, match, match.Identifier is { } id ? [id] : []));
    }

    /// <summary>A session whose filters overlap gets the message once, at the highest QoS, with all identifiers [MQTT-3.3.4-2, -3].</summary>
    private static int DeliverEach(Message message, List<Subscription> matches)
    {
        var reached = 0;
        foreach (var bySession in matches.Where(match => !(match.Request.NoLocal && message.Publisher == match.Session.ClientId)).GroupBy(match => match.Session).ToList())
        {
            var best = bySession.MaxBy(match => match.Request.MaximumQos)!;
            uint[] identifiers = [.. bySession.Where(match => match.Identifier is not null).Select(match => match.Identifier!.Value)];
            if (bySession.Key.Deliver(message, DeliveryFor(message, best, identifiers))) reached++;
        }

        return reached;
    }

    private static Delivery DeliveryFor(Message message, Subscription match, IReadOnlyList<uint> identifiers) => new(
        Lower(message.Qos, match.Request.MaximumQos),
        Retain: match.Request.RetainAsPublished && message.Retain,                                  // [MQTT-3.3.1-12, -13]
        identifiers);

    internal static QualityOfService Lower(QualityOfService one, QualityOfService other) => one < other ? one : other;
}
