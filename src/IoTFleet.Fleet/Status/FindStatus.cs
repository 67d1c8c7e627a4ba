using IoTFleet.Fleet.Authorities;
using IoTFleet.Fleet.Devices;
using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Status;

/// <summary>What the tables say of one serial number of one authority.</summary>
/// <param name="Known">False for a number that was never issued.</param>
/// <param name="RevokedAt">Null while it is good.</param>
public sealed record KnownStatus(bool Known, DateTimeOffset? RevokedAt = null, RevocationReason Reason = RevocationReason.Unspecified)
{
    internal static readonly KnownStatus Never = new(false);
}

/// <summary>
/// What became of a certificate, for third parties: read from the tables each time, so that an answer is as new as the last commit.
/// Whoever is suspended, with the device or the batch, is on hold: it may be good again.
/// </summary>
public sealed class FindStatus(IDbContextFactory<FleetDbContext> databases, AuthorityDirectory authorities)
{
    private static readonly CompiledFor<Func<FleetDbContext, string, string, CancellationToken, Task<Row?>>> ReadDevice =
        new(() => EF.CompileAsyncQuery((FleetDbContext db, string issuer, string serial, CancellationToken ct) =>
            (from certificate in db.Certificates
             where certificate.Serial == serial && certificate.IssuerId == issuer
             join device in db.Devices on certificate.DeviceId equals device.Id
             from batch in db.ClaimBatches.Where(b => b.Id == certificate.BatchId).DefaultIfEmpty()
             select new Row(certificate.RevokedAt, certificate.RevocationReason,
                 certificate.HeldAt ?? batch!.DevicesHeldAt ?? (device.State == DeviceState.Suspended ? device.StateChangedAt : (DateTimeOffset?)null)))
            .SingleOrDefault()));

    private static readonly CompiledFor<Func<FleetDbContext, string, string, CancellationToken, Task<Row?>>> ReadService =
        new(() => EF.CompileAsyncQuery((FleetDbContext db, string issuer, string serial, CancellationToken ct) =>
            db.ServiceCertificates.Where(c => c.Serial == serial && c.IssuerId == issuer).Select(c => new Row(c.RevokedAt, c.RevocationReason, null)).SingleOrDefault()));

    private static readonly CompiledFor<Func<FleetDbContext, string, string, CancellationToken, Task<Row?>>> ReadClaim =
        new(() => EF.CompileAsyncQuery((FleetDbContext db, string issuer, string serial, CancellationToken ct) =>
            (from certificate in db.ClaimCertificates
             where certificate.Serial == serial && certificate.IssuerId == issuer
             join batch in db.ClaimBatches on certificate.BatchId equals batch.Id
             select new Row(certificate.RevokedAt ?? batch.RevokedAt, certificate.RevocationReason, batch.HeldAt)).SingleOrDefault()));

    private static readonly CompiledFor<Func<FleetDbContext, string, string, CancellationToken, Task<Row?>>> ReadServer =
        new(() => EF.CompileAsyncQuery((FleetDbContext db, string issuer, string serial, CancellationToken ct) =>
            db.ServerCertificates.Where(c => c.Serial == serial && c.IssuerId == issuer).Select(c => new Row(c.RevokedAt, c.RevocationReason, null)).SingleOrDefault()));

    public async Task<KnownStatus> RunAsync(AuthorityGeneration issuer, SerialNumber serial, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        if (issuer.Purpose == AuthorityPurpose.Root) return await OfAuthorityAsync(db, issuer, serial, ct);
        var row = issuer.Purpose switch
        {
            AuthorityPurpose.Devices => await ReadDevice.In(db)(db, issuer.Id, serial.Hex, ct),
            AuthorityPurpose.Services => await ReadService.In(db)(db, issuer.Id, serial.Hex, ct),
            AuthorityPurpose.Claims => await ReadClaim.In(db)(db, issuer.Id, serial.Hex, ct),
            _ => null,
        };
        row ??= await ReadServer.In(db)(db, issuer.Id, serial.Hex, ct); // A server's, or one of the responder's own.
        return row is null ? KnownStatus.Never : row.ToStatus();
    }

    private async Task<KnownStatus> OfAuthorityAsync(FleetDbContext db, AuthorityGeneration root, SerialNumber serial, CancellationToken ct)
    {
        if (authorities.Current.All.FirstOrDefault(one => one.IsIssuedBy(root) && SerialNumber.Of(one.Certificate) == serial) is not { } found)
        {
            var cross = await ReadServer.In(db)(db, root.Id, serial.Hex, ct); // What it has vouched for, or the responder's own.
            return cross?.ToStatus() ?? KnownStatus.Never;
        }
        var row = await db.Authorities.Where(a => a.Id == found.Id).Select(a => new Row(a.RevokedAt, a.RevocationReason, null)).SingleOrDefaultAsync(ct);
        return row is null ? KnownStatus.Never : row.ToStatus();
    }

    private sealed record Row(DateTimeOffset? RevokedAt, RevocationReason? Reason, DateTimeOffset? HeldAt)
    {
        internal KnownStatus ToStatus()
        {
            if (RevokedAt is { } at) return new KnownStatus(true, at, Reason ?? RevocationReason.Unspecified);
            return HeldAt is { } held ? new KnownStatus(true, held, RevocationReason.CertificateHold) : new KnownStatus(true);
        }
    }
}
