using IoTFleet.Fleet.Telemetry.Store;

namespace IoTFleet.Fleet.Telemetry.Rollups;

/// <summary>
/// What is kept of many values of one metric. Values of one time are added in the order of their ids, and an earlier part before a later one; apart
/// from that any order gives the same but for the rounding of the sum.
/// </summary>
internal struct Stats
{
    internal long Count { get; private set; }

    internal double Min { get; private set; }

    internal double Max { get; private set; }

    internal double Sum { get; private set; }

    internal long FirstUs { get; private set; }

    internal double First { get; private set; }

    internal long LastUs { get; private set; }

    internal double Last { get; private set; }

    internal void Add(long timeUs, double value) =>
        Add(new Stats { Count = 1, Min = value, Max = value, Sum = value, FirstUs = timeUs, First = value, LastUs = timeUs, Last = value });

    internal void Add(in Stats later)
    {
        if (later.Count == 0) return;
        if (Count == 0)
        {
            this = later;
            return;
        }
        if (later.FirstUs < FirstUs) (FirstUs, First) = (later.FirstUs, later.First);
        if (later.LastUs >= LastUs) (LastUs, Last) = (later.LastUs, later.Last);
        Count += later.Count;
        Min = Math.Min(Min, later.Min);
        Max = Math.Max(Max, later.Max);
        Sum += later.Sum;
    }

    /// <param name="output">Where to.</param>
    /// <param name="baseUs">Times are written as their distance from it.</param>
    internal readonly void Write(CompactWriter output, long baseUs)
    {
        output.Unsigned((ulong)Count);
        output.Number(FirstUs - baseUs);
        output.Double(First);
        if (Count == 1) return;
        output.Unsigned((ulong)(LastUs - FirstUs));
        output.Double(Min);
        output.Double(Max);
        output.Double(Sum);
        output.Double(Last);
    }

    internal static Stats Read(ref CompactReader input, long baseUs)
    {
        var (count, firstUs, first) = ((long)input.Unsigned(), baseUs + input.Number(), input.Double());
        var one = new Stats { Count = count, Min = first, Max = first, Sum = first, FirstUs = firstUs, First = first, LastUs = firstUs, Last = first };
        if (count <= 1) return one;
        one.LastUs = firstUs + (long)input.Unsigned();
        (one.Min, one.Max, one.Sum, one.Last) = (input.Double(), input.Double(), input.Double(), input.Double());
        return one;
    }
}
