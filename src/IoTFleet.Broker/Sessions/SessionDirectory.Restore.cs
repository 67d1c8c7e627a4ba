using IoTFleet.Broker.Routing;

namespace IoTFleet.Broker.Sessions;

// The start: what another process had stored becomes what this one works with.
internal sealed partial class SessionDirectory
{
    /// <summary>All clients count as gone: expiry and will delay of those that were connected begin now.</summary>
    public void Restore(StoredBroker stored)
    {
        lock (_gate)
        {
            var unit = new StoreUnit();
            foreach (var session in stored.Sessions.OrderBy(session => session.Number)) Restore_NeedsGate(session, unit);
            foreach (var will in stored.Wills) Restore_NeedsGate(will, unit);
            unit.AppendTo(parts.Store);
        }
    }

    private void Restore_NeedsGate(StoredSession stored, StoreUnit unit)
    {
        _lastNumber = Math.Max(_lastNumber, stored.Number);
        if (_seats.ContainsKey(stored.ClientId)) EndSession_NeedsGate(_seats[stored.ClientId], stored.ClientId, unit);      // an older one, whose end was not stored

        var session = new Session(stored.Number, stored.ClientId, durable: true, parts);
        session.Restore(stored);
        foreach (var subscription in session.Subscriptions()) tree.Add(subscription);
        var seat = SeatOf_NeedsGate(stored.ClientId);
        seat.Session = session;
        seat.ExpiresAt = stored.ExpiresAt;
        if (stored.ExpiresAt is null) Wait_NeedsGate(seat, stored.Expiry, unit);
    }

    private void Restore_NeedsGate(StoredWill stored, StoreUnit unit)
    {
        _lastWill = Math.Max(_lastWill, stored.Number);
        var will = new Will(stored.Message, new AbsentPrincipal(stored.ClientId), stored.Delay) { Number = stored.Number };
        if (_seats.GetValueOrDefault(stored.ClientId) is not { } seat || seat.Session!.Number != stored.Session) _dueWills.Add(will);
        else if (stored.DueAt is { } dueAt) (seat.Will, seat.WillDueAt) = (will, dueAt);
        else Delay_NeedsGate(seat, will, unit);
    }
}
