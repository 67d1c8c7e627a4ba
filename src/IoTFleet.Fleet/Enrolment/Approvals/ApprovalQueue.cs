using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Enrolment.Approvals;

/// <summary>Where the requests of a group wait that lets nobody in unasked. The same request, by device and key, is always the same row.</summary>
internal static class ApprovalQueue
{
    /// <summary>How long a device is asked to wait before it asks again.</summary>
    private static readonly TimeSpan AskAgain = TimeSpan.FromSeconds(30);

    /// <summary>That a device asks again is worth a write this often.</summary>
    private static readonly TimeSpan NoteEvery = TimeSpan.FromMinutes(1);

    /// <returns>Null when it was approved; else what to answer now. A new row is in the caller's unit.</returns>
    public static async Task<EnrolDeviceResult?> AskAsync(
        FleetDbContext db, EnrolmentStanding standing, EnrolDeviceRequest request, TimeProvider clock, CancellationToken ct)
    {
        var key = request.Request.KeyFingerprint;
        var known = await db.PendingEnrolments.AsNoTracking().SingleOrDefaultAsync(p => p.DeviceId == standing.DeviceId && p.KeyFingerprint == key, ct);
        return known switch
        {
            null => await AddAsync(db, standing, request, clock, ct),
            { State: PendingState.Approved } when known.GroupId == standing.Group.Id => null,
            { State: PendingState.Rejected } => EnrolRefusal.ApprovalRejected,
            _ => await AgainAsync(db, known, clock, ct),
        };
    }

    private static async Task<EnrolDeviceResult> AddAsync(
        FleetDbContext db, EnrolmentStanding standing, EnrolDeviceRequest request, TimeProvider clock, CancellationToken ct)
    {
        var group = standing.Group;
        var waiting = await db.PendingEnrolments.CountAsync(p => p.GroupId == group.Id && p.State == PendingState.Waiting, ct);
        if (waiting >= group.MaxPending) return EnrolRefusal.ApprovalQueueFull with { RetryAfter = AskAgain };

        var now = clock.GetUtcNow();
        var pending = new PendingEnrolment
        {
            Id = RowId.New(clock),
            GroupId = group.Id,
            DeviceId = standing.DeviceId,
            KeyFingerprint = request.Request.KeyFingerprint,
            Door = standing.Door,
            CredentialId = standing.CredentialId,
            HardwareSerial = standing.HardwareSerial,
            Origin = request.Origin,
            Evidence = standing.Evidence,
            State = PendingState.Waiting,
            AskedAt = now,
            LastAskedAt = now,
        };
        db.PendingEnrolments.Add(pending);
        return new EnrolDeviceResult.Pending(pending.Id, AskAgain, IsNew: true);
    }

    private static async Task<EnrolDeviceResult> AgainAsync(FleetDbContext db, PendingEnrolment known, TimeProvider clock, CancellationToken ct)
    {
        var now = clock.GetUtcNow();
        if (now - known.LastAskedAt >= NoteEvery)
            await db.PendingEnrolments.Where(p => p.Id == known.Id).ExecuteUpdateAsync(set => set.SetProperty(p => p.LastAskedAt, now), ct);
        return new EnrolDeviceResult.Pending(known.Id, AskAgain, IsNew: false);
    }
}
