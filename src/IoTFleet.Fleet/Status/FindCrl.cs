using System.Collections.Concurrent;
using IoTFleet.Fleet.Authorities;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Status;

/// <summary>The newest revocation list of an authority's shard, for strangers: a door, so it takes no actor. Large lists are read once for each number.</summary>
public sealed class FindCrl(IDbContextFactory<FleetDbContext> databases)
{
    private static readonly CompiledFor<Func<FleetDbContext, string, int, CancellationToken, Task<long?>>> ReadNumber =
        new(() => EF.CompileAsyncQuery((FleetDbContext db, string issuer, int shard, CancellationToken ct) =>
            db.Crls.Where(c => c.IssuerId == issuer && c.Shard == shard).Select(c => (long?)c.Number).SingleOrDefault()));

    private readonly ConcurrentDictionary<(string Issuer, int Shard), PublishedCrl> _kept = new(); // As many as there are rows.

    public async Task<PublishedCrl?> RunAsync(string issuerId, int shard, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        if (await ReadNumber.In(db)(db, issuerId, shard, ct) is not { } number) return null;
        if (_kept.TryGetValue((issuerId, shard), out var kept) && kept.Number == number) return kept;
        var read = await db.Crls.AsNoTracking().SingleOrDefaultAsync(c => c.IssuerId == issuerId && c.Shard == shard, ct);
        if (read is not null) _kept[(issuerId, shard)] = read;
        return read;
    }
}
