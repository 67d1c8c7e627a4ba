using IoTFleet.Fleet.Audit;
using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Fleet.Certificates;

/// <param name="SecondOperatorAbove">Devices one operator may revoke in one request; above it another operator has to confirm. Null for no limit.</param>
public sealed record RevocationOptions(int? SecondOperatorAbove = 100);

/// <param name="Confirm">The number of devices that the asker believes it concerns; must be right, except for a dry run.</param>
/// <param name="SuspendFirst">Suspends the devices while the request waits for its second operator.</param>
public sealed record RevokeManyRequest(
    ManyAction Action, RevocationTarget Target, RevocationReason Reason = RevocationReason.Unspecified, bool DryRun = false, int? Confirm = null,
    bool SuspendFirst = false);

public abstract record RevokeManyResult
{
    private RevokeManyResult() { }

    /// <summary>Nothing was changed: so many would be, these among them.</summary>
    public sealed record Counted(int Count, IReadOnlyList<string> Sample) : RevokeManyResult;

    /// <summary>Nothing was changed: the number given is not the number of devices it concerns.</summary>
    public sealed record CountMismatch(int Count, int? Given) : RevokeManyResult;
    public sealed record AwaitingSecondOperator(RevocationOrder Order) : RevokeManyResult;
    public sealed record Done(int Devices, int Certificates) : RevokeManyResult;
    public sealed record Invalid(string Problem) : RevokeManyResult;
    public sealed record Forbidden : RevokeManyResult;
}

/// <summary>Revokes, suspends or resumes many devices at once, by group, batch, tag, time of issue or a list.</summary>
public sealed class RevokeMany(
    IDbContextFactory<FleetDbContext> databases, ManyDevices devices, RevocationOptions options, AuditTrail audit, TimeProvider clock, ILogger<RevokeMany> log)
{
    internal const string Action = "revocations.order";
    private const int SampleSize = 20;

    public async Task<RevokeManyResult> RunAsync(Actor actor, RevokeManyRequest request, CancellationToken ct)
    {
        var action = $"devices.{request.Action.ToString().ToLowerInvariant()}";
        if (!actor.May(request.Action == ManyAction.Revoke ? Permission.RevokeDevices : Permission.ManageDevices))
        {
            await audit.ForbiddenAsync(actor, action, Describe(request.Target), ct);
            return new RevokeManyResult.Forbidden();
        }
        if (await FindProblemAsync(request, ct) is { } problem) return new RevokeManyResult.Invalid(problem);

        var ids = await devices.FindAsync(request.Target, request.Action, ct);
        if (request.DryRun) return new RevokeManyResult.Counted(ids.Count, [.. ids.Take(SampleSize)]);
        if (request.Confirm != ids.Count) return new RevokeManyResult.CountMismatch(ids.Count, request.Confirm);
        if (request.Action == ManyAction.Revoke && ids.Count > options.SecondOperatorAbove) return await OrderAsync(actor, request, ids, ct);
        var certificates = await devices.ChangeAsync(actor, request.Action, request.Target, request.Reason, ids, ct);
        FleetLog.ManyChanged(log, request.Action, ids.Count, Describe(request.Target), actor.Name);
        return new RevokeManyResult.Done(ids.Count, certificates);
    }

    internal static string Describe(RevocationTarget target) => string.Join(", ", new[]
    {
        target.Group is { } group ? $"group {group}" : null,
        target.Batch is { } batch ? $"batch {batch}" : null,
        target.Tag is { } tag ? $"tag {tag}" : null,
        target.Authority is { } authority ? $"issued by {authority}" : null,
        target.IssuedFrom is { } from ? $"issued from {from:u}" : null,
        target.IssuedTo is { } to ? $"issued before {to:u}" : null,
        target.Ids is { } ids ? $"{ids.Count} ids" : null,
    }.OfType<string>());

    private async Task<string?> FindProblemAsync(RevokeManyRequest request, CancellationToken ct)
    {
        if (request.Target.IsEmpty) return "Say whom it concerns: a group, a batch, ids, a tag, or when or by whom their certificates were issued.";
        if (request.Reason == RevocationReason.CertificateHold) return "A hold can be lifted; suspend the devices instead of revoking them.";
        var unknown = await devices.UnknownAsync(request.Target, ct);
        return unknown.Count == 0 ? null : $"{unknown.Count} of the ids are of no device, such as {unknown[0]}; nothing was changed.";
    }

    private async Task<RevokeManyResult> OrderAsync(Actor actor, RevokeManyRequest request, IReadOnlyList<string> ids, CancellationToken ct)
    {
        // Those that are suspended already stay so if this is cancelled.
        var suspended = request.SuspendFirst ? await devices.FindAsync(request.Target, ManyAction.Suspend, ct) : null;
        var order = new RevocationOrder
        {
            Id = RowId.New(clock),
            Target = ManyDevices.ToJson(request.Target),
            Reason = request.Reason,
            Count = ids.Count,
            Suspended = suspended is null ? null : ManyDevices.ToJson(suspended),
            State = RevocationOrderState.AwaitingSecondOperator,
            RequestedBy = actor.Name,
            RequestedAt = clock.GetUtcNow(),
        };
        await using var db = await databases.CreateDbContextAsync(ct);
        db.RevocationOrders.Add(order);
        audit.Done(db, actor, Action, order.Id, $"{order.Count} devices, {Describe(request.Target)}, {request.Reason}");
        await db.SaveChangesAsync(ct);
        if (suspended is not null) await devices.ChangeAsync(actor, ManyAction.Suspend, request.Target, request.Reason, suspended, ct);
        FleetLog.RevocationOrdered(log, order.Id, order.Count, Describe(request.Target), actor.Name);
        return new RevokeManyResult.AwaitingSecondOperator(order);
    }
}
