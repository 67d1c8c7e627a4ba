using IoTFleet.Fleet.Authorities;
using IoTFleet.Fleet.Certificates;
using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Fleet.Status;

/// <summary>
/// Signs the revocation lists of every authority whose key is here, for third parties: our own doors never look at them, so a list that is late
/// locks nobody out. One instance, used by one caller at a time.
/// </summary>
public sealed class PublishCrl(
    IDbContextFactory<FleetDbContext> databases, FleetWriter writer, AuthorityDirectory authorities, TimeProvider clock, ILogger<PublishCrl> log,
    StatusAddresses? addresses = null)
{
    /// <summary>Each list is made anew at least so often.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromHours(1);

    /// <summary>How long a list is believed.</summary>
    public static readonly TimeSpan Life = TimeSpan.FromHours(24);

    /// <summary>For a root: its key is often not here, and its few authorities are seldom revoked.</summary>
    internal static readonly TimeSpan RootLife = TimeSpan.FromDays(30);
    private const int ListsAtOnce = 16;

    private readonly SipHash _hash = SipHash.WithNewKey();
    private readonly Dictionary<(string Issuer, int Shard), UInt128> _published = [];

    /// <param name="all">Also those whose content has not changed.</param>
    /// <returns>Lists signed.</returns>
    public async Task<int> RunAsync(bool all, CancellationToken ct)
    {
        if (addresses is null) return 0; // Certificates name no list, and a list without its address could stand in for another.
        var signed = 0;
        var trust = authorities.Current;
        foreach (var issuer in trust.All.Where(one => one.Signer is not null && one.State != AuthorityState.Prepared && one.Certificate.NotAfter.ToUniversalTime() > clock.GetUtcNow().UtcDateTime))
            signed += await PublishAsync(trust, issuer, all, ct);
        return signed;
    }

    /// <summary>Lists of which more than half the life is gone: whoever should have made them anew does not.</summary>
    public async Task<IReadOnlyList<PublishedCrl>> LateAsync(CancellationToken ct)
    {
        var now = clock.GetUtcNow();
        await using var db = await databases.CreateDbContextAsync(ct);
        var lists = await db.Crls.AsNoTracking().Select(c => new PublishedCrl
        {
            IssuerId = c.IssuerId,
            Shard = c.Shard,
            Number = c.Number,
            ThisUpdate = c.ThisUpdate,
            NextUpdate = c.NextUpdate,
            Entries = c.Entries,
            Der = Array.Empty<byte>(),
        }).ToListAsync(ct);
        // A root's, too, whose key is kept elsewhere: somebody has to bring the next one.
        var ours = authorities.Current.All.Where(one => one.Signer is not null || one is { Purpose: AuthorityPurpose.Root, Verifies: true }).Select(one => one.Id).ToHashSet();
        return [.. lists.Where(list => ours.Contains(list.IssuerId) && list.NextUpdate - now < (list.NextUpdate - list.ThisUpdate) / 2)];
    }

    private async Task<int> PublishAsync(TrustSnapshot trust, AuthorityGeneration issuer, bool all, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var before = await db.Crls.AsNoTracking().Where(c => c.IssuerId == issuer.Id).Select(c => new { c.Shard, c.Number, c.ThisUpdate }).ToDictionaryAsync(c => c.Shard, ct);
        // An expired certificate stays on one regular list after its end. RFC 5280 3.3
        var endedAfter = before.Values.Select(list => list.ThisUpdate).Append(clock.GetUtcNow()).Min() - Interval;
        var lists = await ListedCertificates.ReadAsync(db, trust, issuer, endedAfter, ct);
        var signed = 0;
        foreach (var some in Enumerable.Range(0, lists.Length).Where(shard => all || IsChanged(issuer, shard, lists[shard])).Chunk(ListsAtOnce))
        {
            var made = some.Select(shard => Make(issuer, shard, lists[shard], before.GetValueOrDefault(shard)?.Number ?? 0)).ToList();
            await StoreAsync(made, ct);
            foreach (var shard in some) _published[(issuer.Id, shard)] = Digest(lists[shard]);
            signed += made.Count;
        }
        if (signed > 0) FleetLog.CrlsPublished(log, signed, issuer.Purpose, issuer.Generation, lists.Sum(list => list.Count));
        return signed;
    }

    private PublishedCrl Make(AuthorityGeneration issuer, int shard, List<RevokedCertificate> entries, long number)
    {
        var now = clock.GetUtcNow();
        var root = issuer.Purpose == AuthorityPurpose.Root;
        var ends = new DateTimeOffset(issuer.Certificate.NotAfter).ToUniversalTime();
        var next = now + (root ? RootLife : Life);
        var list = new RevocationList
        {
            // At least the time: a database restored from an older copy must not make a number smaller than one that is out. RFC 5280 5.2.3
            Number = Math.Max(number + 1, now.ToUnixTimeSeconds()),
            ThisUpdate = now,
            NextUpdate = next < ends ? next : ends,
            Entries = entries,
            DistributionPoint = root ? null : addresses!.Crl(issuer.Id, shard), // Authorities name no list, and to openssl a list that names its place is then another's (error 44).
            OfAuthorities = root,
        };
        return new PublishedCrl
        {
            IssuerId = issuer.Id,
            Shard = shard,
            Number = (long)list.Number,
            ThisUpdate = now,
            NextUpdate = list.NextUpdate,
            Entries = entries.Count,
            Der = issuer.Signer!.SignCrl(list),
        };
    }

    /// <summary>Where two nodes publish at once, the higher number stays.</summary>
    private Task<int> StoreAsync(List<PublishedCrl> lists, CancellationToken ct) => writer.RunAsync(async (db, inner) =>
    {
        foreach (var list in lists)
        {
            var known = await db.Crls.AnyAsync(c => c.IssuerId == list.IssuerId && c.Shard == list.Shard, inner);
            if (!known) db.Crls.Add(list);
            else
            {
                await db.Crls.Where(c => c.IssuerId == list.IssuerId && c.Shard == list.Shard && c.Number < list.Number).ExecuteUpdateAsync(set => set
                    .SetProperty(c => c.Number, list.Number).SetProperty(c => c.ThisUpdate, list.ThisUpdate).SetProperty(c => c.NextUpdate, list.NextUpdate)
                    .SetProperty(c => c.Entries, list.Entries).SetProperty(c => c.Der, list.Der), inner);
            }
        }
        return lists.Count;
    }, ct);

    private bool IsChanged(AuthorityGeneration issuer, int shard, List<RevokedCertificate> entries) =>
        !_published.TryGetValue((issuer.Id, shard), out var digest) || digest != Digest(entries);

    /// <summary>Whatever the order, since the database promises none.</summary>
    private UInt128 Digest(List<RevokedCertificate> entries) =>
        entries.Aggregate((UInt128)entries.Count, (sum, entry) => unchecked(sum + _hash.Of(entry.Serial.Hex, entry.Reason.ToString())));
}
