using IoTFleet.Broker.Connections;
using IoTFleet.Broker.Figures;
using IoTFleet.Broker.Routing;
using IoTFleet.Mqtt;

namespace IoTFleet.Broker.Sessions;

/// <summary>Client id to session, and which connection holds it. The one place where two connections of one client meet.</summary>
internal sealed class SessionDirectory(SubscriptionTree tree, Router router, BrokerOptions options, BrokerMetrics metrics, TimeProvider clock)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Seat> _seats = new(StringComparer.Ordinal);
    private readonly List<Will> _dueWills = [];
    private readonly List<Undelivered> _undelivered = [];
    private long _expired;

    /// <summary>
    /// Gives the session to the connection. An older connection of the same client is closed first and has let go before this returns [MQTT-3.1.4-3].
    /// </summary>
    /// <returns>The session and whether it was there before; null when a yet newer connection took it while this one waited.</returns>
    public async Task<(Session Session, bool WasPresent)?> ClaimAsync(MqttConnection claimant, string clientId, bool cleanStart)
    {
        MqttConnection? previous;
        lock (_gate)
        {
            var seat = SeatOf_NeedsGate(clientId);
            previous = seat.Holder;
            seat.Holder = claimant;
        }

        if (previous is not null)
        {
            previous.Close(ReasonCode.SessionTakenOver, "another connection of this client took the session");
            await previous.Ended;
        }

        try
        {
            lock (_gate)
            {
                var seat = _seats[clientId];
                return seat.Holder == claimant ? Seated_NeedsGate(seat, clientId, cleanStart) : null;
            }
        }
        finally
        {
            HandOver();
        }
    }

    /// <summary>The connection has ended: its session waits for <paramref name="expiry"/>, or ends now.</summary>
    /// <param name="will">Due when the session ends or its delay is over, unless the client is back before (MQTT 5 3.1.3.2.2).</param>
    /// <returns>The will, when it is due at once.</returns>
    public Will? Release(MqttConnection connection, string clientId, TimeSpan expiry, Will? will)
    {
        var due = ReleaseSeat(connection, clientId, expiry, will);
        HandOver();
        return due;
    }

    private Will? ReleaseSeat(MqttConnection connection, string clientId, TimeSpan expiry, Will? will)
    {
        lock (_gate)
        {
            if (!_seats.TryGetValue(clientId, out var seat)) return will;
            if (seat.Holder == connection) seat.Holder = null;

            var ends = expiry == TimeSpan.Zero || seat.Forgotten == connection;
            if (ends) EndSession_NeedsGate(seat, clientId);
            else Wait_NeedsGate(seat, expiry);
            if (ends || will is null || will.Delay == TimeSpan.Zero) return will;

            (seat.Will, seat.WillDueAt) = (will, clock.GetUtcNow() + will.Delay);
            return null;
        }
    }

    /// <summary>Clients with a connection, a session or both.</summary>
    public int Count
    {
        get
        {
            lock (_gate) return _seats.Count;
        }
    }

    public MqttConnection? Holder(string clientId)
    {
        lock (_gate) return _seats.GetValueOrDefault(clientId)?.Holder;
    }

    /// <summary>Whoever has a session or waits for one, and whose client id begins so. Looks at all of them: for what an operator does, not for each message.</summary>
    public IReadOnlyList<string> ClientIds(string prefix)
    {
        lock (_gate) return [.. _seats.Keys.Where(clientId => clientId.StartsWith(prefix, StringComparison.Ordinal))];
    }

    /// <summary>Ends the client's session: now, or when the connection that holds it, which is returned, has let go.</summary>
    public MqttConnection? Forget(string clientId)
    {
        lock (_gate)
        {
            if (!_seats.TryGetValue(clientId, out var seat)) return null;
            seat.Forgotten = seat.Holder;
            if (seat.Holder is not null) return seat.Holder;
            EndSession_NeedsGate(seat, clientId);
        }

        HandOver();
        return null;
    }

    /// <summary>Ends the sessions whose time is over.</summary>
    /// <returns>The wills that have become due.</returns>
    public IReadOnlyList<Will> Sweep()
    {
        var due = SweepSeats(clock.GetUtcNow());
        HandOver();
        return due;
    }

    public SessionFigures Figures()
    {
        lock (_gate)
        {
            var figures = new SessionFigures(0, 0, _expired, 0, 0);
            foreach (var seat in _seats.Values.Where(seat => seat.Session is not null))
            {
                var (inFlight, waiting) = seat.Session!.Load();
                figures = figures with
                {
                    Sessions = figures.Sessions + 1,
                    Away = figures.Away + (seat.Holder is null ? 1 : 0),
                    InFlight = figures.InFlight + inFlight,
                    Waiting = figures.Waiting + waiting,
                };
            }

            return figures;
        }
    }

    private Will[] SweepSeats(DateTimeOffset now)
    {
        lock (_gate)
        {
            foreach (var (clientId, seat) in _seats.Where(entry => entry.Value.Holder is null).ToList())
            {
                if (seat.WillDueAt <= now) WillIsDue_NeedsGate(seat);
                if (!(seat.ExpiresAt <= now)) continue;
                EndSession_NeedsGate(seat, clientId);
                _expired++;
            }

            Will[] due = [.. _dueWills];
            _dueWills.Clear();
            return due;
        }
    }

    private (Session Session, bool WasPresent)? Seated_NeedsGate(Seat seat, string clientId, bool cleanStart)
    {
        if (cleanStart || seat.ExpiresAt <= clock.GetUtcNow()) EndSession_NeedsGate(seat, clientId);
        var wasPresent = seat.Session is not null;
        seat.Session ??= new Session(clientId, options, metrics, clock);
        (seat.ExpiresAt, seat.Will) = (null, null);
        return (seat.Session, wasPresent);
    }

    /// <summary>While the client is away another member of its groups, if one is connected, gets what had not been sent yet.</summary>
    private void Wait_NeedsGate(Seat seat, TimeSpan expiry)
    {
        seat.ExpiresAt = clock.GetUtcNow() + expiry;
        if (seat is { Holder: null, Session: { } session }) _undelivered.AddRange(session.TakeWaiting(shared => tree.Group(shared)?.HasConnectedMemberBeside(session) == true));
    }

    private void EndSession_NeedsGate(Seat seat, string clientId)
    {
        foreach (var filter in seat.Session?.Filters() ?? []) tree.Remove(filter, seat.Session!);
        _undelivered.AddRange(seat.Session?.End() ?? []);
        seat.Session = null;
        WillIsDue_NeedsGate(seat);      // with its session, at the latest [MQTT-3.1.2-8]
        if (seat.Holder is null) _seats.Remove(clientId);
    }

    private void WillIsDue_NeedsGate(Seat seat)
    {
        if (seat.Will is not null) _dueWills.Add(seat.Will);
        seat.Will = null;
    }

    /// <summary>Not under the gate: it takes the other members' gates.</summary>
    private void HandOver()
    {
        List<Undelivered> undelivered;
        lock (_gate)
        {
            if (_undelivered.Count == 0) return;
            undelivered = [.. _undelivered];
            _undelivered.Clear();
        }

        router.HandOver(undelivered);
    }

    private Seat SeatOf_NeedsGate(string clientId)
    {
        if (!_seats.TryGetValue(clientId, out var seat)) _seats[clientId] = seat = new Seat();
        return seat;
    }

    private sealed class Seat
    {
        public MqttConnection? Holder { get; set; }

        public Session? Session { get; set; }

        public DateTimeOffset? ExpiresAt { get; set; }

        public Will? Will { get; set; }

        public DateTimeOffset WillDueAt { get; set; }

        /// <summary>The holder whose end is also the session's.</summary>
        public MqttConnection? Forgotten { get; set; }
    }
}
