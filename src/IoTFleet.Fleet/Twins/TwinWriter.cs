using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Twins;

/// <summary>
/// Changes one twin in a unit of the <see cref="FleetWriter"/>, so that reports of many devices share commits, and what is read there is what is changed.
/// </summary>
public sealed class TwinWriter(FleetWriter writer)
{
    /// <summary>Of another node that changed the same row, whose change is then seen.</summary>
    private const int Attempts = 3;

    /// <param name="device">Whose twin. A row is made for it when the change is one.</param>
    /// <param name="change">Reads the twin, changes it, and answers. It is asked again when another node came in between.</param>
    /// <param name="ct">Before the unit has begun.</param>
    internal async Task<T> ChangeAsync<T>(string device, Func<FleetDbContext, DeviceTwin, CancellationToken, Task<TwinChange<T>>> change, CancellationToken ct)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return (await writer.RunAsync((db, inside) => RunAsync(db, device, change, inside), done => done.Changed, ct)).Answer;
            }
            catch (DbUpdateException) when (attempt < Attempts)
            {
                // Two nodes made the row, or changed it, at the same moment.
            }
        }
    }

    private static async Task<TwinChange<T>> RunAsync<T>(
        FleetDbContext db, string device, Func<FleetDbContext, DeviceTwin, CancellationToken, Task<TwinChange<T>>> change, CancellationToken ct)
    {
        var known = await db.Twins.SingleOrDefaultAsync(twin => twin.DeviceId == device, ct);
        var twin = known ?? new DeviceTwin { DeviceId = device };
        var done = await change(db, twin, ct);
        if (known is null && done.Changed) db.Twins.Add(twin);
        return done;
    }
}

/// <param name="Answer">What the caller gets.</param>
/// <param name="Changed">Whether there is something to write.</param>
internal readonly record struct TwinChange<T>(T Answer, bool Changed);
