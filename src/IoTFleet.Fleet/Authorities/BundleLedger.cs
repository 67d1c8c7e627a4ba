using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Authorities;

/// <summary>Makes the next trust bundle of what the tables say, inside the unit that changes them: a state and what devices are told of it are never apart.</summary>
internal static class BundleLedger
{
    /// <summary>The profile under which certificates of one root for another, or for its authority for servers, are kept among the server's own.</summary>
    public const string CrossProfile = "Cross";

    public const string NoSigner = "the trust bundle cannot be signed: no authority for servers is active with its key on this machine";

    /// <returns>The newest bundle: a new one when there is something new to say, else the present one. Null when there is nobody to sign it: see <see cref="NoSigner"/>.</returns>
    public static async Task<TrustBundle?> CatchUpAsync(
        FleetDbContext db, FleetNames names, Func<string, CertificateAuthority?> signers, DateTimeOffset now, CancellationToken ct)
    {
        var last = await db.TrustBundles.AsNoTracking().OrderByDescending(bundle => bundle.Version).FirstOrDefaultAsync(ct);
        var authorities = await db.Authorities.AsNoTracking().ToListAsync(ct);
        var cross = await db.ServerCertificates.AsNoTracking().Where(certificate => certificate.Profile == CrossProfile && certificate.NotAfter > now && certificate.RevokedAt == null).ToListAsync(ct);
        var next = new TrustBundleDocument(names.Domain, (last?.Version ?? 0) + 1, now, [.. Bundled(authorities)], [.. CrossOf(cross, authorities)]);
        if (last is not null && TrustBundleDocument.ReadOwn(last.Document).SaysTheSameAs(next)) return last;

        var servers = authorities.FirstOrDefault(authority => authority is { Purpose: AuthorityPurpose.Servers, State: AuthorityState.Active });
        var signer = servers is null ? null : signers(servers.Id);
        if (signer is null) return null;
        var bundle = new TrustBundle { Version = next.Version, Document = next.Sign(signer), SignerId = signer.Id, CreatedAt = now };
        db.TrustBundles.Add(bundle);
        return bundle;
    }

    private static IEnumerable<BundledAuthority> Bundled(IEnumerable<Authority> authorities) => authorities
        .Where(authority => authority.State is not (AuthorityState.Prepared or AuthorityState.Removed))
        .Where(authority => authority.Purpose is AuthorityPurpose.Root or AuthorityPurpose.Devices or AuthorityPurpose.Servers)
        .OrderBy(authority => authority.Purpose).ThenBy(authority => authority.Generation)
        .Select(authority => new BundledAuthority(authority.Id, authority.Purpose, authority.Generation, authority.State, authority.Der));

    /// <summary>Only between roots and authorities that are both in the bundle.</summary>
    private static IEnumerable<ReadOnlyMemory<byte>> CrossOf(IEnumerable<ServerCertificateRecord> cross, IEnumerable<Authority> authorities)
    {
        var known = Bundled(authorities).Select(authority => authority.Id).ToHashSet(StringComparer.Ordinal);
        return cross.Where(certificate => known.Contains(certificate.IssuerId) && known.Contains(certificate.Subject))
            .OrderBy(certificate => certificate.Serial, StringComparer.Ordinal)
            .Select(certificate => (ReadOnlyMemory<byte>)certificate.Der);
    }
}
