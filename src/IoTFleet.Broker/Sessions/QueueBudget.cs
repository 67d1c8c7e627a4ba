namespace IoTFleet.Broker.Sessions;

/// <summary>Bytes of messages owed to clients, of all sessions together. Full: the newest is refused, whosever it is.</summary>
internal sealed class QueueBudget(long capacity)
{
    private long _used;

    public long Used => Interlocked.Read(ref _used);

    public bool TryTake(int bytes)
    {
        if (Interlocked.Add(ref _used, bytes) <= capacity) return true;
        Give(bytes);
        return false;
    }

    /// <summary>For what is there already, room or no room.</summary>
    public void Take(int bytes) => Interlocked.Add(ref _used, bytes);

    public void Give(int bytes) => Interlocked.Add(ref _used, -bytes);
}
