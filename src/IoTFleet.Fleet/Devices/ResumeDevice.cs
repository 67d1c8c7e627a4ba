using IoTFleet.Fleet.Audit;
using IoTFleet.Fleet.Certificates;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Devices;

public sealed record ResumeDeviceRequest(string DeviceId);

public abstract record ResumeDeviceResult
{
    private ResumeDeviceResult() { }

    public sealed record Resumed(Device Device) : ResumeDeviceResult;

    /// <summary>It is in another state; a revoked device never comes back.</summary>
    public sealed record NotSuspended(DeviceState State) : ResumeDeviceResult;
    public sealed record UnknownDevice : ResumeDeviceResult;
    public sealed record Forbidden : ResumeDeviceResult;
}

public sealed class ResumeDevice(IDbContextFactory<FleetDbContext> databases, RevocationFeed feed, AuditTrail audit, TimeProvider clock)
{
    private const string Action = "device.resume";

    public async Task<ResumeDeviceResult> RunAsync(Actor actor, ResumeDeviceRequest request, CancellationToken ct)
    {
        if (!actor.May(Permission.ManageDevices))
        {
            await audit.ForbiddenAsync(actor, Action, request.DeviceId, ct);
            return new ResumeDeviceResult.Forbidden();
        }
        await using var db = await databases.CreateDbContextAsync(ct);
        var resumed = await ResumeAsync(db, actor, request.DeviceId, ct);
        var device = await db.Devices.AsNoTracking().SingleOrDefaultAsync(d => d.Id == request.DeviceId, ct);
        if (device is null) return new ResumeDeviceResult.UnknownDevice();
        return resumed ? new ResumeDeviceResult.Resumed(device) : new ResumeDeviceResult.NotSuspended(device.State);
    }

    private async Task<bool> ResumeAsync(FleetDbContext db, Actor actor, string id, CancellationToken ct)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        var now = clock.GetUtcNow();
        var enrolledBefore = await db.Certificates.AnyAsync(c => c.DeviceId == id, ct);
        var back = enrolledBefore ? DeviceState.Active : DeviceState.Registered;
        var resumed = await db.Devices
            .Where(d => d.Id == id && d.State == DeviceState.Suspended)
            .ExecuteUpdateAsync(set => set.SetProperty(d => d.State, back).SetProperty(d => d.StateChangedAt, now).SetProperty(d => d.CloneSuspectedAt, (DateTimeOffset?)null), ct);
        if (resumed == 0) return false;
        feed.Append(db, RevocationKind.DeviceResumed, id);
        audit.Done(db, actor, Action, id);
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        feed.Announce();
        return true;
    }
}
