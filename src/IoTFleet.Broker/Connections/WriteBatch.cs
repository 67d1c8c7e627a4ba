namespace IoTFleet.Broker.Connections;

/// <summary>
/// While a thread works through what it has read from one client, the answers and the messages to others only queue up; at the end the same thread
/// writes them, one flush for each connection. A message so costs no other thread's wake-up, which is what most of it would cost at a fleet's pace.
/// </summary>
/// <remarks>
/// It belongs to the thread, not to the flow: whoever begins one ends it before awaiting anything that is not complete. Where none is open,
/// outboxes are written by the thread pool.
/// </remarks>
internal readonly struct WriteBatch
{
    private const int MostOutboxes = 256;

    [ThreadStatic]
    private static List<PacketOutbox>? _joined;

    [ThreadStatic]
    private static bool _open;

    private readonly bool _owner;

    private WriteBatch(bool owner) => _owner = owner;

    /// <summary>Begins one, unless the thread is within one already, which then ends this, too.</summary>
    public static WriteBatch Begin()
    {
        if (_open) return default;
        _open = true;
        return new WriteBatch(owner: true);
    }

    /// <returns>False when nobody will write for the outbox: no batch is open, or it has enough to do.</returns>
    public static bool TryJoin(PacketOutbox outbox)
    {
        if (!_open || _joined is { Count: >= MostOutboxes }) return false;
        (_joined ??= []).Add(outbox);
        return true;
    }

    public void End()
    {
        if (!_owner || !_open) return;
        if (_joined is not null) WriteAll(_joined);
        _open = false;
    }

    private static void WriteAll(List<PacketOutbox> joined)
    {
        for (var i = 0; i < joined.Count; i++) joined[i].WriteNow();       // by number: writing may run others' code, which may join
        joined.Clear();
    }
}
