using IoTFleet.Fleet.Audit;
using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Enrolment.Claims;

/// <param name="Id">The batch's name, part of its certificates' identity; of the grammar of a device id.</param>
/// <param name="GroupId">The group its devices come into.</param>
/// <param name="Quota">Devices it may enrol in all.</param>
/// <param name="OpensAt">Null for now.</param>
/// <param name="ClosesAt">At most a year after it opens.</param>
public sealed record CreateBatchRequest(string Id, string GroupId, int Quota, DateTimeOffset? OpensAt, DateTimeOffset ClosesAt);

public abstract record CreateBatchResult
{
    private CreateBatchResult() { }

    public sealed record Created(ClaimBatch Batch) : CreateBatchResult;
    public sealed record AlreadyKnown : CreateBatchResult;
    public sealed record UnknownGroup : CreateBatchResult;
    public sealed record Invalid(string Problem) : CreateBatchResult;
    public sealed record Forbidden : CreateBatchResult;
}

/// <summary>Opens a production batch: how many devices its claim certificates may enrol, and when.</summary>
public sealed class CreateBatch(IDbContextFactory<FleetDbContext> databases, AuditTrail audit, TimeProvider clock)
{
    private const string Action = "claim.batch";
    private const int MostDevices = 10_000_000;

    private static readonly TimeSpan LongestWindow = TimeSpan.FromDays(365);

    public async Task<CreateBatchResult> RunAsync(Actor actor, CreateBatchRequest request, CancellationToken ct)
    {
        if (!actor.May(Permission.ManageTokens))
        {
            await audit.ForbiddenAsync(actor, Action, request.Id, ct);
            return new CreateBatchResult.Forbidden();
        }
        var now = clock.GetUtcNow();
        var opens = request.OpensAt ?? now;
        return FindProblem(request, opens, now) is { } problem ? new CreateBatchResult.Invalid(problem) : await AddAsync(actor, request, opens, now, ct);
    }

    private static string? FindProblem(CreateBatchRequest request, DateTimeOffset opens, DateTimeOffset now)
    {
        if (!DeviceName.IsValid(request.Id)) return $"A batch's name is {DeviceName.Rule}.";
        if (request.Quota is < 1 or > MostDevices) return $"A batch enrols from 1 to {MostDevices} devices.";
        if (request.ClosesAt <= opens || request.ClosesAt <= now) return "A batch closes after it opens, and not in the past.";
        return request.ClosesAt - opens > LongestWindow ? "A batch is open for at most a year." : null;
    }

    private async Task<CreateBatchResult> AddAsync(Actor actor, CreateBatchRequest request, DateTimeOffset opens, DateTimeOffset now, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        if (!await db.Groups.AnyAsync(g => g.Id == request.GroupId, ct)) return new CreateBatchResult.UnknownGroup();
        if (await db.ClaimBatches.AnyAsync(b => b.Id == request.Id, ct)) return new CreateBatchResult.AlreadyKnown();

        var batch = new ClaimBatch
        {
            Id = request.Id,
            GroupId = request.GroupId,
            Quota = request.Quota,
            OpensAt = opens,
            ClosesAt = request.ClosesAt,
            CreatedAt = now,
        };
        db.ClaimBatches.Add(batch);
        audit.Done(db, actor, Action, batch.Id, $"{batch.Quota} devices into {batch.GroupId}, {batch.OpensAt:u} to {batch.ClosesAt:u}");
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        return new CreateBatchResult.Created(batch);
    }
}
