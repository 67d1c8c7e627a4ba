using IoTFleet.Fleet.Audit;
using IoTFleet.Fleet.Certificates;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Twins;

/// <param name="Target">Whom it concerns; devices that are not revoked.</param>
/// <param name="Patch">The same for all of them.</param>
/// <param name="DryRun">Only counts.</param>
/// <param name="Confirm">The number of devices that the asker believes it concerns; must be right, except for a dry run.</param>
public sealed record ChangeManyDesiredRequest(RevocationTarget Target, TwinPatch Patch, bool DryRun = false, int? Confirm = null);

public abstract record ChangeManyDesiredResult
{
    private ChangeManyDesiredResult() { }

    /// <summary>Nothing was changed: it concerns so many, these among them.</summary>
    public sealed record Counted(int Count, IReadOnlyList<string> Sample) : ChangeManyDesiredResult;

    /// <summary>Nothing was changed: the number given is not the number of devices it concerns.</summary>
    public sealed record CountMismatch(int Count, int? Given) : ChangeManyDesiredResult;

    /// <param name="Changed">Whom to tell.</param>
    /// <param name="Unchanged">Devices that wanted the same before, or were revoked meanwhile.</param>
    /// <param name="Refused">Devices whose document would have become too large.</param>
    public sealed record Done(IReadOnlyList<string> Changed, int Unchanged, IReadOnlyList<string> Refused) : ChangeManyDesiredResult;
    public sealed record Invalid(string Problem) : ChangeManyDesiredResult;
    public sealed record Forbidden : ChangeManyDesiredResult;
}

/// <summary>Changes what an operator wants of many devices. Each device's change stands by itself: one whose document gets too large does not keep the others from theirs.</summary>
public sealed class ChangeManyDesired(IDbContextFactory<FleetDbContext> databases, ManyDevices devices, ChangeDesired one, AuditTrail audit)
{
    private const string Action = "twins.desired";
    private const int SampleSize = 20;

    /// <summary>As many share a commit; more would only wait longer.</summary>
    private const int AtOnce = FleetWriter.MaxUnits;

    public async Task<ChangeManyDesiredResult> RunAsync(Actor actor, ChangeManyDesiredRequest request, CancellationToken ct)
    {
        if (!actor.May(Permission.ManageDevices))
        {
            await audit.ForbiddenAsync(actor, Action, RevokeMany.Describe(request.Target), ct);
            return new ChangeManyDesiredResult.Forbidden();
        }
        if (request.Target.IsEmpty) return new ChangeManyDesiredResult.Invalid("Say whom it concerns: a group, a batch, ids, a tag, or when or by whom their certificates were issued.");
        if (await devices.UnknownAsync(request.Target, ct) is [var unknown, ..]) return new ChangeManyDesiredResult.Invalid($"There is no device {unknown}; nothing was changed.");

        var ids = await devices.FindAsync(request.Target, ManyAction.Revoke, ct);       // whom a revocation would concern: all that are not revoked
        if (request.DryRun) return new ChangeManyDesiredResult.Counted(ids.Count, [.. ids.Take(SampleSize)]);
        if (request.Confirm != ids.Count) return new ChangeManyDesiredResult.CountMismatch(ids.Count, request.Confirm);
        return await ChangeAsync(actor, request, ids, ct);
    }

    private async Task<ChangeManyDesiredResult> ChangeAsync(Actor actor, ChangeManyDesiredRequest request, IReadOnlyList<string> ids, CancellationToken ct)
    {
        var (changed, refused) = (new List<string>(), new List<string>());
        foreach (var some in ids.Chunk(AtOnce))
        {
            var results = await Task.WhenAll(some.Select(id => one.ChangeAsync(actor, new(id, request.Patch), ", one of many", ct)));
            foreach (var (id, result) in some.Zip(results))
            {
                if (result is ChangeDesiredResult.Changed { HasChanged: true }) changed.Add(id);
                else if (result is ChangeDesiredResult.Invalid) refused.Add(id);
            }
        }
        await WriteDownAsync(actor, request, changed.Count, ct);
        return new ChangeManyDesiredResult.Done(changed, ids.Count - changed.Count - refused.Count, refused);
    }

    private async Task WriteDownAsync(Actor actor, ChangeManyDesiredRequest request, int count, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        audit.Done(db, actor, Action, RevokeMany.Describe(request.Target), $"{count} devices, changed: {request.Patch.Names}");
        await db.SaveChangesAsync(ct);
    }
}
