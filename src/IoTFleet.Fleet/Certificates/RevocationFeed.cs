using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Certificates;

public enum RevocationKind
{
    DeviceRevoked,
    DeviceSuspended,
    DeviceResumed,
    CertificateRevoked,
    ServiceRevoked,
    CertificateSuspended,
    CertificateResumed,
    KeyRevoked,
    BatchRevoked,
    BatchSuspended,
    BatchResumed,
    AuthorityRevoked,

    /// <summary>Those of a batch that concern the devices enrolled through it, beside its claim certificates.</summary>
    BatchDevicesRevoked,
    BatchDevicesSuspended,
    BatchDevicesResumed,
}

/// <summary>One change of who may connect. Rows are appended and never changed; the newest id is the fleet's revocation sequence number.</summary>
public sealed class RevocationEntry
{
    public long Id { get; init; }
    public required DateTimeOffset At { get; init; }
    public required RevocationKind Kind { get; init; }

    /// <summary>The device's id, service's name, key's fingerprint, batch's or authority's id: the kind says which.</summary>
    public required string Subject { get; init; }

    /// <summary>Of the certificate, when the entry concerns one and not the whole device.</summary>
    public string? Serial { get; init; }

    /// <summary>The authority that issued the certificate; without it the serial number is refused whoever issued it.</summary>
    public string? IssuerId { get; init; }
}

/// <summary>How far each node has come: it has put every revocation up to its sequence number into force.</summary>
public sealed class NodeStatus
{
    public required string Node { get; init; }
    public required long Sequence { get; init; }

    /// <summary>Its last sign of life.</summary>
    public required DateTimeOffset SeenAt { get; init; }
    public required DateTimeOffset StartedAt { get; init; }
}

/// <summary>
/// The table that tells every node who must go. Whoever changes a device appends a row in the same transaction, after it
/// changed the device's own row: that row's lock is what keeps the entries of one device in the order of their commits.
/// </summary>
public sealed class RevocationFeed(IDbContextFactory<FleetDbContext> databases, TimeProvider clock)
{
    private TaskCompletionSource _announced = NewSignal();

    /// <summary>Completes at the next announcement on this node.</summary>
    internal Task Announced => Volatile.Read(ref _announced).Task;

    /// <summary>Reads what is appended from now on; see <see cref="RevokedSet.LoadAsync"/>, which starts one.</summary>
    /// <param name="inForce">The newest entry that this node has ever put into force; null to believe the database.</param>
    /// <exception cref="RevocationsRolledBackException">That entry is not in the database.</exception>
    internal async Task<RevocationReader> StartReaderAsync(RevocationMark? inForce, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var newest = await db.Revocations.OrderByDescending(e => e.Id).Select(e => new { e.Id, e.At }).FirstOrDefaultAsync(ct);
        if (inForce is { Id: > 0 } mark && !await db.Revocations.AnyAsync(e => e.Id == mark.Id && e.At == mark.At, ct))
            throw new RevocationsRolledBackException(mark.Id, newest?.Id ?? 0);

        var start = newest is null ? RevocationMark.Nothing : new RevocationMark(newest.Id, newest.At);
        var window = await db.Revocations.Where(e => e.Id > start.Id - RevocationReader.Overlap && e.Id <= start.Id).Select(e => e.Id).ToListAsync(ct);
        return new RevocationReader(this, databases, clock, start, window);
    }

    internal void Append(FleetDbContext db, RevocationKind kind, string subject, string? serial = null, string? issuerId = null) => db.Revocations.Add(
        new RevocationEntry { At = clock.GetUtcNow(), Kind = kind, Subject = subject, Serial = serial, IssuerId = string.IsNullOrEmpty(issuerId) ? null : issuerId });

    /// <summary>Ends a certificate whose place another has taken, in the caller's transaction.</summary>
    internal async Task SupersedeAsync(FleetDbContext db, string deviceId, string serial, CancellationToken ct)
    {
        DateTimeOffset? now = clock.GetUtcNow();
        RevocationReason? superseded = RevocationReason.Superseded;
        await db.Certificates.Where(c => c.Serial == serial).ExecuteUpdateAsync(
            set => set.SetProperty(c => c.RevokedAt, now).SetProperty(c => c.RevocationReason, superseded), ct);
        Append(db, RevocationKind.CertificateRevoked, deviceId, serial);
    }

    /// <summary>After the commit: wakes this node's readers. Other nodes learn of it by their link or their poll.</summary>
    internal void Announce() => Interlocked.Exchange(ref _announced, NewSignal()).SetResult();

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}

/// <summary>
/// One follower of the feed; used by one caller at a time.
/// Identity values can commit out of order, so each read looks again at a trailing window of ids and yields what it has not yielded before.
/// </summary>
public sealed class RevocationReader
{
    /// <summary>Far more ids than transactions are ever under way at once.</summary>
    internal const int Overlap = 1_000;

    private readonly RevocationFeed _feed;
    private readonly IDbContextFactory<FleetDbContext> _databases;
    private readonly TimeProvider _clock;
    private readonly HashSet<long> _yielded;
    private RevocationMark _newest;
    private Task _announced;

    internal RevocationReader(
        RevocationFeed feed, IDbContextFactory<FleetDbContext> databases, TimeProvider clock, RevocationMark newest, IEnumerable<long> seen)
    {
        (_feed, _databases, _clock, _newest, _yielded) = (feed, databases, clock, newest, [.. seen]);
        _announced = feed.Announced;
    }

    /// <summary>The newest entry yielded, or that was there when the reader began.</summary>
    public RevocationMark Newest => _newest;

    /// <summary>The entries not yielded before, oldest first.</summary>
    /// <exception cref="RevocationsRolledBackException">Entries that were yielded are gone: the database is an older copy.</exception>
    public async Task<IReadOnlyList<RevocationEntry>> ReadAsync(CancellationToken ct)
    {
        _announced = _feed.Announced; // Before reading, so that what is announced meanwhile ends the next wait at once.
        await using var db = await _databases.CreateDbContextAsync(ct);
        var (newest, at, window) = (_newest.Id, _newest.At, _newest.Id - Overlap);
        var known = await db.Revocations.CountAsync(e => e.Id > window && (e.Id < newest || (e.Id == newest && e.At == at)), ct);
        if (known < _yielded.Count) throw new RevocationsRolledBackException(newest, await db.Revocations.MaxAsync(e => (long?)e.Id, ct) ?? 0);

        // Reading the whole window each time would cost more than all the rest of a revocation, and mostly nobody was late.
        var from = known == _yielded.Count ? newest : window;
        var entries = await db.Revocations.AsNoTracking().Where(e => e.Id > from).OrderBy(e => e.Id).ToListAsync(ct);
        entries.RemoveAll(entry => !_yielded.Add(entry.Id));
        if (entries.Count > 0 && entries[^1].Id > newest) _newest = new RevocationMark(entries[^1].Id, entries[^1].At);
        _yielded.RemoveWhere(id => id <= _newest.Id - Overlap);
        return entries;
    }

    /// <summary>Until something is announced on this node, or the time to poll for what other nodes did.</summary>
    public async Task WaitAsync(TimeSpan atMost, CancellationToken ct)
    {
        try
        {
            await _announced.WaitAsync(atMost, _clock, ct);
        }
        catch (TimeoutException)
        {
            // Time to poll.
        }
    }
}

/// <summary>One entry of the feed, told from the entry that another history of the same database may have in its place.</summary>
public readonly record struct RevocationMark(long Id, DateTimeOffset At)
{
    public static RevocationMark Nothing => new(0, DateTimeOffset.UnixEpoch);
}

/// <summary>The feed ends before the newest entry that was put into force: the database was replaced by an older copy of itself.</summary>
public sealed class RevocationsRolledBackException(long inForce, long found)
    : Exception($"The database knows revocations up to number {found}, but number {inForce} is in force here: it was replaced by an older copy.")
{
    public long InForce { get; } = inForce;
    public long Found { get; } = found;
}
