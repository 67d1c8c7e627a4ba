using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Enrolment.Groups;

/// <summary>What anybody at the door of a group may know of it.</summary>
public sealed record GroupDescription(string Id, bool RequireChannelBinding, bool ServerKeyGeneration);

/// <summary>Tells a device, before it has shown anything, what a group wants. A door, so it takes no actor.</summary>
public sealed class DescribeGroup(IDbContextFactory<FleetDbContext> databases)
{
    /// <param name="label">The group's name; null for the default group.</param>
    /// <returns>Null when there is none.</returns>
    public async Task<GroupDescription?> RunAsync(string? label, CancellationToken ct)
    {
        var id = label ?? EnrolmentGroup.DefaultId;
        await using var db = await databases.CreateDbContextAsync(ct);
        return await db.Groups.Where(g => g.Id == id)
            .Select(g => new GroupDescription(g.Id, g.RequireChannelBinding, g.ServerKeyGeneration)).SingleOrDefaultAsync(ct);
    }
}
