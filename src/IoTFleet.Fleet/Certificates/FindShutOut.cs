using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Certificates;

/// <summary>
/// Of devices that are away: who has no certificate left to come back with, since a key, a batch or an authority was revoked. The feed names no device
/// there, so the certificates are asked. One that merely ended does not count: it may be renewed within its group's days of grace.
/// </summary>
public sealed class FindShutOut(IDbContextFactory<FleetDbContext> databases, RevokedSet revoked)
{
    /// <summary>Ids for one question.</summary>
    private const int AtOnce = 500;

    /// <param name="deviceIds">Whoever is asked about; what is no device is passed over.</param>
    /// <param name="isRemoved">Whether an authority is believed no more, by its id.</param>
    /// <param name="ct">Ends the search.</param>
    public async Task<IReadOnlyList<string>> RunAsync(IEnumerable<string> deviceIds, Func<string, bool> isRemoved, CancellationToken ct)
    {
        var shutOut = new List<string>();
        await using var db = await databases.CreateDbContextAsync(ct);
        foreach (var some in deviceIds.Chunk(AtOnce))
        {
            var certificates = await db.Certificates.AsNoTracking().Where(c => some.Contains(c.DeviceId))
                .Select(c => new { c.DeviceId, c.Serial, c.IssuerId, c.KeyFingerprint, c.BatchId, Ended = c.RevokedAt != null || c.HeldAt != null }).ToListAsync(ct);
            shutOut.AddRange(certificates.GroupBy(c => c.DeviceId)
                .Where(device => device.All(c => c.Ended || isRemoved(c.IssuerId) || revoked.IsBlocked(new CertificateFacts(c.DeviceId, c.Serial, c.IssuerId, c.KeyFingerprint, c.BatchId))))
                .Select(device => device.Key));
        }
        return shutOut;
    }
}
