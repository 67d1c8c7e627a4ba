using IoTFleet.Fleet.Audit;
using IoTFleet.Fleet.Certificates;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Devices;

public sealed record SuspendDeviceRequest(string DeviceId);

public abstract record SuspendDeviceResult
{
    private SuspendDeviceResult() { }

    /// <summary>Also when it was suspended before.</summary>
    public sealed record Suspended(Device Device) : SuspendDeviceResult;
    public sealed record AlreadyRevoked : SuspendDeviceResult;
    public sealed record UnknownDevice : SuspendDeviceResult;
    public sealed record Forbidden : SuspendDeviceResult;
}

/// <summary>Keeps a device out until it is resumed. Its live session is closed by whoever watches the revocation feed.</summary>
public sealed class SuspendDevice(IDbContextFactory<FleetDbContext> databases, RevocationFeed feed, AuditTrail audit, TimeProvider clock)
{
    private const string Action = "device.suspend";

    public async Task<SuspendDeviceResult> RunAsync(Actor actor, SuspendDeviceRequest request, CancellationToken ct)
    {
        if (!actor.May(Permission.ManageDevices))
        {
            await audit.ForbiddenAsync(actor, Action, request.DeviceId, ct);
            return new SuspendDeviceResult.Forbidden();
        }
        await using var db = await databases.CreateDbContextAsync(ct);
        await SuspendAsync(db, actor, request.DeviceId, ct);
        var device = await db.Devices.AsNoTracking().SingleOrDefaultAsync(d => d.Id == request.DeviceId, ct);
        return device switch
        {
            null => new SuspendDeviceResult.UnknownDevice(),
            { State: DeviceState.Suspended } => new SuspendDeviceResult.Suspended(device),
            _ => new SuspendDeviceResult.AlreadyRevoked(),
        };
    }

    private async Task SuspendAsync(FleetDbContext db, Actor actor, string id, CancellationToken ct)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        var now = clock.GetUtcNow();
        var suspended = await db.Devices
            .Where(d => d.Id == id && (d.State == DeviceState.Active || d.State == DeviceState.Registered))
            .ExecuteUpdateAsync(set => set.SetProperty(d => d.State, DeviceState.Suspended).SetProperty(d => d.StateChangedAt, now), ct);
        if (suspended == 0) return;
        feed.Append(db, RevocationKind.DeviceSuspended, id);
        audit.Done(db, actor, Action, id);
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        feed.Announce();
    }
}
