using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Enrolment.Claims;

/// <param name="Id">Only this one; null for all.</param>
public sealed record FindBatchesRequest(string? Id = null);

/// <param name="Certificates">Newest first; of a list, none are read.</param>
public sealed record BatchWithCertificates(ClaimBatch Batch, IReadOnlyList<ClaimCertificate> Certificates);

public abstract record FindBatchesResult
{
    private FindBatchesResult() { }

    /// <summary>By name.</summary>
    public sealed record Found(IReadOnlyList<BatchWithCertificates> Batches) : FindBatchesResult;
    public sealed record Forbidden : FindBatchesResult;
}

public sealed class FindBatches(IDbContextFactory<FleetDbContext> databases)
{
    private const int Most = 1_000;

    public async Task<FindBatchesResult> RunAsync(Actor actor, FindBatchesRequest request, CancellationToken ct)
    {
        if (!actor.May(Permission.ReadFleet)) return new FindBatchesResult.Forbidden();
        await using var db = await databases.CreateDbContextAsync(ct);
        var batches = await db.ClaimBatches.AsNoTracking().Where(b => request.Id == null || b.Id == request.Id).OrderBy(b => b.Id).Take(Most).ToListAsync(ct);
        List<ClaimCertificate> certificates = request.Id is null
            ? []
            : await db.ClaimCertificates.AsNoTracking().Where(c => c.BatchId == request.Id).OrderByDescending(c => c.NotBefore).Take(Most).ToListAsync(ct);
        return new FindBatchesResult.Found([.. batches.Select(batch => new BatchWithCertificates(batch, certificates))]);
    }
}
