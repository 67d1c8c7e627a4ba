using IoTFleet.Fleet.Authorities;
using IoTFleet.Fleet.Devices;
using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Status;

/// <summary>What the lists of one authority have to name: revoked or on hold, and not expired for longer than a list's interval.</summary>
internal static class ListedCertificates
{
    public static async Task<List<RevokedCertificate>[]> ReadAsync(
        FleetDbContext db, TrustSnapshot trust, AuthorityGeneration issuer, DateTimeOffset endedAfter, CancellationToken ct)
    {
        var lists = Enumerable.Range(0, issuer.Purpose == AuthorityPurpose.Root ? 1 : StatusAddresses.Shards).Select(_ => new List<RevokedCertificate>()).ToArray();
        await foreach (var entry in Entries(db, trust, issuer, endedAfter).WithCancellation(ct)) lists[lists.Length == 1 ? 0 : StatusAddresses.ShardOf(entry.Serial)].Add(entry);
        return lists;
    }

    private static IAsyncEnumerable<RevokedCertificate> Entries(FleetDbContext db, TrustSnapshot trust, AuthorityGeneration issuer, DateTimeOffset endedAfter) =>
        issuer.Purpose == AuthorityPurpose.Root ? Authorities(db, trust, issuer).Concat(Cross(db, issuer, endedAfter)) : Revoked(db, issuer, endedAfter).Concat(Held(db, issuer, endedAfter)).Concat(Servers(db, issuer, endedAfter));

    private static IAsyncEnumerable<RevokedCertificate> Revoked(FleetDbContext db, AuthorityGeneration issuer, DateTimeOffset endedAfter) => issuer.Purpose switch
    {
        AuthorityPurpose.Devices => Read(db.Certificates.Where(c => c.IssuerId == issuer.Id && c.RevokedAt != null && c.NotAfter >= endedAfter)
            .Select(c => new Row(c.Serial, c.RevokedAt, c.RevocationReason))),
        AuthorityPurpose.Services => Read(db.ServiceCertificates.Where(c => c.IssuerId == issuer.Id && c.RevokedAt != null && c.NotAfter >= endedAfter)
            .Select(c => new Row(c.Serial, c.RevokedAt, c.RevocationReason))),
        AuthorityPurpose.Claims => Read(db.ClaimCertificates.Where(c => c.IssuerId == issuer.Id && c.RevokedAt != null && c.NotAfter >= endedAfter)
            .Select(c => new Row(c.Serial, c.RevokedAt, c.RevocationReason))),
        _ => AsyncEnumerable.Empty<RevokedCertificate>(),
    };

    private static IAsyncEnumerable<RevokedCertificate> Held(FleetDbContext db, AuthorityGeneration issuer, DateTimeOffset endedAfter)
    {
        const RevocationReason Hold = RevocationReason.CertificateHold;
        if (issuer.Purpose == AuthorityPurpose.Claims)
        {
            return Read(from certificate in db.ClaimCertificates
                        where certificate.IssuerId == issuer.Id && certificate.RevokedAt == null && certificate.NotAfter >= endedAfter
                        join batch in db.ClaimBatches on certificate.BatchId equals batch.Id
                        where batch.HeldAt != null
                        select new Row(certificate.Serial, batch.HeldAt, Hold));
        }
        if (issuer.Purpose != AuthorityPurpose.Devices) return AsyncEnumerable.Empty<RevokedCertificate>();
        return Read(from certificate in db.Certificates
                    where certificate.IssuerId == issuer.Id && certificate.RevokedAt == null && certificate.NotAfter >= endedAfter
                    join device in db.Devices on certificate.DeviceId equals device.Id
                    from batch in db.ClaimBatches.Where(b => b.Id == certificate.BatchId).DefaultIfEmpty()
                    where certificate.HeldAt != null || batch!.DevicesHeldAt != null || device.State == DeviceState.Suspended
                    select new Row(certificate.Serial, certificate.HeldAt ?? batch!.DevicesHeldAt ?? device.StateChangedAt, Hold));
    }

    private static IAsyncEnumerable<RevokedCertificate> Servers(FleetDbContext db, AuthorityGeneration issuer, DateTimeOffset endedAfter) =>
        Read(db.ServerCertificates.Where(c => c.IssuerId == issuer.Id && c.RevokedAt != null && c.NotAfter >= endedAfter)
            .Select(c => new Row(c.Serial, c.RevokedAt, c.RevocationReason)));

    private static IAsyncEnumerable<RevokedCertificate> Cross(FleetDbContext db, AuthorityGeneration root, DateTimeOffset endedAfter) =>
        Read(db.ServerCertificates.Where(c => c.IssuerId == root.Id && c.Profile == BundleLedger.CrossProfile && c.RevokedAt != null && c.NotAfter >= endedAfter)
            .Select(c => new Row(c.Serial, c.RevokedAt, c.RevocationReason)));

    private static IAsyncEnumerable<RevokedCertificate> Authorities(FleetDbContext db, TrustSnapshot trust, AuthorityGeneration root) =>
        db.Authorities.AsNoTracking().Where(a => a.RevokedAt != null).AsAsyncEnumerable()
            .Where(authority => trust.Find(authority.Id) is { } one && one.IsIssuedBy(root))
            .Select(authority => new RevokedCertificate(
                SerialNumber.Of(trust.Find(authority.Id)!.Certificate), authority.RevokedAt!.Value, authority.RevocationReason ?? RevocationReason.Unspecified));

    private static IAsyncEnumerable<RevokedCertificate> Read(IQueryable<Row> rows) =>
        rows.AsAsyncEnumerable().Select(row => new RevokedCertificate(SerialNumber.Parse(row.Serial), row.At!.Value, row.Reason ?? RevocationReason.Unspecified));

    private sealed record Row(string Serial, DateTimeOffset? At, RevocationReason? Reason);
}
