using System.Security.Cryptography.X509Certificates;
using IoTFleet.Fleet.Certificates;
using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Authorities;

/// <summary>
/// Has one root vouch for what another has signed, while the two change places. Each such certificate is issued as every other; what a crash left is found
/// again and not made twice. Done before the new authority has its row, so that none is ever published without them.
/// </summary>
public sealed class CrossSigning(Issuance issuance, AuthorityDirectory directory, FleetAuthorities folder, TimeProvider clock)
{
    private const string Action = "authority.cross-sign";

    /// <summary>NewWithOld for devices that know only the old root, OldWithNew for those that will know only the new one (RFC 4210 4.4).</summary>
    /// <returns>Certificates made, or found.</returns>
    internal async Task<int> ForRootAsync(Actor actor, X509Certificate2 newRoot, string? keyReference, CancellationToken ct)
    {
        if (directory.Current.Active(AuthorityPurpose.Root) is not { Signer: { } oldSigner } old) return 0;
        await SignAsync(actor, oldSigner, newRoot, ct);
        using var newKey = AuthorityFolder.Open(folder, newRoot, keyReference);
        if (newKey is null) return 1;
        await SignAsync(actor, new CertificateAuthority(newKey, clock), old.Certificate, ct);
        return 2;
    }

    /// <summary>By each other root that is believed: a device that knows only that one goes on knowing this server.</summary>
    /// <returns>Certificates made, or found.</returns>
    internal async Task<int> ForServersAsync(Actor actor, X509Certificate2 servers, CancellationToken ct)
    {
        var others = directory.Current.All.Where(authority => authority is { Purpose: AuthorityPurpose.Root, Verifies: true } && authority.Id != AuthorityId.OfIssuer(servers));
        var signers = others.Select(root => root.Signer).OfType<CertificateAuthority>().ToList();
        foreach (var signer in signers) await SignAsync(actor, signer, servers, ct);
        return signers.Count;
    }

    private Task<bool> SignAsync(Actor actor, CertificateAuthority root, X509Certificate2 original, CancellationToken ct)
    {
        var id = AuthorityId.Of(original);
        return issuance.RunAsync<bool>(
            new IssuanceOrder(root, CrossCertificate.TermsFor(original), id, actor, Action),
            async (db, _, inner) => await IsThereAsync(db, root.Id, id, inner) ? new Taking<bool>.Instead(true) : new Taking<bool>.Granted(),
            (db, signed, _) =>
            {
                db.ServerCertificates.Add(ServerCertificateRecord.Of(signed, BundleLedger.CrossProfile, id));
                return Task.FromResult(true);
            },
            ct);
    }

    private Task<bool> IsThereAsync(FleetDbContext db, string rootId, string originalId, CancellationToken ct)
    {
        var now = clock.GetUtcNow();
        return db.ServerCertificates.AnyAsync(
            c => c.Profile == BundleLedger.CrossProfile && c.IssuerId == rootId && c.Subject == originalId && c.NotAfter > now && c.RevokedAt == null, ct);
    }
}
