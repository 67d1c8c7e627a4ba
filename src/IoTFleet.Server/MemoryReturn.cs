using System.Runtime.InteropServices;
using IoTFleet.Broker;

namespace IoTFleet.Server;

/// <summary>
/// Gives memory back to the system when many devices have gone and do not come back: the C library would keep it, some 40 KB for each of them, as if
/// they were expected any moment.
/// </summary>
internal sealed partial class MemoryReturn(BrokerMetrics metrics, TimeProvider clock) : BackgroundService
{
    private const int Many = 1_000;
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(5);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!OperatingSystem.IsLinux()) return;
        using var looks = new PeriodicTimer(Look, clock);
        var (most, last) = (0L, 0L);
        while (await looks.WaitForNextTickAsync(stoppingToken))
        {
            var now = metrics.Connections;
            most = Math.Max(most, now);
            if (most - now >= Many && now >= last)
            {
                if (!TryReturn()) return;
                most = now;
            }

            last = now;
        }
    }

    private static bool TryReturn()
    {
        try
        {
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);      // what is left of them, too
            _ = Trim(0);
            return true;
        }
        catch (EntryPointNotFoundException)
        {
            return false;       // another C library, such as musl: it does not keep so much
        }
    }

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    private static partial int Trim(nuint keep);
}
