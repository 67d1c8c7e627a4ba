using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.IssuanceLog;

/// <summary>The certificates that the fleet keeps, whichever of its tables they are in.</summary>
internal static class IssuedRecords
{
    /// <returns>DER; null when nothing with this serial is kept.</returns>
    internal static async Task<byte[]?> FindAsync(FleetDbContext db, string serial, CancellationToken ct) =>
        await db.Certificates.Where(c => c.Serial == serial).Select(c => c.Der).SingleOrDefaultAsync(ct)
        ?? await db.ServiceCertificates.Where(c => c.Serial == serial).Select(c => c.Der).SingleOrDefaultAsync(ct)
        ?? await db.ClaimCertificates.Where(c => c.Serial == serial).Select(c => c.Der).SingleOrDefaultAsync(ct)
        ?? await db.ServerCertificates.Where(c => c.Serial == serial).Select(c => c.Der).SingleOrDefaultAsync(ct);

    internal static async Task<Dictionary<string, byte[]>> FindAsync(FleetDbContext db, IReadOnlyCollection<string> serials, CancellationToken ct)
    {
        var found = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        foreach (var row in await db.Certificates.Where(c => serials.Contains(c.Serial)).Select(c => new { c.Serial, c.Der }).ToListAsync(ct)) found[row.Serial] = row.Der;
        foreach (var row in await db.ServiceCertificates.Where(c => serials.Contains(c.Serial)).Select(c => new { c.Serial, c.Der }).ToListAsync(ct)) found[row.Serial] = row.Der;
        foreach (var row in await db.ClaimCertificates.Where(c => serials.Contains(c.Serial)).Select(c => new { c.Serial, c.Der }).ToListAsync(ct)) found[row.Serial] = row.Der;
        foreach (var row in await db.ServerCertificates.Where(c => serials.Contains(c.Serial)).Select(c => new { c.Serial, c.Der }).ToListAsync(ct)) found[row.Serial] = row.Der;
        return found;
    }
}
