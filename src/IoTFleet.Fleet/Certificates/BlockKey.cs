using IoTFleet.Fleet.Audit;
using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Fleet.Certificates;

/// <param name="Fingerprint">SHA-256 of the SubjectPublicKeyInfo, hex.</param>
public sealed record BlockKeyRequest(string Fingerprint, string? Why = null);

public abstract record BlockKeyResult
{
    private BlockKeyResult() { }

    /// <summary>Also when it was blocked before, then with no certificate left to revoke.</summary>
    public sealed record Blocked(string Fingerprint, int Certificates) : BlockKeyResult;
    public sealed record Invalid(string Problem) : BlockKeyResult;
    public sealed record Forbidden : BlockKeyResult;
}

/// <summary>A key is in wrong hands: every certificate for it is revoked, and nothing is ever issued to it again. There is no way back.</summary>
public sealed class BlockKey(
    IDbContextFactory<FleetDbContext> databases, RevocationFeed feed, AuditTrail audit, FleetMetrics metrics, TimeProvider clock, ILogger<BlockKey> log)
{
    private const string Action = "device-key.revoke";
    private const int FingerprintLength = 64;

    public async Task<BlockKeyResult> RunAsync(Actor actor, BlockKeyRequest request, CancellationToken ct)
    {
        if (!actor.May(Permission.RevokeDevices))
        {
            await audit.ForbiddenAsync(actor, Action, request.Fingerprint, ct);
            return new BlockKeyResult.Forbidden();
        }
        var fingerprint = request.Fingerprint.ToLowerInvariant();
        if (fingerprint.Length != FingerprintLength || !fingerprint.All(char.IsAsciiHexDigit))
            return new BlockKeyResult.Invalid($"A key's fingerprint is the SHA-256 of its SubjectPublicKeyInfo in {FingerprintLength} hex digits.");

        await using var db = await databases.CreateDbContextAsync(ct);
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        var certificates = await RevokeCertificatesAsync(db, fingerprint, ct);
        var added = await AddAsync(db, [fingerprint], request.Why ?? "revoked by an operator", ct);
        if (added == 0 && certificates == 0) return new BlockKeyResult.Blocked(fingerprint, 0);
        audit.Done(db, actor, Action, fingerprint, $"{request.Why ?? "no reason given"}, {certificates} certificates");
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);

        feed.Announce();
        metrics.CountCertificatesRevoked(certificates);
        FleetLog.KeyBlocked(log, fingerprint, certificates, actor.Name);
        return new BlockKeyResult.Blocked(fingerprint, certificates);
    }

    /// <summary>Joins the caller's unit of work.</summary>
    /// <returns>How many were not blocked before.</returns>
    internal async Task<int> AddAsync(FleetDbContext db, IReadOnlyCollection<string> fingerprints, string why, CancellationToken ct)
    {
        var known = await db.BlockedKeys.Where(k => fingerprints.Contains(k.Fingerprint)).Select(k => k.Fingerprint).ToListAsync(ct);
        var now = clock.GetUtcNow();
        var added = fingerprints.Except(known).ToList();
        foreach (var fingerprint in added)
        {
            db.BlockedKeys.Add(new BlockedKey { Fingerprint = fingerprint, Reason = why, At = now });
            feed.Append(db, RevocationKind.KeyRevoked, fingerprint);
        }
        return added.Count;
    }

    private async Task<int> RevokeCertificatesAsync(FleetDbContext db, string key, CancellationToken ct)
    {
        DateTimeOffset? now = clock.GetUtcNow();
        RevocationReason? reason = RevocationReason.KeyCompromise;
        return await db.Certificates.Where(c => c.KeyFingerprint == key && c.RevokedAt == null)
                .ExecuteUpdateAsync(set => set.SetProperty(c => c.RevokedAt, now).SetProperty(c => c.RevocationReason, reason), ct)
            + await db.ServiceCertificates.Where(c => c.KeyFingerprint == key && c.RevokedAt == null)
                .ExecuteUpdateAsync(set => set.SetProperty(c => c.RevokedAt, now).SetProperty(c => c.RevocationReason, reason), ct)
            + await db.ClaimCertificates.Where(c => c.KeyFingerprint == key && c.RevokedAt == null)
                .ExecuteUpdateAsync(set => set.SetProperty(c => c.RevokedAt, now).SetProperty(c => c.RevocationReason, reason), ct);
    }
}
