using IoTFleet.Fleet.Devices;
using Microsoft.EntityFrameworkCore;
using static IoTFleet.Fleet.Enrolment.EnrolDeviceResult;

namespace IoTFleet.Fleet.Enrolment.Groups;

/// <summary>The one place where a group's limits are held against a request: first what needs no counting, then, in the enrolling transaction, what does.</summary>
internal static class GroupGate
{
    private const string PlaceSql = """
        UPDATE "Groups" SET "Enrolled" = "Enrolled" + @p2, "EnrolledThisHour" = "EnrolledThisHour" + @p3
        WHERE "Id" = @p0 AND "Closed" = @p1 AND (@p2 = 0 OR "MaxDevices" IS NULL OR "Enrolled" < "MaxDevices")
            AND ("MaxPerHour" IS NULL OR "EnrolledThisHour" < "MaxPerHour")
        """;

    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);

    /// <summary>What can be said without a database.</summary>
    public static Refused? FindFault(EnrolmentStanding standing, EnrolDeviceRequest request, DateTimeOffset now)
    {
        var group = standing.Group;
        if (group.Closed) return EnrolRefusal.GroupClosed;
        if (now < group.OpensAt || now >= group.ClosesAt) return EnrolRefusal.GroupNotOpen;
        if (!group.Ways.HasFlag(standing.Way)) return EnrolRefusal.GroupWayClosed;
        if (group.IdPattern is { } pattern && !Wildcard.Matches(pattern, standing.DeviceId)) return EnrolRefusal.GroupIdPattern;
        if (request.Request.IsRsa && !group.AllowRsa) return EnrolRefusal.RsaNotAllowed;
        if (group.RequireChannelBinding && !request.IsChannelBound) return EnrolRefusal.ChannelBindingRequired;
        if (request.KeyByServer && !group.ServerKeyGeneration) return EnrolRefusal.ServerKeysOff;
        return null;
    }

    /// <summary>Whether the device, if it is known, may come by this group.</summary>
    public static Refused? FindFault(EnrolmentStanding standing, Device? device)
    {
        if (device is null) return standing.Group.Ways.HasFlag(EnrolmentWays.Preregistered) ? EnrolRefusal.DeviceNotRegistered : null;
        var movesDevices = standing.Token is { DeviceId: not null };
        if (device.GroupId is { } other && other != standing.Group.Id && !movesDevices) return EnrolRefusal.DeviceOfAnotherGroup;
        if (standing.HardwareSerial is { } shown && device.HardwareSerial is { } known && shown != known) return EnrolRefusal.SerialOfAnotherDevice;
        // A maker proves its serial number. That the device of the same name is the one with that number, the fleet must know by itself.
        if (standing.Way == EnrolmentWays.Manufacturer && device.HardwareSerial is null && !standing.IsListed) return EnrolRefusal.SerialOfAnotherDevice;
        return null;
    }

    /// <summary>Takes a place of the group's number and of this hour's; by condition, so that no two take the last one.</summary>
    /// <param name="isNew">False for a device that the group has enrolled before: it takes no second place.</param>
    public static async Task<Refused?> TakePlaceAsync(FleetDbContext db, EnrolmentGroup group, bool isNew, DateTimeOffset now, CancellationToken ct)
    {
        var (place, rated) = (isNew ? 1 : 0, group.MaxPerHour is null ? 0 : 1);
        if (place + rated == 0) return null;
        if (rated > 0) await BeginHourAsync(db, group.Id, now, ct);
        var taken = await db.Statements.ExecuteAsync(PlaceSql, ct, group.Id, false, place, rated);
        return taken == 1 ? null : await WhyNotAsync(db, group.Id, now, ct);
    }

    /// <summary>Takes the serial number off the list for this device, when the group has a list.</summary>
    /// <returns>The number, from the list where the request named none.</returns>
    public static async Task<(Refused? Refused, string? Serial)> TakeSerialAsync(FleetDbContext db, EnrolmentStanding standing, CancellationToken ct)
    {
        var (group, id, serial) = (standing.Group, standing.DeviceId, standing.HardwareSerial);
        if (serial is not null && await db.Devices.AnyAsync(d => d.HardwareSerial == serial && d.GroupId == group.Id && d.Id != id, ct))
            return (EnrolRefusal.SerialOfAnotherDevice, null);
        if (!group.OnlyListedSerials) return (null, serial);
        serial ??= await db.AllowedSerials.Where(s => s.GroupId == group.Id && s.DeviceId == id).Select(s => s.Serial).FirstOrDefaultAsync(ct);
        if (serial is null) return (EnrolRefusal.SerialMissing, null);

        var taken = await db.AllowedSerials
            .Where(s => s.GroupId == group.Id && s.Serial == serial && (s.DeviceId == null || s.DeviceId == id) && (s.UsedBy == null || s.UsedBy == id))
            .ExecuteUpdateAsync(set => set.SetProperty(s => s.UsedBy, id), ct);
        if (taken == 1) return (null, serial);
        var listed = await db.AllowedSerials.AnyAsync(s => s.GroupId == group.Id && s.Serial == serial, ct);
        return (listed ? EnrolRefusal.SerialOfAnotherDevice : EnrolRefusal.SerialNotListed, null);
    }

    private static async Task BeginHourAsync(FleetDbContext db, string groupId, DateTimeOffset now, CancellationToken ct)
    {
        DateTimeOffset? start = now;
        var over = now - Hour;
        await db.Groups.Where(g => g.Id == groupId && (g.HourStartsAt == null || g.HourStartsAt <= over)).ExecuteUpdateAsync(
            set => set.SetProperty(g => g.HourStartsAt, start).SetProperty(g => g.EnrolledThisHour, 0), ct);
    }

    private static async Task<Refused> WhyNotAsync(FleetDbContext db, string groupId, DateTimeOffset now, CancellationToken ct)
    {
        var group = await db.Groups.AsNoTracking().SingleAsync(g => g.Id == groupId, ct);
        if (group.Closed) return EnrolRefusal.GroupClosed;
        if (group.EnrolledThisHour < (group.MaxPerHour ?? int.MaxValue)) return EnrolRefusal.GroupFull;
        return EnrolRefusal.GroupRate with { RetryAfter = (group.HourStartsAt ?? now) + Hour - now };
    }
}
