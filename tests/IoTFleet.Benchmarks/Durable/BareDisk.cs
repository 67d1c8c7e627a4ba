using System.Diagnostics;
using IoTFleet.Benchmarks.Load;

namespace IoTFleet.Benchmarks.Durable;

/// <summary>
/// What the disk does to a steady stream of messages with nothing but flushes: as many bytes as a commit writes, a flush, and again a millisecond later.
/// No acknowledgement that means stored can be faster, and on a shared disk this is where most of a late one comes from.
/// </summary>
internal static class BareDisk
{
    private const int BytesOfCommit = 12 * 1024;
    private const int FileBytes = 4 * 1024 * 1024;
    private static readonly long BetweenMessages = Stopwatch.Frequency / 5_000;

    /// <returns>The quantiles, in microseconds.</returns>
    public static int[] Measure(string folder, TimeSpan length, params double[] quantiles)
    {
        var path = Path.Combine(folder, "bare-disk");
        var times = new Latencies();
        using (var file = File.OpenHandle(path, FileMode.Create, FileAccess.ReadWrite, preallocationSize: FileBytes))
        {
            RandomAccess.Write(file, new byte[FileBytes], 0); // So that no flush has to make room in the file: a log does not either, once it is as large as it gets.
            RandomAccess.FlushToDisk(file);
            var commit = new byte[BytesOfCommit];
            var (end, arrived) = (Stopwatch.GetTimestamp() + (long)(length.TotalSeconds * Stopwatch.Frequency), Stopwatch.GetTimestamp());
            using var never = new ManualResetEvent(false);
            for (long at = 0; Stopwatch.GetTimestamp() < end; at = (at + BytesOfCommit) % (FileBytes - BytesOfCommit))
            {
                var taken = Stopwatch.GetTimestamp();
                RandomAccess.Write(file, commit, at);
                RandomAccess.FlushToDisk(file);
                for (; arrived < taken; arrived += BetweenMessages) times.Add(arrived);
                never.WaitOne(1);
            }
        }

        File.Delete(path);
        return times.Take(quantiles);
    }
}
