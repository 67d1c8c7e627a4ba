using IoTFleet.Fleet.Audit;
using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Fleet.Certificates;

/// <param name="Serial">Lower-case hex.</param>
public sealed record RevokeCertificateRequest(string Serial, RevocationReason Reason = RevocationReason.Unspecified);

public abstract record RevokeCertificateResult
{
    private RevokeCertificateResult() { }

    /// <param name="Changed">False when it was revoked before.</param>
    public sealed record Revoked(string Serial, string Holder, bool Changed) : RevokeCertificateResult;
    public sealed record UnknownCertificate : RevokeCertificateResult;
    public sealed record Invalid(string Problem) : RevokeCertificateResult;
    public sealed record Forbidden : RevokeCertificateResult;
}

/// <summary>Revokes one certificate: a device's, a service's, a claim certificate or one of the fleet's own servers. Its holder may have another.</summary>
public sealed class RevokeCertificate(
    IDbContextFactory<FleetDbContext> databases, RevocationFeed feed, BlockKey keys, AuditTrail audit, FleetMetrics metrics, TimeProvider clock,
    ILogger<RevokeCertificate> log)
{
    private const string Action = "certificate.revoke";

    public async Task<RevokeCertificateResult> RunAsync(Actor actor, RevokeCertificateRequest request, CancellationToken ct)
    {
        if (!actor.May(Permission.RevokeDevices))
        {
            await audit.ForbiddenAsync(actor, Action, request.Serial, ct);
            return new RevokeCertificateResult.Forbidden();
        }
        if (request.Reason == RevocationReason.CertificateHold) return new RevokeCertificateResult.Invalid("A hold can be lifted; suspend the certificate instead of revoking it.");

        await using var db = await databases.CreateDbContextAsync(ct);
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        if (await FindAsync(db, request.Serial, ct) is not { } found) return new RevokeCertificateResult.UnknownCertificate();
        if (await RevokeAsync(db, request, ct) == 0) return new RevokeCertificateResult.Revoked(request.Serial, found.Holder, false);
        feed.Append(db, RevocationKind.CertificateRevoked, found.Holder, request.Serial, found.IssuerId);
        if (request.Reason == RevocationReason.KeyCompromise && found.Key is { } key) await keys.AddAsync(db, [key], $"certificate {request.Serial} revoked: key compromise", ct);
        audit.Done(db, actor, Action, request.Serial, $"{found.Holder}, {request.Reason}");
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);

        feed.Announce();
        metrics.CountCertificatesRevoked(1);
        FleetLog.CertificateRevoked(log, request.Serial, found.Holder, request.Reason, actor.Name);
        return new RevokeCertificateResult.Revoked(request.Serial, found.Holder, true);
    }

    private static async Task<Found?> FindAsync(FleetDbContext db, string serial, CancellationToken ct) =>
        await db.Certificates.Where(c => c.Serial == serial).Select(c => new Found(c.DeviceId, c.IssuerId, c.KeyFingerprint)).SingleOrDefaultAsync(ct)
        ?? await db.ServiceCertificates.Where(c => c.Serial == serial).Select(c => new Found(c.ServiceName, c.IssuerId, c.KeyFingerprint)).SingleOrDefaultAsync(ct)
        ?? await db.ClaimCertificates.Where(c => c.Serial == serial).Select(c => new Found(c.BatchId, c.IssuerId, c.KeyFingerprint)).SingleOrDefaultAsync(ct)
        ?? await db.ServerCertificates.Where(c => c.Serial == serial).Select(c => new Found(c.Subject, c.IssuerId, null)).SingleOrDefaultAsync(ct);

    private async Task<int> RevokeAsync(FleetDbContext db, RevokeCertificateRequest request, CancellationToken ct)
    {
        DateTimeOffset? now = clock.GetUtcNow();
        RevocationReason? reason = request.Reason;
        var serial = request.Serial;
        return await db.Certificates.Where(c => c.Serial == serial && c.RevokedAt == null)
                .ExecuteUpdateAsync(set => set.SetProperty(c => c.RevokedAt, now).SetProperty(c => c.RevocationReason, reason), ct)
            + await db.ServiceCertificates.Where(c => c.Serial == serial && c.RevokedAt == null)
                .ExecuteUpdateAsync(set => set.SetProperty(c => c.RevokedAt, now).SetProperty(c => c.RevocationReason, reason), ct)
            + await db.ClaimCertificates.Where(c => c.Serial == serial && c.RevokedAt == null)
                .ExecuteUpdateAsync(set => set.SetProperty(c => c.RevokedAt, now).SetProperty(c => c.RevocationReason, reason), ct)
            + await db.ServerCertificates.Where(c => c.Serial == serial && c.RevokedAt == null)
                .ExecuteUpdateAsync(set => set.SetProperty(c => c.RevokedAt, now).SetProperty(c => c.RevocationReason, reason), ct);
    }

    private sealed record Found(string Holder, string IssuerId, string? Key);
}
