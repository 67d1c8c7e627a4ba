using IoTFleet.Fleet.Audit;
using IoTFleet.Fleet.Devices;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Twins;

/// <param name="DeviceId">Whose twin; the device need not be enrolled yet.</param>
/// <param name="Patch">What to change; with <paramref name="Replace"/> the whole document.</param>
/// <param name="Replace">What the patch does not name goes.</param>
/// <param name="IfVersion">The desired version that the asker has seen; null when any will do.</param>
public sealed record ChangeDesiredRequest(string DeviceId, TwinPatch Patch, bool Replace = false, long? IfVersion = null);

public abstract record ChangeDesiredResult
{
    private ChangeDesiredResult() { }

    /// <summary>As it is now; <c>HasChanged</c> is false when it said the same before.</summary>
    public sealed record Changed(DeviceTwin Twin, bool HasChanged) : ChangeDesiredResult;

    /// <summary>Somebody else was faster: nothing was changed.</summary>
    public sealed record OtherVersion(long Version) : ChangeDesiredResult;
    public sealed record Invalid(TwinProblem Problem) : ChangeDesiredResult;
    public sealed record Revoked : ChangeDesiredResult;
    public sealed record UnknownDevice : ChangeDesiredResult;
    public sealed record Forbidden : ChangeDesiredResult;
}

/// <summary>Changes what an operator wants of a device. Whoever calls it tells the device.</summary>
public sealed class ChangeDesired(TwinWriter twins, AuditTrail audit, TimeProvider clock)
{
    internal const string Action = "twin.desired";

    public async Task<ChangeDesiredResult> RunAsync(Actor actor, ChangeDesiredRequest request, CancellationToken ct)
    {
        if (actor.May(Permission.ManageDevices)) return await ChangeAsync(actor, request, null, ct);
        await audit.ForbiddenAsync(actor, Action, request.DeviceId, ct);
        return new ChangeDesiredResult.Forbidden();
    }

    /// <param name="actor">Who has been asked for the permission already.</param>
    /// <param name="request">What to change.</param>
    /// <param name="remark">Added to the audit's line.</param>
    /// <param name="ct">Before it has begun.</param>
    internal Task<ChangeDesiredResult> ChangeAsync(Actor actor, ChangeDesiredRequest request, string? remark, CancellationToken ct) =>
        twins.ChangeAsync(request.DeviceId, async (db, twin, inside) =>
        {
            if (await FindRefusalAsync(db, twin, request, inside) is { } refusal) return new TwinChange<ChangeDesiredResult>(refusal, false);
            if (!request.Patch.TryApplyTo(request.Replace ? DeviceTwin.Empty : twin.Desired, out var document, out var problem))
                return new(new ChangeDesiredResult.Invalid(problem), false);
            var changed = twin.Want(document, clock.GetUtcNow());
            // Which names, and not to what: a desired document may hold what is no operator's business to read in the record.
            if (changed) audit.Done(db, actor, Action, request.DeviceId, $"version {twin.DesiredVersion}{remark}, {(request.Replace ? "replaced" : "changed")}: {request.Patch.Names}");
            return new(new ChangeDesiredResult.Changed(twin, changed), changed);
        }, ct);

    private static async Task<ChangeDesiredResult?> FindRefusalAsync(FleetDbContext db, DeviceTwin twin, ChangeDesiredRequest request, CancellationToken ct)
    {
        var state = await db.Devices.Where(d => d.Id == request.DeviceId).Select(d => (DeviceState?)d.State).SingleOrDefaultAsync(ct);
        return state switch
        {
            null => new ChangeDesiredResult.UnknownDevice(),
            DeviceState.Revoked => new ChangeDesiredResult.Revoked(),
            _ when request.IfVersion is { } seen && seen != twin.DesiredVersion => new ChangeDesiredResult.OtherVersion(twin.DesiredVersion),
            _ => null,
        };
    }
}
