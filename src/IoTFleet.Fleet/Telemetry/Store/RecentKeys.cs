using System.Buffers;
using System.Runtime.InteropServices;
using IoTFleet.Fleet.Certificates;
using IoTFleet.Fleet.Telemetry.Formats;

namespace IoTFleet.Fleet.Telemetry.Store;

/// <summary>
/// By which a device's last messages are known again. MQTT sends a message at QoS 1 again when its acknowledgement got lost, also after days and
/// to a server that has restarted; what can come again are the messages that were in flight, so the window is larger than what a device may have in flight.
/// A key is made of all that the message says, so that a device that begins to number anew loses nothing.
/// </summary>
internal sealed class RecentKeys
{
    private static readonly SipHash Hash = new(0x696f74666c656574, 0x74656c656d657472); // kept in databases, so not to be changed

    private readonly Lock _gate = new();
    private readonly ulong[] _ring;
    private int _next;
    private int _count;

    internal RecentKeys(int capacity) => _ring = new ulong[capacity];

    /// <param name="capacity">The window now, which may be another than the one that was stored.</param>
    /// <param name="stored">What <see cref="ToBytes"/> gave.</param>
    internal RecentKeys(int capacity, ReadOnlyMemory<byte> stored)
        : this(capacity)
    {
        var reader = new CompactReader(stored);
        while (!reader.AtEnd) Add(reader.Fixed());
    }

    /// <summary>
    /// Null without a number and without a time of its own: the same reading may well be made twice, and MQTT's DUP says only that
    /// the sender tried before, not that it was heard. To drop such a message could drop one that is acknowledged and nowhere.
    /// </summary>
    internal static ulong? KeyOf(TelemetryMessage message)
    {
        if (message.Sequence is null && !message.Readings.All(reading => reading.HasOwnTime)) return null;
        var key = Join((ulong)Hash.Of(message.Stream), (ulong)(message.Sequence ?? -1), (ulong)message.Readings.Count);
        foreach (var reading in message.Readings)
        {
            var time = reading.HasOwnTime ? EpochTime.ToMicroseconds(reading.Time) : 0;
            key = Join(key, (ulong)time, (ulong)Hash.Of(reading.Body.Span));
        }
        return key;
    }

    private static ulong Join(ulong first, ulong second, ulong third)
    {
        ReadOnlySpan<ulong> all = [first, second, third];
        return (ulong)Hash.Of(MemoryMarshal.AsBytes(all));
    }

    internal bool Contains(ulong key) => _ring.AsSpan(0, _count).Contains(key);

    internal void Add(ulong key)
    {
        lock (_gate)
        {
            _ring[_next] = key;
            _next = (_next + 1) % _ring.Length;
            _count = Math.Min(_count + 1, _ring.Length);
        }
    }

    /// <summary>Oldest first. May be called beside <see cref="Add"/>.</summary>
    internal byte[] ToBytes()
    {
        lock (_gate)
        {
            var output = new ArrayBufferWriter<byte>(Math.Max(1, 8 * _count));
            var writer = new CompactWriter(output);
            for (var i = 0; i < _count; i++) writer.Fixed(_ring[(_next - _count + i + _ring.Length) % _ring.Length]);
            return output.WrittenSpan.ToArray();
        }
    }
}
