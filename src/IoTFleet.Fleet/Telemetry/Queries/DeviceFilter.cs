using IoTFleet.Fleet.Devices;
using IoTFleet.Fleet.Enrolment;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Telemetry.Queries;

/// <summary>Which devices a question is about; what is not given does not narrow it.</summary>
/// <param name="Ids">Devices by name; empty for any.</param>
/// <param name="Group">The enrolment group they came by; <c>default</c> also for those that came by none.</param>
/// <param name="Tag"><c>name=value</c>.</param>
public sealed record DeviceFilter(IReadOnlyList<string> Ids, string? Group = null, string? Tag = null)
{
    public const int MaxIds = 1_000;

    internal bool IsOneDevice => Ids.Count == 1 && Group is null && Tag is null;

    internal IQueryable<Device> Apply(IQueryable<Device> devices)
    {
        if (Ids.Count == 1)
        {
            var one = Ids[0];
            devices = devices.Where(device => device.Id == one);
        }
        else if (Ids.Count > 0)
        {
            devices = devices.Where(device => Ids.Contains(device.Id));
        }
        if (Group is { } group) devices = devices.Where(device => (device.GroupId ?? EnrolmentGroup.DefaultId) == group);
        if (Tag is { } tag) devices = devices.Where(device => device.Tags.Contains(tag));
        return devices;
    }
}

/// <summary>Finds the devices that a filter means, page by page and in the order of their ids.</summary>
public sealed class DeviceDirectory(IDbContextFactory<FleetDbContext> databases)
{
    internal async Task<List<string>> PageAsync(DeviceFilter filter, string? after, int limit, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var devices = filter.Apply(db.Devices.AsNoTracking());
        if (after is not null) devices = devices.Where(device => string.Compare(device.Id, after) > 0);
        return await devices.OrderBy(device => device.Id).Take(limit).Select(device => device.Id).ToListAsync(ct);
    }

    internal async Task<bool> IsKnownAsync(string id, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        return await db.Devices.AnyAsync(device => device.Id == id, ct);
    }
}
