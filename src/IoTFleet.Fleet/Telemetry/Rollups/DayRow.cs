using System.Buffers;
using IoTFleet.Fleet.Telemetry.Store;

namespace IoTFleet.Fleet.Telemetry.Rollups;

/// <summary>A device's day: for each hour, as one block, what <see cref="HourSummary.AsWhole"/> gives. A block is replaced without a look at the others.</summary>
internal static class DayRow
{
    /// <summary>The blocks by hour of the day.</summary>
    internal static SortedDictionary<int, ReadOnlyMemory<byte>> Read(ReadOnlyMemory<byte> data)
    {
        var blocks = new SortedDictionary<int, ReadOnlyMemory<byte>>();
        Each(data, (hour, block) => blocks[hour] = block);
        return blocks;
    }

    /// <summary>The blocks as they come, without a dictionary.</summary>
    internal static void Each(ReadOnlyMemory<byte> data, Action<int, ReadOnlyMemory<byte>> take)
    {
        var reader = new CompactReader(data);
        while (!reader.AtEnd) take(reader.Byte(), reader.Bytes());
    }

    internal static byte[] Write(SortedDictionary<int, ReadOnlyMemory<byte>> blocks)
    {
        var output = new ArrayBufferWriter<byte>(Math.Max(1, blocks.Values.Sum(block => block.Length + 8)));
        var writer = new CompactWriter(output);
        foreach (var (hour, block) in blocks)
        {
            writer.Byte((byte)hour);
            writer.Bytes(block.Span);
        }
        return output.WrittenSpan.ToArray();
    }
}
