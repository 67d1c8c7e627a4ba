using IoTFleet.Fleet.Audit;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Certificates;

public abstract record SuspendCertificateResult
{
    private SuspendCertificateResult() { }

    /// <param name="Changed">False when it was so before.</param>
    public sealed record Done(IssuedCertificate Certificate, bool Changed) : SuspendCertificateResult;
    public sealed record AlreadyRevoked : SuspendCertificateResult;

    /// <summary>No device has such a certificate; those of services and batches are suspended with their holder.</summary>
    public sealed record UnknownCertificate : SuspendCertificateResult;
    public sealed record Forbidden : SuspendCertificateResult;
}

/// <summary>Takes one certificate of a device out of use until it is resumed (certificateHold), and back.</summary>
public sealed class SuspendCertificate(IDbContextFactory<FleetDbContext> databases, RevocationFeed feed, AuditTrail audit, TimeProvider clock)
{
    public Task<SuspendCertificateResult> RunAsync(Actor actor, string serial, CancellationToken ct) =>
        ChangeAsync(actor, serial, RevocationKind.CertificateSuspended, "certificate.suspend", clock.GetUtcNow(), ct);

    public Task<SuspendCertificateResult> ResumeAsync(Actor actor, string serial, CancellationToken ct) =>
        ChangeAsync(actor, serial, RevocationKind.CertificateResumed, "certificate.resume", null, ct);

    private async Task<SuspendCertificateResult> ChangeAsync(
        Actor actor, string serial, RevocationKind kind, string action, DateTimeOffset? heldAt, CancellationToken ct)
    {
        if (!actor.May(Permission.ManageDevices))
        {
            await audit.ForbiddenAsync(actor, action, serial, ct);
            return new SuspendCertificateResult.Forbidden();
        }
        await using var db = await databases.CreateDbContextAsync(ct);
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        var changed = await db.Certificates.Where(c => c.Serial == serial && c.RevokedAt == null && (c.HeldAt == null) == (heldAt != null))
            .ExecuteUpdateAsync(set => set.SetProperty(c => c.HeldAt, heldAt), ct) > 0;
        var certificate = await db.Certificates.AsNoTracking().SingleOrDefaultAsync(c => c.Serial == serial, ct);
        if (certificate is null) return new SuspendCertificateResult.UnknownCertificate();
        if (certificate.RevokedAt is not null) return new SuspendCertificateResult.AlreadyRevoked();
        if (!changed) return new SuspendCertificateResult.Done(certificate, false);
        feed.Append(db, kind, certificate.DeviceId, serial, certificate.IssuerId);
        audit.Done(db, actor, action, serial, certificate.DeviceId);
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        feed.Announce();
        return new SuspendCertificateResult.Done(certificate, true);
    }
}
