using IoTFleet.Fleet.Audit;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Fleet.IssuanceLog;

/// <summary>
/// Puts the certificates of a fleet that is older than its log into it, once, when the log is empty, in one unit. Never later:
/// a certificate row that somebody slipped into the database must not become one of the log's.
/// </summary>
public sealed class AdoptCertificates(FleetWriter writer, IssuedLog issued, AuditTrail audit, ILogger<AdoptCertificates> log)
{
    public async Task RunAsync(CancellationToken ct)
    {
        var adopted = await writer.RunAsync(AdoptAsync, ct);
        if (adopted > 0) FleetLog.CertificatesAdopted(log, adopted);
    }

    private async Task<int> AdoptAsync(FleetDbContext db, CancellationToken ct)
    {
        if (await db.LogLeaves.AnyAsync(ct)) return 0;
        var devices = await db.Certificates.AsNoTracking().OrderBy(c => c.NotBefore).ThenBy(c => c.Serial).Select(c => new { c.Serial, c.Der }).ToListAsync(ct);
        foreach (var certificate in devices)
        {
            var index = await issued.AppendAsync(db, certificate.Der, certificate.Serial, ct);
            await db.Certificates.Where(c => c.Serial == certificate.Serial).ExecuteUpdateAsync(set => set.SetProperty(c => c.LogIndex, (long?)index), ct);
        }
        var services = await db.ServiceCertificates.AsNoTracking().OrderBy(c => c.NotBefore).ThenBy(c => c.Serial).Select(c => new { c.Serial, c.Der }).ToListAsync(ct);
        foreach (var certificate in services) await issued.AppendAsync(db, certificate.Der, certificate.Serial, ct);
        if (devices.Count + services.Count > 0) audit.Done(db, Actor.System, "log.adopt", "issued", $"{devices.Count} device and {services.Count} service certificates");
        return devices.Count + services.Count;
    }
}
