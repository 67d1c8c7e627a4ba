using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Certificates;

public enum CertificateState { Good, Suspended, Revoked, Expired }

/// <summary>A certificate of any kind with its holder, and without its bytes unless one is asked for.</summary>
public sealed record CertificateView(
    string Kind, string Serial, string Holder, string IssuerId, string? KeyFingerprint, string? BatchId, DateTimeOffset NotBefore, DateTimeOffset NotAfter,
    DateTimeOffset? RevokedAt, RevocationReason? Reason, DateTimeOffset? HeldAt, byte[]? Der);

/// <param name="Cursor">The <c>Next</c> of the page before.</param>
/// <param name="Limit">At most this many; 1 to 500, and what is outside is brought inside.</param>
public sealed record FindCertificatesRequest(
    string? DeviceId = null, string? IssuerId = null, string? BatchId = null, string? KeyFingerprint = null, CertificateState? State = null,
    string? Cursor = null, int Limit = 100);

public abstract record FindCertificatesResult
{
    private FindCertificatesResult() { }

    /// <summary>Certificates of devices in the order of their serials; <c>Next</c> is null on the last page.</summary>
    public sealed record Page(IReadOnlyList<CertificateView> Certificates, string? Next) : FindCertificatesResult;
    public sealed record Found(CertificateView Certificate) : FindCertificatesResult;
    public sealed record UnknownCertificate : FindCertificatesResult;
    public sealed record Forbidden : FindCertificatesResult;
}

public sealed class FindCertificates(IDbContextFactory<FleetDbContext> databases, TimeProvider clock)
{
    private const int MaxLimit = 500;

    public async Task<FindCertificatesResult> RunAsync(Actor actor, FindCertificatesRequest request, CancellationToken ct)
    {
        if (!actor.May(Permission.ReadFleet)) return new FindCertificatesResult.Forbidden();
        await using var db = await databases.CreateDbContextAsync(ct);
        var limit = Math.Clamp(request.Limit, 1, MaxLimit);
        var found = await Matching(db, request).OrderBy(c => c.Serial).Take(limit + 1).Select(c => new CertificateView(
            "device", c.Serial, c.DeviceId, c.IssuerId, c.KeyFingerprint, c.BatchId, c.NotBefore, c.NotAfter, c.RevokedAt, c.RevocationReason, c.HeldAt, null)).ToListAsync(ct);
        if (found.Count <= limit) return new FindCertificatesResult.Page(found, null);
        found.RemoveAt(limit); // It was read only to know that there is more.
        return new FindCertificatesResult.Page(found, found[^1].Serial);
    }

    public async Task<FindCertificatesResult> OneAsync(Actor actor, string serial, CancellationToken ct)
    {
        if (!actor.May(Permission.ReadFleet)) return new FindCertificatesResult.Forbidden();
        await using var db = await databases.CreateDbContextAsync(ct);
        var found = await db.Certificates.Where(c => c.Serial == serial).Select(c => new CertificateView(
                "device", c.Serial, c.DeviceId, c.IssuerId, c.KeyFingerprint, c.BatchId, c.NotBefore, c.NotAfter, c.RevokedAt, c.RevocationReason, c.HeldAt, c.Der)).SingleOrDefaultAsync(ct)
            ?? await db.ServiceCertificates.Where(c => c.Serial == serial).Select(c => new CertificateView(
                "service", c.Serial, c.ServiceName, c.IssuerId, c.KeyFingerprint, null, c.NotBefore, c.NotAfter, c.RevokedAt, c.RevocationReason, null, c.Der)).SingleOrDefaultAsync(ct)
            ?? await db.ClaimCertificates.Where(c => c.Serial == serial).Select(c => new CertificateView(
                "claim", c.Serial, c.BatchId, c.IssuerId, c.KeyFingerprint, c.BatchId, c.NotBefore, c.NotAfter, c.RevokedAt, c.RevocationReason, null, c.Der)).SingleOrDefaultAsync(ct)
            ?? await db.ServerCertificates.Where(c => c.Serial == serial).Select(c => new CertificateView(
                "server", c.Serial, c.Subject, c.IssuerId, null, null, c.NotBefore, c.NotAfter, c.RevokedAt, c.RevocationReason, null, c.Der)).SingleOrDefaultAsync(ct);
        return found is null ? new FindCertificatesResult.UnknownCertificate() : new FindCertificatesResult.Found(found);
    }

    public CertificateState StateOf(CertificateView certificate)
    {
        if (certificate.RevokedAt is not null) return CertificateState.Revoked;
        if (certificate.NotAfter < clock.GetUtcNow()) return CertificateState.Expired;
        return certificate.HeldAt is null ? CertificateState.Good : CertificateState.Suspended;
    }

    private IQueryable<IssuedCertificate> Matching(FleetDbContext db, FindCertificatesRequest request)
    {
        var now = clock.GetUtcNow();
        var certificates = db.Certificates.AsNoTracking();
        if (request.DeviceId is { } device) certificates = certificates.Where(c => c.DeviceId == device);
        if (request.IssuerId is { } issuer) certificates = certificates.Where(c => c.IssuerId == issuer);
        if (request.BatchId is { } batch) certificates = certificates.Where(c => c.BatchId == batch);
        if (request.KeyFingerprint is { } key) certificates = certificates.Where(c => c.KeyFingerprint == key);
        if (request.Cursor is { } cursor) certificates = certificates.Where(c => string.Compare(c.Serial, cursor) > 0);
        return request.State switch
        {
            CertificateState.Revoked => certificates.Where(c => c.RevokedAt != null),
            CertificateState.Expired => certificates.Where(c => c.RevokedAt == null && c.NotAfter < now),
            CertificateState.Suspended => certificates.Where(c => c.RevokedAt == null && c.NotAfter >= now && c.HeldAt != null),
            CertificateState.Good => certificates.Where(c => c.RevokedAt == null && c.NotAfter >= now && c.HeldAt == null),
            _ => certificates,
        };
    }
}
