using System.Runtime.InteropServices;
using IoTFleet.Broker.Sessions;
using IoTFleet.Mqtt;

namespace IoTFleet.Broker.Routing;

/// <summary>Who gets one message. Filled anew for each, so that routing allocates nothing for its receivers.</summary>
internal sealed class Receivers
{
    private const int MostKept = 5_000;

    private readonly Dictionary<Session, int> _places = [];
    private readonly List<(Subscription Subscription, uint[] Identifiers)> _once = [];

    public List<Subscription> Subscriptions { get; } = [];

    public List<SharedGroup> Groups { get; } = [];

    /// <summary>False after a message to very many: its space is not worth keeping for the next, to two or three.</summary>
    public bool IsWorthKeeping => _places.Capacity <= MostKept && Subscriptions.Capacity <= MostKept;

    /// <summary>Whether somebody keeps it beyond the process: a session that may, or a group with such a member.</summary>
    public bool MustStore(Message message)
    {
        if (message.Qos == QualityOfService.AtMostOnce) return false;
        foreach (var match in Subscriptions)
        {
            if (MustStore(match)) return true;
        }

        foreach (var group in Groups)
        {
            if (Array.Exists(group.Members, MustStore)) return true;
        }

        return false;
    }

    /// <summary>A session whose filters overlap gets the message once, at the highest QoS, with all identifiers [MQTT-3.3.4-2, -3].</summary>
    public List<(Subscription Subscription, uint[] Identifiers)> OncePerSession(Message message)
    {
        foreach (var match in Subscriptions)
        {
            if (Router.IsOwn(message, match)) continue;
            if (Subscriptions.Count == 1 || _places.TryAdd(match.Session, _once.Count)) _once.Add((match, match.Identifiers));
            else Merge(match, ref CollectionsMarshal.AsSpan(_once)[_places[match.Session]]);
        }

        return _once;
    }

    private static bool MustStore(Subscription match) => match.Session.IsDurable && match.Request.MaximumQos != QualityOfService.AtMostOnce;

    private static void Merge(Subscription match, ref (Subscription Subscription, uint[] Identifiers) receiver)
    {
        if (match.Request.MaximumQos > receiver.Subscription.Request.MaximumQos) receiver.Subscription = match;
        if (match.Identifiers.Length > 0) receiver.Identifiers = [.. receiver.Identifiers, .. match.Identifiers];
    }

    public void Clear()
    {
        Subscriptions.Clear();
        Groups.Clear();
        _once.Clear();
        _places.Clear();
    }
}
