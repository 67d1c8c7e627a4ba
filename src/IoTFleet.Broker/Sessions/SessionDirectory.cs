using System.Threading.Channels;
using IoTFleet.Broker.Connections;
using IoTFleet.Broker.Figures;
using IoTFleet.Broker.Routing;
using IoTFleet.Mqtt;

namespace IoTFleet.Broker.Sessions;

/// <summary>
/// Client id to session, and which connection holds it. The one place where two connections of one client meet.
/// What must survive is appended to the store under the gate, so that the store sees changes of one client in the order in which they happened.
/// </summary>
internal sealed partial class SessionDirectory(SubscriptionTree tree, Router router, SessionParts parts)
{
    private const int MaxTakeovers = 1_000;      // the newest say most

    private readonly Lock _gate = new();
    private readonly Dictionary<string, Seat> _seats = new(StringComparer.Ordinal);
    private readonly Channel<Takeover> _takeovers = Channel.CreateBounded<Takeover>(new BoundedChannelOptions(MaxTakeovers) { FullMode = BoundedChannelFullMode.DropOldest });
    private long _lastNumber;
    private long _expired;

    /// <summary>Each time a connection takes the session of one that is still open.</summary>
    public ChannelReader<Takeover> Takeovers => _takeovers.Reader;

    /// <summary>
    /// Gives the session to the connection. An older connection of the same client is closed first and has let go before this returns [MQTT-3.1.4-3].
    /// </summary>
    /// <returns>Null when a yet newer connection took the session while this one waited.</returns>
    public async Task<Claim?> ClaimAsync(MqttConnection claimant, string clientId, bool cleanStart, TimeSpan expiry, Will? will)
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
            _takeovers.Writer.TryWrite(new Takeover(clientId, previous.RemoteAddress, claimant.RemoteAddress));
            previous.Close(ReasonCode.SessionTakenOver, "another connection of this client took the session");
            await previous.Ended;
        }

        var unit = new StoreUnit();
        Claim? claim;
        lock (_gate)
        {
            var seat = _seats[clientId];
            claim = seat.Holder == claimant ? Seated_NeedsGate(seat, clientId, cleanStart, expiry, will, unit) : null;
        }

        unit.DeliverInTime();       // what a lost member leaves to others, stored with its going
        return claim;
    }

    /// <summary>The connection has ended: its session waits for <paramref name="expiry"/>, or ends now.</summary>
    /// <param name="will">Due when the session ends or its delay is over, unless the client is back before (MQTT 5 3.1.3.2.2). Null: taken back.</param>
    /// <returns>The will, when it is due at once.</returns>
    public Will? Release(MqttConnection connection, string clientId, TimeSpan expiry, Will? will)
    {
        var unit = new StoreUnit();
        Will? due;
        lock (_gate)
        {
            due = Release_NeedsGate(connection, clientId, expiry, will, unit);
            unit.AppendTo(parts.Store);
        }

        unit.DeliverInTime();       // what a lost member leaves to others, stored with its going
        return due;
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

    public Session? Find(string clientId)
    {
        lock (_gate) return _seats.GetValueOrDefault(clientId)?.Session;
    }

    /// <summary>Whoever has a session or waits for one, and whose client id begins so. Looks at all of them: for what an operator does, not for each message.</summary>
    public IReadOnlyList<string> ClientIds(string prefix)
    {
        lock (_gate) return [.. _seats.Keys.Where(clientId => clientId.StartsWith(prefix, StringComparison.Ordinal))];
    }

    /// <summary>Ends the client's session: now, or when the connection that holds it, which is returned, has let go.</summary>
    public MqttConnection? Forget(string clientId)
    {
        var unit = new StoreUnit();
        lock (_gate)
        {
            if (!_seats.TryGetValue(clientId, out var seat)) return null;
            seat.Forgotten = seat.Holder;
            if (seat.Holder is not null) return seat.Holder;
            EndSession_NeedsGate(seat, clientId, unit);
            unit.AppendTo(parts.Store);
        }

        unit.DeliverInTime();       // what a lost member leaves to others, stored with its going
        return null;
    }

    /// <summary>Whoever has a session and no connection.</summary>
    public IReadOnlyList<string> Absent()
    {
        lock (_gate) return [.. _seats.Where(seat => seat.Value is { Holder: null, Session: not null }).Select(seat => seat.Key)];
    }

    /// <summary>Ends the session of a client that is away; whoever came back in time keeps it.</summary>
    public bool EndAbsent(string clientId)
    {
        var unit = new StoreUnit();
        lock (_gate)
        {
            if (!_seats.TryGetValue(clientId, out var seat) || seat is not { Holder: null, Session: not null }) return false;
            EndSession_NeedsGate(seat, clientId, unit);
            unit.AppendTo(parts.Store);
        }

        unit.DeliverInTime();       // what a lost member leaves to others, stored with its going
        return true;
    }

    /// <summary>Ends the sessions whose time is over, and drops the messages whose time is.</summary>
    /// <returns>The wills that have become due.</returns>
    public IReadOnlyList<Will> Sweep()
    {
        var unit = new StoreUnit();
        Will[] due;
        lock (_gate)
        {
            Sweep_NeedsGate(parts.Clock.GetUtcNow(), unit);
            unit.AppendTo(parts.Store);
            due = [.. _dueWills];
            _dueWills.Clear();
        }

        unit.DeliverInTime();       // what a lost member leaves to others, stored with its going
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

    private Will? Release_NeedsGate(MqttConnection connection, string clientId, TimeSpan expiry, Will? will, StoreUnit unit)
    {
        if (!_seats.TryGetValue(clientId, out var seat)) return will;
        if (seat.Holder == connection) seat.Holder = null;
        if (will is null) Remove_NeedsGate(seat.StoredWill, unit);
        seat.StoredWill = 0;

        var ends = expiry == TimeSpan.Zero || seat.Forgotten == connection;
        if (ends) EndSession_NeedsGate(seat, clientId, unit);
        else Wait_NeedsGate(seat, expiry, unit);
        if (ends || will is null || will.Delay == TimeSpan.Zero) return will;

        Delay_NeedsGate(seat, will, unit);
        return null;
    }

    private void Sweep_NeedsGate(DateTimeOffset now, StoreUnit unit)
    {
        foreach (var (clientId, seat) in _seats.ToList())
        {
            seat.Session?.DropExpired(now);
            if (seat.Holder is not null) continue;
            if (seat.WillDueAt <= now) WillIsDue_NeedsGate(seat);
            if (!(seat.ExpiresAt <= now)) continue;
            EndSession_NeedsGate(seat, clientId, unit);
            _expired++;
        }
    }

    private Claim Seated_NeedsGate(Seat seat, string clientId, bool cleanStart, TimeSpan expiry, Will? will, StoreUnit unit)
    {
        if (cleanStart || seat.ExpiresAt <= parts.Clock.GetUtcNow()) EndSession_NeedsGate(seat, clientId, unit);
        var wasPresent = seat.Session is not null;
        var durable = expiry > TimeSpan.Zero;
        if (!durable && seat.Session is { IsDurable: true } lastTime)
        {
            lastTime.EndsWithConnection();
            unit.Add(new StoreChange.SessionEnded(lastTime.Number));
        }

        seat.Session ??= new Session(++_lastNumber, clientId, durable, parts);
        if (durable) unit.Add(new StoreChange.SessionOpened(seat.Session.Number, clientId, expiry));
        seat.ExpiresAt = null;
        Remove_NeedsGate(seat.Will?.Number ?? 0, unit);     // it is back in time
        seat.Will = null;
        var kept = durable ? Kept_NeedsGate(will, seat.Session, unit) : will;
        seat.StoredWill = kept?.Number ?? 0;
        unit.AppendTo(parts.Store);
        return new Claim(seat.Session, wasPresent, kept, unit.Stored);
    }

    /// <summary>While the client is away another member of its groups, if one is connected, gets what had not been sent yet.</summary>
    private void Wait_NeedsGate(Seat seat, TimeSpan expiry, StoreUnit unit)
    {
        seat.ExpiresAt = parts.Clock.GetUtcNow() + expiry;
        if (seat.Session is not { } session) return;
        if (session.IsDurable) unit.Add(new StoreChange.SessionDisconnected(session.Number, expiry, seat.ExpiresAt.Value, session.SentUpTo));
        if (seat.Holder is null) router.HandOver(session.TakeWaiting(shared => tree.Group(shared)?.HasConnectedMemberBeside(session) == true, unit), unit);
    }

    private void EndSession_NeedsGate(Seat seat, string clientId, StoreUnit unit)
    {
        if (seat.Session is { } session)
        {
            foreach (var subscription in session.Subscriptions()) tree.Remove(subscription.Request.Filter, session);
            if (session.IsDurable) unit.Add(new StoreChange.SessionEnded(session.Number));
            router.HandOver(session.End(), unit);
        }

        seat.Session = null;
        WillIsDue_NeedsGate(seat);      // with its session, at the latest [MQTT-3.1.2-8]
        if (seat.Holder is null) _seats.Remove(clientId);
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

        /// <summary>Of a client that has gone.</summary>
        public Will? Will { get; set; }

        public DateTimeOffset WillDueAt { get; set; }

        /// <summary>The number of the connected client's will in the store; 0 when there is none.</summary>
        public long StoredWill { get; set; }

        /// <summary>The holder whose end is also the session's.</summary>
        public MqttConnection? Forgotten { get; set; }
    }
}

/// <param name="Will">What the client leaves, as it is kept; null when it leaves none.</param>
/// <param name="Stored">Completes when all that happened to the session until now is durable; CONNACK waits for it.</param>
internal sealed record Claim(Session Session, bool WasPresent, Will? Will, Task Stored);
