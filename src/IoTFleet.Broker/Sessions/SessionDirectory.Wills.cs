using IoTFleet.Broker.Routing;

namespace IoTFleet.Broker.Sessions;

// Wills: kept while the client is connected and until their delay is over, then handed to whoever sweeps.
internal sealed partial class SessionDirectory
{
    private readonly List<Will> _dueWills = [];
    private long _lastWill;

    private Will? Kept_NeedsGate(Will? will, Session session, StoreUnit unit)
    {
        if (will is null) return null;
        var kept = will with { Number = ++_lastWill };
        unit.Add(new StoreChange.WillKept(kept.Number, session.Number, session.ClientId, kept.Message, kept.Delay));
        return kept;
    }

    private void Delay_NeedsGate(Seat seat, Will will, StoreUnit unit)
    {
        (seat.Will, seat.WillDueAt) = (will, parts.Clock.GetUtcNow() + will.Delay);
        if (will.Number > 0) unit.Add(new StoreChange.WillDelayed(will.Number, seat.WillDueAt));
    }

    /// <summary>Its row stays until it is published, which takes it away in one unit with what it brings about.</summary>
    private void WillIsDue_NeedsGate(Seat seat)
    {
        if (seat.Will is not null) _dueWills.Add(seat.Will);
        seat.Will = null;
    }

    private static void Remove_NeedsGate(long will, StoreUnit unit)
    {
        if (will > 0) unit.Add(new StoreChange.WillRemoved(will));
    }
}
