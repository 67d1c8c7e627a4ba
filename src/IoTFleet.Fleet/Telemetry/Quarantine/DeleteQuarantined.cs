using IoTFleet.Fleet.Audit;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Telemetry.Quarantine;

/// <param name="Id">This one.</param>
/// <param name="DeviceId">This device's.</param>
/// <param name="Code">What was refused for this reason. All when nothing is given.</param>
public sealed record DeleteQuarantinedRequest(long? Id = null, string? DeviceId = null, string? Code = null);

public abstract record DeleteQuarantinedResult
{
    private DeleteQuarantinedResult() { }

    public sealed record Deleted(int Payloads) : DeleteQuarantinedResult;
    public sealed record Forbidden : DeleteQuarantinedResult;
}

public sealed class DeleteQuarantined(IDbContextFactory<FleetDbContext> databases, AuditTrail audit)
{
    private const string Action = "quarantine.delete";

    public async Task<DeleteQuarantinedResult> RunAsync(Actor actor, DeleteQuarantinedRequest request, CancellationToken ct)
    {
        var subject = request.DeviceId ?? "*";
        if (!actor.May(Permission.ManageDevices))
        {
            await audit.ForbiddenAsync(actor, Action, subject, ct);
            return new DeleteQuarantinedResult.Forbidden();
        }

        await using var db = await databases.CreateDbContextAsync(ct);
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        var payloads = FindQuarantined.Matching(db.TelemetryQuarantine, request.DeviceId, request.Code);
        if (request.Id is { } id) payloads = payloads.Where(p => p.Id == id);
        var deleted = await payloads.ExecuteDeleteAsync(ct);
        if (deleted == 0) return new DeleteQuarantinedResult.Deleted(0);
        audit.Done(db, actor, Action, subject, $"{deleted} payloads{(request.Code is null ? "" : $" of {request.Code}")}");
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        return new DeleteQuarantinedResult.Deleted(deleted);
    }
}
