using IoTFleet.Broker.Routing;
using IoTFleet.Mqtt;

namespace IoTFleet.Broker.Sessions;

/// <summary>
/// What becomes durable together, and who is given what when it has: rows are appended at once, deliveries wait for them. Made and used by
/// one flow; its parts are protected by their sessions' gates.
/// </summary>
/// <param name="also">A change to begin with.</param>
internal sealed class StoreUnit(StoreChange? also = null)
{
    private List<StoreChange>? _changes = also is null ? null : [also];
    private List<Receiver>? _receivers;

    /// <summary>Completes when all of it is durable.</summary>
    public Task Stored { get; private set; } = Task.CompletedTask;

    public void Add(StoreChange change) => (_changes ??= []).Add(change);

    /// <summary>The session gets the message when the unit is durable, if it takes it at all.</summary>
    public void Add(Session session, Message message, Delivery delivery)
    {
        if (!TryAdd(session, message, delivery, Readiness.Any, out var reason)) session.Dropped(reason);
    }

    /// <summary>For a message that another session may get instead.</summary>
    public bool TryAdd(Session session, Message message, Delivery delivery, Readiness needed) => TryAdd(session, message, delivery, needed, out _);

    /// <summary>Only enqueues, so it may be called with a gate held, where the order of units matters.</summary>
    public void AppendTo(IBrokerStore store)
    {
        if (_changes is not null) Stored = store.AppendAsync(_changes);
    }

    /// <summary>The unit is durable.</summary>
    public Reach Deliver()
    {
        var reach = Reach.Nobody;
        foreach (var (session, queued, message, delivery) in _receivers ?? [])
        {
            reach += queued is null ? session.Deliver(message, delivery) : session.Commit(queued);
        }

        return reach;
    }

    /// <summary>The unit could not be stored: nobody gets anything.</summary>
    public void TakeBack()
    {
        foreach (var (session, queued, _, _) in _receivers ?? [])
        {
            if (queued is not null) session.TakeBack(queued);
        }
    }

    /// <exception cref="Exception">It could not be stored, and is taken back.</exception>
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

    /// <summary>For who cannot wait. If it could not be stored, the store has said so.</summary>
    public void DeliverInTime()
    {
        if (Stored.IsCompletedSuccessfully) Deliver();
        else _ = DeliverWhenStoredAsync();
    }

    /// <summary>At QoS 1 and 2 it takes its place now, so that it keeps its order and cannot be lost with its receiver; at QoS 0 it tries when its time comes.</summary>
    private bool TryAdd(Session session, Message message, Delivery delivery, Readiness needed, out DropReason reason)
    {
        reason = DropReason.NotConnected;
        OutboundMessage? queued = null;
        var taken = delivery.Qos == QualityOfService.AtMostOnce ? session.IsReady(needed) : session.TryQueue(message, delivery, needed, this, out queued, out reason);
        if (taken) (_receivers ??= []).Add(new Receiver(session, queued, message, delivery));
        return taken;
    }

    private readonly record struct Receiver(Session Session, OutboundMessage? Queued, Message Message, Delivery Delivery);
}

/// <summary>How many sessions got a message: those whose client is connected, and those that keep it for its return.</summary>
public readonly record struct Reach(int Connected, int Waiting)
{
    public static readonly Reach Nobody;

    public int Sessions => Connected + Waiting;

    public static Reach operator +(Reach one, Reach other) => new(one.Connected + other.Connected, one.Waiting + other.Waiting);
}
