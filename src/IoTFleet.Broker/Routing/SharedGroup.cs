using IoTFleet.Broker.Sessions;
using IoTFleet.Mqtt.Topics;

namespace IoTFleet.Broker.Routing;

/// <summary>
/// The members of one shared subscription (MQTT 5 4.8.2): each message goes to one of them. Members are swapped whole, by the tree and under its gate;
/// whoever routes reads them without.
/// </summary>
/// <param name="filter">With group: <c>$share/group/filter</c>.</param>
internal sealed class SharedGroup(TopicFilter filter)
{
    private Subscription[] _members = [];
    private int _turn;

    public TopicFilter Filter => filter;

    public Subscription[] Members
    {
        get => Volatile.Read(ref _members);
        set => Volatile.Write(ref _members, value);
    }

    /// <summary>
    /// In turn among equals: whoever can send at once; failing that, whoever is connected; failing that, a session that waits for its client.
    /// A member that goes, or fills up, while it is asked does not take the message, so the next is asked.
    /// </summary>
    /// <param name="unit">What its row is added to; null when nobody's delivery is stored, so that it is given at once.</param>
    /// <returns>Whether a member took it.</returns>
    public bool TryGive(Message message, StoreUnit? unit, out Reach reach)
    {
        var members = Members;
        var turn = (int)((uint)Interlocked.Increment(ref _turn) % (uint)Math.Max(1, members.Length));
        return TryGive(message, unit, members, turn, Readiness.CanSend, out reach)
            || TryGive(message, unit, members, turn, Readiness.Connected, out reach)
            || TryGive(message, unit, members, turn, Readiness.Any, out reach);
    }

    /// <summary>Whether a connected member, other than this one, could take over.</summary>
    public bool HasConnectedMemberBeside(Session session) => Array.Exists(Members, member => member.Session != session && member.Session.IsConnected);

    private bool TryGive(Message message, StoreUnit? unit, Subscription[] members, int turn, Readiness readiness, out Reach reach)
    {
        reach = Reach.Nobody;
        for (var i = 0; i < members.Length; i++)
        {
            var member = members[(turn + i) % members.Length];
            var delivery = Delivery.To(member, message, member.Identifiers) with { Shared = filter };
            if (unit is null ? member.Session.TryDeliver(message, delivery, readiness, out reach) : unit.TryAdd(member.Session, message, delivery, readiness)) return true;
        }

        return false;
    }
}
