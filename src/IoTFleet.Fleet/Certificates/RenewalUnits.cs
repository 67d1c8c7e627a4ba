using IoTFleet.Fleet.Authorities;
using IoTFleet.Fleet.Devices;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Certificates;

/// <summary>What a unit of a renewal has come to.</summary>
internal abstract record RenewalOutcome
{
    /// <param name="Certificate">The new one.</param>
    /// <param name="Repeated">It was issued before, for the same key.</param>
    /// <param name="Replaced">Another that had never been used gave way to it.</param>
    public sealed record Stored(IssuedCertificate Certificate, bool Repeated, bool Replaced) : RenewalOutcome;

    public sealed record Refused(RenewCertificateResult.Refused Refusal) : RenewalOutcome;
}

/// <summary>The two units of a renewal, before and after the signature.</summary>
internal sealed class RenewalUnits(RevocationFeed feed, TimeProvider clock)
{
    public async Task<Taking<RenewalOutcome>> TakeAsync(
        FleetDbContext db, RenewCertificateRequest request, TrustSnapshot trust, CancellationToken ct)
    {
        // Asked again: between the first look and this unit an operator may have been quicker.
        if (await RenewalStanding.ReadAsync(db, request.DeviceId, request.Serial, ct) is not { } standing) return Refuse(RenewRefusal.CertificateUnknown);
        if (standing.FindFault(trust, clock.GetUtcNow()) is { } fault) return Refuse(fault);

        var key = request.Request.KeyFingerprint;
        if (await db.BlockedKeys.AnyAsync(k => k.Fingerprint == key, ct)) return Refuse(RenewRefusal.KeyForbidden);
        var owner = await db.DeviceKeys.Where(k => k.Fingerprint == key).Select(k => k.DeviceId).SingleOrDefaultAsync(ct);
        if (owner is not null && owner != request.DeviceId) return Refuse(RenewRefusal.KeyOfAnotherDevice);

        var successors = await db.Certificates.AsNoTracking().Where(c => c.PredecessorSerial == request.Serial && c.RevokedAt == null).ToListAsync(ct);
        if (successors.Find(c => c.KeyFingerprint == key) is { } same) return Instead(new RenewalOutcome.Stored(same, Repeated: true, Replaced: false)); // A retry, whose first answer got lost.
        if (successors.Exists(c => c.FirstUsedAt is not null)) return Refuse(RenewRefusal.CertificateSuperseded);
        if (owner is null) db.DeviceKeys.Add(new DeviceKey { Fingerprint = key, DeviceId = request.DeviceId });
        else if (await UsesAsync(db, key, ct) > standing.KeyReuseLimit) return Refuse(RenewRefusal.KeyUsedTooOften);
        return new Taking<RenewalOutcome>.Granted();
    }

    /// <summary>It has been signed, so it is stored whatever has happened since: revoked, if its predecessor or its device was.</summary>
    public async Task<RenewalOutcome> StoreAsync(FleetDbContext db, RenewalStanding standing, SignedCertificate signed, CancellationToken ct)
    {
        var old = standing.Certificate;
        var welcome = await db.Certificates.AnyAsync(c => c.Serial == old.Serial && c.RevokedAt == null, ct)
            && await db.Devices.AnyAsync(d => d.Id == old.DeviceId && d.State == DeviceState.Active, ct);
        var replaced = welcome && await ReplaceUnusedAsync(db, old, ct);
        var uses = await UsesAsync(db, signed.Intent.KeyFingerprint, ct);
        var row = IssuedCertificate.Renewed(old, signed, uses, welcome ? null : clock.GetUtcNow());
        db.Certificates.Add(row);
        return welcome ? new RenewalOutcome.Stored(row, Repeated: false, replaced) : new RenewalOutcome.Refused(RenewRefusal.CertificateRevoked);
    }

    /// <summary>How often the key has been certified: an old key that comes back counts, too.</summary>
    private static Task<int> UsesAsync(FleetDbContext db, string key, CancellationToken ct) => db.Certificates.CountAsync(c => c.KeyFingerprint == key, ct);

    private async Task<bool> ReplaceUnusedAsync(FleetDbContext db, IssuedCertificate old, CancellationToken ct)
    {
        var unused = await db.Certificates.Where(c => c.PredecessorSerial == old.Serial && c.RevokedAt == null && c.FirstUsedAt == null).Select(c => c.Serial).ToListAsync(ct);
        foreach (var serial in unused) await feed.SupersedeAsync(db, old.DeviceId, serial, ct);
        return unused.Count > 0;
    }

    private static Taking<RenewalOutcome> Refuse(RenewCertificateResult.Refused refusal) => Instead(new RenewalOutcome.Refused(refusal));

    private static Taking<RenewalOutcome> Instead(RenewalOutcome outcome) => new Taking<RenewalOutcome>.Instead(outcome);
}
