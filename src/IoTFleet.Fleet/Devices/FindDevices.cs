using IoTFleet.Fleet.Certificates;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Devices;

/// <param name="State">Only devices in this state.</param>
/// <param name="Prefix">Only devices whose id starts so.</param>
/// <param name="Cursor">The <c>Next</c> of the page before.</param>
/// <param name="Limit">At most this many; 1 to 500, and what is outside is brought inside.</param>
public sealed record FindDevicesRequest(DeviceState? State = null, string? Prefix = null, string? Cursor = null, int Limit = 100);

public abstract record FindDevicesResult
{
    private FindDevicesResult() { }

    /// <summary>In the order of their ids; <c>Next</c> is null on the last page.</summary>
    public sealed record Page(IReadOnlyList<Device> Devices, string? Next) : FindDevicesResult;
    public sealed record Forbidden : FindDevicesResult;
}

public abstract record FindDeviceResult
{
    private FindDeviceResult() { }

    /// <summary>Its certificates come newest first.</summary>
    public sealed record Found(Device Device, IReadOnlyList<IssuedCertificate> Certificates) : FindDeviceResult;
    public sealed record UnknownDevice : FindDeviceResult;
    public sealed record Forbidden : FindDeviceResult;
}

public sealed class FindDevices(IDbContextFactory<FleetDbContext> databases)
{
    private const int MaxLimit = 500;

    public async Task<FindDevicesResult> RunAsync(Actor actor, FindDevicesRequest request, CancellationToken ct)
    {
        if (!actor.May(Permission.ReadFleet)) return new FindDevicesResult.Forbidden();
        await using var db = await databases.CreateDbContextAsync(ct);
        var limit = Math.Clamp(request.Limit, 1, MaxLimit);
        var devices = await Matching(db, request).OrderBy(d => d.Id).Take(limit + 1).ToListAsync(ct);
        if (devices.Count <= limit) return new FindDevicesResult.Page(devices, null);
        devices.RemoveAt(limit); // It was read only to know that there is more.
        return new FindDevicesResult.Page(devices, devices[^1].Id);
    }

    public async Task<FindDeviceResult> OneAsync(Actor actor, string id, CancellationToken ct)
    {
        if (!actor.May(Permission.ReadFleet)) return new FindDeviceResult.Forbidden();
        await using var db = await databases.CreateDbContextAsync(ct);
        var device = await db.Devices.AsNoTracking().SingleOrDefaultAsync(d => d.Id == id, ct);
        if (device is null) return new FindDeviceResult.UnknownDevice();
        var certificates = await db.Certificates.AsNoTracking()
            .Where(c => c.DeviceId == id).OrderByDescending(c => c.NotBefore).ThenBy(c => c.Serial).ToListAsync(ct);
        return new FindDeviceResult.Found(device, certificates);
    }

    /// <summary>How many devices there are; null when the actor may not know.</summary>
    public async Task<int?> CountAsync(Actor actor, CancellationToken ct)
    {
        if (!actor.May(Permission.ReadFleet)) return null;
        await using var db = await databases.CreateDbContextAsync(ct);
        return await db.Devices.CountAsync(ct);
    }

    private static IQueryable<Device> Matching(FleetDbContext db, FindDevicesRequest request)
    {
        var devices = db.Devices.AsNoTracking();
        if (request.State is { } state) devices = devices.Where(d => d.State == state);
        if (request.Cursor is { } cursor) devices = devices.Where(d => string.Compare(d.Id, cursor) > 0);
        if (string.IsNullOrEmpty(request.Prefix)) return devices;
        var prefix = request.Prefix;
        // The comparison adds nothing to the answer; it lets the search begin at the prefix in the index.
        return devices.Where(d => string.Compare(d.Id, prefix) >= 0 && d.Id.StartsWith(prefix));
    }
}
