using IoTFleet.Fleet.Audit;
using IoTFleet.Fleet.Authorities;
using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Status;

/// <param name="Pem">As <c>iotfleet ca crl</c> wrote it where the root's key is kept.</param>
public sealed record InstallCrlRequest(string Pem);

public abstract record InstallCrlResult
{
    private InstallCrlResult() { }

    public sealed record Installed(PublishedCrl List) : InstallCrlResult;

    /// <summary>It is no list of a root of this fleet, or is over.</summary>
    public sealed record Invalid(string Problem) : InstallCrlResult;

    /// <summary>A list may only be followed by one of a higher number. RFC 5280 5.2.3</summary>
    public sealed record NotNewer(long Number, long Given) : InstallCrlResult;

    /// <summary>The root's key is on this machine, which makes that list by itself.</summary>
    public sealed record MadeHere : InstallCrlResult;
    public sealed record Forbidden : InstallCrlResult;
}

/// <summary>Takes in the revocation list of a root whose key is kept elsewhere; it is served as those that are made here, and warned of before it ends.</summary>
public sealed class InstallCrl(FleetWriter writer, AuthorityDirectory authorities, AuditTrail audit, TimeProvider clock)
{
    private const string Action = "crl.install";

    public async Task<InstallCrlResult> RunAsync(Actor actor, InstallCrlRequest request, CancellationToken ct)
    {
        if (!actor.May(Permission.ManageAuthorities))
        {
            await audit.ForbiddenAsync(actor, Action, "root", ct);
            return new InstallCrlResult.Forbidden();
        }

        var problem = "the fleet has no root";
        foreach (var root in authorities.Current.All.Where(one => one is { Purpose: AuthorityPurpose.Root, Verifies: true }))
        {
            if (!RootList.TryRead(request.Pem, root.Certificate, out var list, out problem)) continue;
            if (root.Signer is not null) return new InstallCrlResult.MadeHere();
            if (FindProblem(list.Content) is { } unusable) return new InstallCrlResult.Invalid(unusable);
            var row = Row(root.Id, list);
            return await writer.RunAsync((db, inner) => StoreAsync(db, actor, row, inner), result => result is InstallCrlResult.Installed, ct);
        }
        return new InstallCrlResult.Invalid(problem!);
    }

    private string? FindProblem(RevocationList list)
    {
        var now = clock.GetUtcNow();
        if (list.NextUpdate <= now) return $"it ended at {list.NextUpdate:u}";
        if (list.ThisUpdate > now) return $"it begins only at {list.ThisUpdate:u}; compare the two machines' clocks";
        return list.Number > long.MaxValue ? "its number is too large" : null;
    }

    private async Task<InstallCrlResult> StoreAsync(FleetDbContext db, Actor actor, PublishedCrl list, CancellationToken ct)
    {
        var before = await db.Crls.AsNoTracking().Where(c => c.IssuerId == list.IssuerId && c.Shard == list.Shard).Select(c => (long?)c.Number).SingleOrDefaultAsync(ct);
        if (before >= list.Number) return new InstallCrlResult.NotNewer(before.Value, list.Number);
        await db.Crls.Where(c => c.IssuerId == list.IssuerId && c.Shard == list.Shard).ExecuteDeleteAsync(ct);
        db.Crls.Add(list);
        audit.Done(db, actor, Action, list.IssuerId, $"number {list.Number}, {list.Entries} authorities, until {list.NextUpdate:u}");
        return new InstallCrlResult.Installed(list);
    }

    private static PublishedCrl Row(string rootId, RootList list) => new()
    {
        IssuerId = rootId,
        Shard = 0,
        Number = (long)list.Content.Number,
        ThisUpdate = list.Content.ThisUpdate,
        NextUpdate = list.Content.NextUpdate,
        Entries = list.Content.Entries.Count,
        Der = list.Der.ToArray(),
    };
}
