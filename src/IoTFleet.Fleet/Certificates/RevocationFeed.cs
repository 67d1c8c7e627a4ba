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
    internal async Task<RevocationReader> StartReaderAsync(CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var newest = await db.Revocations.MaxAsync(e => (long?)e.Id, ct) ?? 0;
        return new RevocationReader(this, databases, clock, newest);
    }

    internal void Append(FleetDbContext db, RevocationKind kind, string subject, string? serial = null) =>
        db.Revocations.Add(new RevocationEntry { At = clock.GetUtcNow(), Kind = kind, Subject = subject, Serial = serial });

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
    private readonly HashSet<long> _yielded = [];
    private long _newest;
    private Task _announced;

    internal RevocationReader(RevocationFeed feed, IDbContextFactory<FleetDbContext> databases, TimeProvider clock, long newest)
    {
        (_feed, _databases, _clock, _newest) = (feed, databases, clock, newest);
        _announced = feed.Announced;
    }

    /// <summary>The entries not yielded before, oldest first.</summary>
    public async Task<IReadOnlyList<RevocationEntry>> ReadAsync(CancellationToken ct)
    {
        _announced = _feed.Announced; // Before reading, so that what is announced meanwhile ends the next wait at once.
        await using var db = await _databases.CreateDbContextAsync(ct);
        var window = _newest - Overlap;
        var entries = await db.Revocations.AsNoTracking().Where(e => e.Id > window).OrderBy(e => e.Id).ToListAsync(ct);
        entries.RemoveAll(entry => !_yielded.Add(entry.Id));
        if (entries.Count > 0) _newest = Math.Max(_newest, entries[^1].Id);
        _yielded.RemoveWhere(id => id <= _newest - Overlap);
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
