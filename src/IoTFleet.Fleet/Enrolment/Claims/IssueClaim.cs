using IoTFleet.Fleet.Audit;
using IoTFleet.Fleet.Authorities;
using IoTFleet.Fleet.Certificates;
using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Enrolment.Claims;

/// <param name="BatchId">The batch whose devices it is put into.</param>
/// <param name="Request">Parsed, so its sender holds the key it names.</param>
public sealed record IssueClaimRequest(string BatchId, SigningRequest Request);

public abstract record IssueClaimResult
{
    private IssueClaimResult() { }

    /// <summary>The certificate is committed.</summary>
    public sealed record Issued(IssuedLeaf Leaf, string IssuerId) : IssueClaimResult;
    public sealed record Invalid(string Problem) : IssueClaimResult;

    /// <summary>The key is a device's.</summary>
    public sealed record KeyOfAnother : IssueClaimResult;

    /// <summary>Revoked, or its window is over.</summary>
    public sealed record BatchOver : IssueClaimResult;
    public sealed record NoAuthority : IssueClaimResult;
    public sealed record UnknownBatch : IssueClaimResult;
    public sealed record Forbidden : IssueClaimResult;
}

/// <summary>Gives a factory a claim certificate for a batch; it lives as long as the batch's window and is good for enrolment only.</summary>
public sealed class IssueClaim(
    IDbContextFactory<FleetDbContext> databases, AuthorityDirectory authorities, Issuance issuance, AuditTrail audit, FleetMetrics metrics, TimeProvider clock)
{
    private const string Action = "claim.issue";

    private static readonly TimeSpan Backdate = TimeSpan.FromHours(1);
    private static readonly TimeSpan Longest = TimeSpan.FromDays(366);

    public async Task<IssueClaimResult> RunAsync(Actor actor, IssueClaimRequest request, CancellationToken ct)
    {
        if (!actor.May(Permission.ManageTokens))
        {
            await audit.ForbiddenAsync(actor, Action, request.BatchId, ct);
            return new IssueClaimResult.Forbidden();
        }
        if (authorities.FindActive(AuthorityPurpose.Claims) is not { } authority) return new IssueClaimResult.NoAuthority();
        if (await FindBatchAsync(request.BatchId, ct) is not { } batch) return new IssueClaimResult.UnknownBatch();
        if (IsOver(batch)) return new IssueClaimResult.BatchOver();
        if (request.Request.CommonName is { } name && name != batch.Id) return new IssueClaimResult.Invalid($"The request's subject must be absent or CN={batch.Id}.");
        return await IssueAsync(actor, authority, batch, request, ct);
    }

    private async Task<ClaimBatch?> FindBatchAsync(string id, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        return await db.ClaimBatches.AsNoTracking().SingleOrDefaultAsync(b => b.Id == id, ct);
    }

    private bool IsOver(ClaimBatch batch) => batch.RevokedAt is not null || batch.ClosesAt <= clock.GetUtcNow();

    private async Task<IssueClaimResult> IssueAsync(
        Actor actor, CertificateAuthority authority, ClaimBatch batch, IssueClaimRequest request, CancellationToken ct)
    {
        var seconds = Math.Min((batch.ClosesAt - clock.GetUtcNow() + Backdate).TotalSeconds, Longest.TotalSeconds);
        var lifetime = TimeSpan.FromSeconds(Math.Floor(seconds)); // A certificate knows whole seconds only.
        var terms = LeafTerms.ForClaim(authorities.Current.Names, batch.Id, request.Request.SubjectPublicKeyInfo, lifetime);
        var order = new IssuanceOrder(authority, terms, batch.Id, actor, Action) { BatchId = batch.Id };
        var result = await issuance.RunAsync<IssueClaimResult>(
            order, (db, _, inner) => CheckAsync(db, request, inner), (db, signed, inner) => StoreAsync(db, signed, inner), ct);
        if (result is IssueClaimResult.Issued) metrics.CountCertificateIssued();
        return result;
    }

    private static async Task<Taking<IssueClaimResult>> CheckAsync(FleetDbContext db, IssueClaimRequest request, CancellationToken ct)
    {
        var key = request.Request.KeyFingerprint;
        var ofDevice = await db.DeviceKeys.AnyAsync(k => k.Fingerprint == key, ct) || await db.BlockedKeys.AnyAsync(k => k.Fingerprint == key, ct);
        return ofDevice ? new Taking<IssueClaimResult>.Instead(new IssueClaimResult.KeyOfAnother()) : new Taking<IssueClaimResult>.Granted();
    }

    private async Task<IssueClaimResult> StoreAsync(FleetDbContext db, SignedCertificate signed, CancellationToken ct)
    {
        var batch = signed.Intent.BatchId!;
        var open = await db.ClaimBatches.Where(b => b.Id == batch && b.RevokedAt == null)
            .ExecuteUpdateAsync(set => set.SetProperty(b => b.RevokedAt, b => b.RevokedAt), ct) == 1; // Locks its row against a revocation at this moment.
        db.ClaimCertificates.Add(RowFor(signed, batch, open ? null : clock.GetUtcNow()));
        return open ? new IssueClaimResult.Issued(signed.Leaf, signed.Intent.IssuerId) : new IssueClaimResult.BatchOver();
    }

    private static ClaimCertificate RowFor(SignedCertificate signed, string batch, DateTimeOffset? revokedAt) => new()
    {
        Serial = signed.Leaf.SerialHex,
        BatchId = batch,
        KeyFingerprint = signed.Intent.KeyFingerprint,
        IssuerId = signed.Intent.IssuerId,
        Der = signed.Leaf.Der.ToArray(),
        NotBefore = signed.Leaf.NotBefore,
        NotAfter = signed.Leaf.NotAfter,
        RevokedAt = revokedAt,
        RevocationReason = revokedAt is null ? null : RevocationReason.KeyCompromise,
    };
}
