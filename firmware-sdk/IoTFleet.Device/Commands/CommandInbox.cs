using System.Runtime.CompilerServices;
using System.Threading.Channels;
using IoTFleet.Device.Link;

namespace IoTFleet.Device.Commands;

/// <summary>
/// Commands between the read loop and the application. A command is acknowledged when the application takes it, behind the ledger's note that
/// it has; one that it had before, and one that is over, is acknowledged and not given out. The CONNECT's Receive Maximum is the room left here, so a server that keeps to it never finds the inbox full. When it is full all the same
/// (QoS 0, MQTT 3.1.1) the command is dropped unacknowledged and counted.
/// </summary>
internal sealed class CommandInbox(int capacity, CommandLedger ledger, TimeProvider clock, Doorbell doorbell)
{
    private readonly Channel<Entry> _entries = Channel.CreateBounded<Entry>(capacity);
    private readonly Lock _gate = new();
    private readonly Queue<ushort> _acks = new();          // at most one per entry
    private volatile bool _closed;
    private int _connection;
    private long _dropped;

    public long Dropped => Volatile.Read(ref _dropped);

    public ushort Room => (ushort)Math.Max(1, capacity - _entries.Reader.Count);   // 0 is no legal Receive Maximum

    /// <summary>A new connection begins: acknowledgements due on the last one have nobody left to want them.</summary>
    public void StartOver()
    {
        lock (_gate)
        {
            _connection++;
            _acks.Clear();
        }
    }

    /// <param name="command">What arrived.</param>
    /// <param name="packetId">The PUBLISH's packet id, 0 for QoS 0.</param>
    public void Offer(DeviceCommand command, ushort packetId)
    {
        if (!_entries.Writer.TryWrite(new Entry(command, packetId, _connection)))
            Interlocked.Increment(ref _dropped);
    }

    public async IAsyncEnumerable<DeviceCommand> TakeAllAsync([EnumeratorCancellation] CancellationToken cancellation)
    {
        await foreach (var entry in _entries.Reader.ReadAllAsync(cancellation))
        {
            if (_closed)
                yield break;                                   // what is left is not acknowledged, and comes again
            var isDue = entry.Command.TimeLeft(clock) != TimeSpan.Zero;
            var isNew = isDue && (entry.Command.Id is not { } id || await ledger.BeginAsync(id, entry.Command.Name));
            if (entry.PacketId != 0)
                Acknowledge(entry);
            if (isNew)
                yield return entry.Command;
        }
    }

    public bool TryTakeAck(out ushort packetId)
    {
        lock (_gate)
            return _acks.TryDequeue(out packetId);
    }

    public void Close()
    {
        _closed = true;
        _entries.Writer.TryComplete();
    }

    private void Acknowledge(Entry entry)
    {
        lock (_gate)
        {
            if (entry.Connection != _connection)
                return;
            _acks.Enqueue(entry.PacketId);
        }

        doorbell.Ring();
    }

    private readonly record struct Entry(DeviceCommand Command, ushort PacketId, int Connection);
}
