using IoTFleet.Fleet.Audit;
using IoTFleet.Fleet.Certificates;
using IoTFleet.Fleet.Devices;
using IoTFleet.Fleet.Enrolment.Approvals;
using IoTFleet.Fleet.Enrolment.Groups;
using Microsoft.EntityFrameworkCore;
using static IoTFleet.Fleet.Enrolment.EnrolDeviceResult;

namespace IoTFleet.Fleet.Enrolment;

/// <summary>The two units of an enrolment, before and after the signature. The first reads all it needs, then takes; a refusal undoes what was taken before it.</summary>
internal sealed class EnrolmentUnits(RevocationFeed feed, AuditTrail audit, TimeProvider clock)
{
    private static readonly CompiledFor<Func<FleetDbContext, string, CancellationToken, Task<Device?>>> DeviceById =
        new(() => EF.CompileAsyncQuery((FleetDbContext db, string id, CancellationToken ct) => db.Devices.SingleOrDefault(d => d.Id == id)));

    private static readonly CompiledFor<Func<FleetDbContext, string, DateTimeOffset, IAsyncEnumerable<IssuedCertificate>>> LiveOf =
        new(() => EF.CompileAsyncQuery((FleetDbContext db, string id, DateTimeOffset now) =>
            db.Certificates.AsNoTracking().Where(c => c.DeviceId == id && c.RevokedAt == null && c.NotAfter > now)));

    private const string TokenSql = """
        UPDATE "Tokens" SET "Uses" = "Uses" + 1 WHERE "Id" = @p0 AND "Uses" < "MaxUses" AND "RevokedAtUs" IS NULL AND "ExpiresAtUs" > @p1
        """;

    private const string BatchSql = """
        UPDATE "ClaimBatches" SET "Used" = "Used" + 1 WHERE "Id" = @p0 AND "Used" < "Quota" AND "RevokedAtUs" IS NULL AND "HeldAtUs" IS NULL
        """;

    /// <summary>Changes nothing, and locks the row against a revocation at this moment.</summary>
    private const string LockSql = """
        UPDATE "Devices" SET "State" = @p1 WHERE "Id" = @p0 AND "State" = @p1
        """;

    /// <summary>One question for what is mostly new; only a device that is known is read.</summary>
    private static readonly CompiledFor<Func<FleetDbContext, string, string, string, CancellationToken, Task<Known?>>> KnownOf =
        new(() => EF.CompileAsyncQuery((FleetDbContext db, string group, string id, string key, CancellationToken ct) =>
            db.Groups.Where(g => g.Id == group).Select(g => new Known(
                db.Devices.Any(d => d.Id == id),
                db.DeviceKeys.Where(k => k.Fingerprint == key).Select(k => k.DeviceId).SingleOrDefault(),
                db.BlockedKeys.Any(k => k.Fingerprint == key))).SingleOrDefault()));

    /// <param name="owed">What a crash left unfinished for the same device and key: it has been paid for.</param>
    public async Task<Taking<EnrolDeviceResult>> TakeAsync(
        FleetDbContext db, EnrolmentStanding standing, EnrolDeviceRequest request, IssuanceIntent? owed, CancellationToken ct)
    {
        var known = await KnownOf.In(db)(db, standing.Group.Id, standing.DeviceId, request.Request.KeyFingerprint, ct);
        if (known is null) return Instead(EnrolRefusal.GroupUnknown);
        var device = known.Device ? await DeviceById.In(db)(db, standing.DeviceId, ct) : null;
        if (ShutOut(device?.State) is { } shutOut) return Instead(shutOut);
        if (GroupGate.FindFault(standing, device) is { } fault) return Instead(fault);

        var live = device is null ? [] : await LiveOf.In(db)(db, device.Id, clock.GetUtcNow()).ToListAsync(ct);
        var owner = known.Owner;
        if (await FindKeyFaultAsync(db, standing, request, known, ct) is { } forbidden) return forbidden;
        var same = live.FirstOrDefault(c => c.KeyFingerprint == request.Request.KeyFingerprint);
        if (same is not null) return Instead(IssuedOf(same, device!.GroupId) with { Repeated = true }); // A retry, whose first answer got lost.
        if (standing.PresentSerial is { } shown && live.TrueForAll(c => c.Serial != shown)) return Instead(EnrolRefusal.CertificateNotLive);
        if (live.Count > 0 && !standing.Replaces && standing.PresentSerial is null) return Instead(EnrolRefusal.AlreadyEnrolled);
        if (standing.Group.Approval == ApprovalMode.Queue && await ApprovalQueue.AskAsync(db, standing, request, clock, ct) is { } waits)
            return Instead(waits, keep: waits is Pending);
        return await TakeAsync(db, standing, new KeyFacts(request.Request.KeyFingerprint, IsNew: owner is null), device, owed, ct);
    }

    /// <summary>It has been signed, so it is stored whatever has happened since: revoked, if its device was.</summary>
    public async Task<EnrolDeviceResult> StoreAsync(FleetDbContext db, EnrolmentStanding standing, SignedCertificate signed, CancellationToken ct)
    {
        var active = await db.Statements.ExecuteAsync(LockSql, ct, standing.DeviceId, nameof(DeviceState.Active)) == 1;
        var shutOut = active ? null : ShutOut((await DeviceById.In(db)(db, standing.DeviceId, ct))?.State) ?? EnrolRefusal.DeviceRevoked;
        if (active && standing.Replaces) await SupersedeAsync(db, standing.DeviceId, ct);
        var row = IssuedCertificate.Enrolled(standing.DeviceId, standing.Door, standing.PresentSerial, signed, active ? null : clock.GetUtcNow());
        await db.Statements.InsertAsync(row, ct);
        return shutOut ?? (EnrolDeviceResult)IssuedOf(row, standing.Group.Id);
    }

    private async Task<Taking<EnrolDeviceResult>> TakeAsync(
        FleetDbContext db, EnrolmentStanding standing, KeyFacts key, Device? device, IssuanceIntent? owed, CancellationToken ct)
    {
        var now = clock.GetUtcNow();
        var (refusal, serial) = await GroupGate.TakeSerialAsync(db, standing, ct);
        if (refusal is not null) return Instead(refusal);
        if (owed is null) // Else a crash came after it was paid for.
        {
            var isNew = device is null or { State: DeviceState.Registered } || device.GroupId != standing.Group.Id;
            if (await GroupGate.TakePlaceAsync(db, standing.Group, isNew, now, ct) is { } full) return Instead(full);
            if (await SpendAsync(db, standing, now, ct) is { } spent) return Instead(spent);
        }
        await KeepDeviceAsync(db, device, standing, serial, now, ct);
        if (key.IsNew) await db.Statements.InsertAsync(new DeviceKey { Fingerprint = key.Fingerprint, DeviceId = standing.DeviceId }, ct);
        return new Taking<EnrolDeviceResult>.Granted();
    }

    /// <summary>A key that nobody may have, or that another device has: then one of the two is not what it says it is.</summary>
    private async Task<Taking<EnrolDeviceResult>?> FindKeyFaultAsync(
        FleetDbContext db, EnrolmentStanding standing, EnrolDeviceRequest request, Known known, CancellationToken ct)
    {
        var (key, owner) = (request.Request.KeyFingerprint, known.Owner);
        if (known.Blocked) return Instead(EnrolRefusal.KeyForbidden);
        if (owner is null || owner == standing.DeviceId) return null;

        DateTimeOffset? now = clock.GetUtcNow();
        var suspects = await db.Devices.Where(d => (d.Id == owner || d.Id == standing.DeviceId) && d.CloneSuspectedAt == null)
            .ExecuteUpdateAsync(set => set.SetProperty(d => d.CloneSuspectedAt, now), ct);
        if (suspects > 0)
            audit.Done(db, standing.Actor, "device.clone-suspect", owner, $"{standing.DeviceId} asked with the same key {key}, from {request.Origin ?? "nobody"}");
        return Instead(EnrolRefusal.KeyOfAnotherDevice, keep: true);
    }

    /// <summary>The condition is in the update, so however many ask at once, no more than there is get something.</summary>
    private static async Task<Refused?> SpendAsync(FleetDbContext db, EnrolmentStanding standing, DateTimeOffset now, CancellationToken ct)
    {
        if (standing.Token is { } token)
        {
            var spent = await db.Statements.ExecuteAsync(TokenSql, ct, token.Id, EpochTime.ToMicroseconds(now));
            return spent == 1 ? null : EnrolRefusal.TokenUsedUp;
        }
        if (standing.Batch is { } batch)
        {
            var spent = await db.Statements.ExecuteAsync(BatchSql, ct, batch.Id);
            return spent == 1 ? null : EnrolRefusal.BatchUsedUp;
        }
        return null;
    }

    private static async Task KeepDeviceAsync(FleetDbContext db, Device? known, EnrolmentStanding standing, string? serial, DateTimeOffset now, CancellationToken ct)
    {
        var device = new Device
        {
            Id = standing.DeviceId,
            State = DeviceState.Active,
            RegisteredAt = known?.RegisteredAt ?? now,
            StateChangedAt = known is { State: DeviceState.Active } ? known.StateChangedAt : now,
            GroupId = standing.Group.Id,
            HardwareSerial = serial ?? known?.HardwareSerial,
            DisplayName = known?.DisplayName,
            Tags = [.. (known?.Tags ?? []).Union(standing.Group.Tags)],
            TrustBundleVersion = known?.TrustBundleVersion,
            LastConnectedAt = known?.LastConnectedAt,
            CloneSuspectedAt = known?.CloneSuspectedAt,
        };
        if (known is null) await db.Statements.InsertAsync(device, ct);
        else db.Entry(known).CurrentValues.SetValues(device); // Only what differs is written.
    }

    /// <summary>A device enrolled anew by a credential of its own has lost its key or was replaced: what its old key holds must not stay welcome.</summary>
    private async Task SupersedeAsync(FleetDbContext db, string deviceId, CancellationToken ct)
    {
        foreach (var old in await LiveOf.In(db)(db, deviceId, clock.GetUtcNow()).ToListAsync(ct)) await feed.SupersedeAsync(db, old.DeviceId, old.Serial, ct);
    }

    private static Refused? ShutOut(DeviceState? state) => state switch
    {
        DeviceState.Suspended => EnrolRefusal.DeviceSuspended,
        DeviceState.Revoked => EnrolRefusal.DeviceRevoked,
        _ => null,
    };

    private static Issued IssuedOf(IssuedCertificate row, string? groupId) => new(row.Der, row.Serial, row.NotAfter)
    {
        DeviceId = row.DeviceId,
        IssuerId = row.IssuerId,
        NotBefore = row.NotBefore,
        GroupId = groupId ?? EnrolmentGroup.DefaultId,
        LogIndex = row.LogIndex,
    };

    private static Taking<EnrolDeviceResult> Instead(EnrolDeviceResult answer, bool keep = false) => new Taking<EnrolDeviceResult>.Instead(answer, keep);

    /// <param name="Device">It has a row.</param>
    /// <param name="Owner">The device that the key belongs to.</param>
    /// <param name="Blocked">Nothing is issued to the key any more.</param>
    private sealed record Known(bool Device, string? Owner, bool Blocked);

    private readonly record struct KeyFacts(string Fingerprint, bool IsNew);
}
