using IoTFleet.Broker.Routing;

namespace IoTFleet.Broker.Sessions;

/// <summary>
/// What becomes durable together, and who is given what when it has: rows are appended at once, deliveries wait for them. Made and used by
/// one flow; its parts are protected by their sessions' gates.
/// </summary>
internal sealed class StoreUnit
{
    private readonly List<StoreChange> _changes = [];
    private readonly List<(Session Session, OutboundMessage? Queued, Message Message, Delivery Delivery)> _receivers = [];

    /// <summary>Completes when all of it is durable.</summary>
    public Task Stored { get; private set; } = Task.CompletedTask;

    public void Add(StoreChange change) => _changes.Add(change);

    /// <summary>The session gets the message when the unit is durable, if it takes it at all.</summary>
    public void Add(Session session, Message message, Delivery delivery)
    {
        if (!session.MustStore(delivery)) _receivers.Add((session, null, message, delivery));
        else if (session.Queue(message, delivery, this) is { } queued) _receivers.Add((session, queued, message, delivery));
    }

    /// <summary>Only enqueues, so it may be called with a gate held, where the order of units matters.</summary>
    public void AppendTo(IBrokerStore store)
    {
        if (_changes.Count > 0) Stored = store.AppendAsync(_changes);
    }

    /// <summary>The unit is durable.</summary>
    public Reach Deliver()
    {
        var reach = default(Reach);
        foreach (var (session, queued, message, delivery) in _receivers)
        {
            reach += queued is null ? session.Deliver(message, delivery) : session.Commit(queued);
        }

        return reach;
    }

    /// <summary>The unit could not be stored: nobody gets anything.</summary>
    public void TakeBack()
    {
        foreach (var (session, queued, _, _) in _receivers)
        {
            if (queued is not null) session.TakeBack(queued);
        }
    }

    /// <summary>For who cannot wait: delivers when it is durable.</summary>
    public async Task<Reach> DeliverWhenStoredAsync()
    {
        try
        {
            await Stored;
        }
        catch
        {
            TakeBack();
            throw;
        }

        return Deliver();
    }
}

/// <summary>How many sessions got a message: those whose client is connected, and those that keep it for its return.</summary>
public readonly record struct Reach(int Connected, int Waiting)
{
    internal static readonly Reach Nobody;

    public int Sessions => Connected + Waiting;

    public static Reach operator +(Reach one, Reach other) => new(one.Connected + other.Connected, one.Waiting + other.Waiting);
}
