using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Certificates;

/// <summary>
/// When a device is to renew its certificate (the idea of RFC 9773). A door, so it takes no actor: whoever shows a certificate may know its window.
/// </summary>
public sealed class FindRenewalWindow(IDbContextFactory<FleetDbContext> databases, RenewalSchedule schedule)
{
    /// <returns>Null when this device has no such certificate.</returns>
    public async Task<RenewalWindow?> RunAsync(string deviceId, string serial, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        return await RenewalStanding.ReadAsync(db, deviceId, serial, ct) is { } standing ? schedule.For(standing.Certificate, standing.RenewRequestedAt) : null;
    }
}
