using IoTFleet.Fleet.Devices;
using IoTFleet.Fleet.Enrolment.Groups;
using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Enrolment.Import;

/// <summary>What the database knows of the rows of one batch, and what becomes of it row by row; a row sees what those before it made.</summary>
internal sealed class ImportBatch
{
    private const int MaxName = 200;
    private const int MaxSerial = 64;

    private readonly FleetDbContext _db;
    private readonly DateTimeOffset _now;
    private readonly HashSet<string> _groups;
    private readonly Dictionary<string, Device> _devices;
    private readonly Dictionary<(string Group, string Serial), string> _owners;
    private readonly Dictionary<(string Group, string Serial), AllowedSerial> _listed;

    private ImportBatch(FleetDbContext db, DateTimeOffset now, IEnumerable<string> groups, List<Device> devices, List<Device> holders, List<AllowedSerial> listed)
    {
        (_db, _now) = (db, now);
        _groups = groups.ToHashSet(StringComparer.Ordinal);
        _devices = devices.ToDictionary(d => d.Id, StringComparer.Ordinal);
        _owners = [];
        foreach (var holder in holders.Where(d => d.GroupId is not null)) _owners[(holder.GroupId!, holder.HardwareSerial!)] = holder.Id;
        _listed = listed.ToDictionary(s => (s.GroupId, s.Serial));
    }

    public static async Task<ImportBatch> LoadAsync(FleetDbContext db, List<ImportRow> rows, DateTimeOffset now, CancellationToken ct)
    {
        var ids = rows.Select(row => row.Id).OfType<string>().Distinct().ToList();
        var serials = rows.Select(row => row.Serial).OfType<string>().Distinct().ToList();
        var names = rows.Select(row => row.Group).OfType<string>().Distinct().ToList();
        return new ImportBatch(
            db,
            now,
            await db.Groups.Where(g => names.Contains(g.Id)).Select(g => g.Id).ToListAsync(ct),
            await db.Devices.Where(d => ids.Contains(d.Id)).ToListAsync(ct),
            serials.Count == 0 ? [] : await db.Devices.AsNoTracking().Where(d => serials.Contains(d.HardwareSerial!)).ToListAsync(ct),
            serials.Count == 0 ? [] : await db.AllowedSerials.Where(s => names.Contains(s.GroupId) && serials.Contains(s.Serial)).ToListAsync(ct));
    }

    public ImportRowResult Take(ImportRow row)
    {
        if ((row.Problem ?? FindProblem(row)) is { } problem) return new ImportRowResult(row.Row, row.Id, ImportOutcome.Invalid, problem);
        if (FindConflict(row) is { } conflict) return new ImportRowResult(row.Row, row.Id, ImportOutcome.Conflict, conflict);
        var listed = List(row);
        if (row.Id is null) return new ImportRowResult(row.Row, null, listed ? ImportOutcome.Listed : ImportOutcome.Unchanged);
        if (!_devices.TryGetValue(row.Id, out var known))
        {
            Keep(row, null);
            return new ImportRowResult(row.Row, row.Id, ImportOutcome.Registered);
        }
        return new ImportRowResult(row.Row, row.Id, Keep(row, known) || listed ? ImportOutcome.Updated : ImportOutcome.Unchanged);
    }

    private string? FindProblem(ImportRow row)
    {
        if (row.Id is null && (row.Serial is null || row.Group is null)) return "A row names a device id, or a serial and its group.";
        if (row.Id is { } id && !DeviceName.IsValid(id)) return $"A device id is {DeviceName.Rule}.";
        if (row.Serial is { } serial && (serial.Length > MaxSerial || serial.Any(c => c is < ' ' or > '~'))) return $"A serial has at most {MaxSerial} printable ASCII characters.";
        if (row.Group is { } group && !_groups.Contains(group)) return $"There is no enrolment group {group}.";
        if (row.DisplayName is { Length: > MaxName }) return $"A display name has at most {MaxName} characters.";
        return row.Tags?.FirstOrDefault(tag => !GroupSettings.IsTag(tag)) is { } wrong ? $"'{wrong}' is not a tag; write name=value." : null;
    }

    private string? FindConflict(ImportRow row)
    {
        if (row is { Group: { } group, Serial: { } serial })
        {
            if (_owners.TryGetValue((group, serial), out var owner) && row.Id is not null && owner != row.Id) return $"The serial is device {owner}'s.";
            if (_listed.TryGetValue((group, serial), out var listed) && row.Id is { } id && (listed.DeviceId ?? listed.UsedBy ?? id) != id)
                return $"The serial is listed for device {listed.DeviceId ?? listed.UsedBy}.";
        }
        if (row.Id is null || !_devices.TryGetValue(row.Id, out var known) || known.State == DeviceState.Registered) return null;
        if (row.Group is not null && row.Group != known.GroupId) return $"The device has enrolled already, into group {known.GroupId}.";
        return row.Serial is not null && known.HardwareSerial is { } has && row.Serial != has ? $"The device has enrolled already, with serial {has}." : null;
    }

    /// <returns>Whether the group's list changed.</returns>
    private bool List(ImportRow row)
    {
        if (row is not { Group: { } group, Serial: { } serial }) return false;
        if (!_listed.TryGetValue((group, serial), out var listed))
        {
            _db.AllowedSerials.Add(_listed[(group, serial)] = new AllowedSerial { GroupId = group, Serial = serial, DeviceId = row.Id });
            return true;
        }
        if (row.Id is null || listed.DeviceId == row.Id) return false;
        _db.Entry(listed).Property(s => s.DeviceId).CurrentValue = row.Id;
        return true;
    }

    /// <returns>Whether the device changed.</returns>
    private bool Keep(ImportRow row, Device? known)
    {
        var device = new Device
        {
            Id = row.Id!,
            State = known?.State ?? DeviceState.Registered,
            RegisteredAt = known?.RegisteredAt ?? _now,
            StateChangedAt = known?.StateChangedAt ?? _now,
            DisplayName = row.DisplayName ?? known?.DisplayName,
            GroupId = row.Group ?? known?.GroupId,
            HardwareSerial = row.Serial ?? known?.HardwareSerial,
            Tags = row.Tags is { } tags ? [.. tags] : known?.Tags ?? [],
            TrustBundleVersion = known?.TrustBundleVersion,
            LastConnectedAt = known?.LastConnectedAt,
            CloneSuspectedAt = known?.CloneSuspectedAt,
        };
        if (row is { Group: { } group, Serial: { } serial }) _owners[(group, serial)] = device.Id;
        if (known is null)
        {
            _db.Devices.Add(_devices[device.Id] = device);
            return true;
        }
        _db.Entry(known).CurrentValues.SetValues(device);
        return _db.Entry(known).State == EntityState.Modified;
    }
}
