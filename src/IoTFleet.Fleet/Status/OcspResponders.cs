using System.Collections.Concurrent;
using IoTFleet.Fleet.Authorities;
using IoTFleet.Fleet.Certificates;
using IoTFleet.Pki;
using IoTFleet.Pki.Ocsp;

namespace IoTFleet.Fleet.Status;

/// <summary>
/// The responders' keys, one for each authority that was asked about: made in memory, certified for a week by that authority through the one way to a
/// certificate, and replaced when two thirds of it are over. A restart makes new ones.
/// </summary>
public sealed class OcspResponders(Issuance issuance, TimeProvider clock) : IDisposable
{
    private const string Action = "ocsp.responder";
    private static readonly TimeSpan Lifetime = TimeSpan.FromDays(7);

    private readonly ConcurrentDictionary<string, OcspSigner> _signers = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, OcspIssuer> _issuers = new(StringComparer.Ordinal); // As many as there are generations.
    private readonly SemaphoreSlim _oneAtATime = new(1);

    /// <summary>The authority that all of them were issued by; null when it is not ours, or not one.</summary>
    internal AuthorityGeneration? Find(TrustSnapshot trust, IReadOnlyList<OcspCertId> certificates)
    {
        foreach (var authority in trust.All)
        {
            var issuer = _issuers.GetOrAdd(authority.Id, static (id, one) => new OcspIssuer(id, one.Certificate), authority);
            if (issuer.IsNamedBy(certificates[0])) return certificates.All(issuer.IsNamedBy) ? authority : null;
        }
        return null;
    }

    /// <summary>Null when the authority's key is not here, so that nobody can speak for it.</summary>
    internal async Task<OcspSigner?> SignerAsync(AuthorityGeneration issuer, CancellationToken ct)
    {
        if (_signers.TryGetValue(issuer.Id, out var signer) && !signer.IsDue(clock.GetUtcNow())) return signer;
        await _oneAtATime.WaitAsync(ct);
        try
        {
            if (_signers.TryGetValue(issuer.Id, out signer) && !signer.IsDue(clock.GetUtcNow())) return signer;
            if (issuer.Signer is not { } authority) return signer is not null && signer.Leaf.NotAfter > clock.GetUtcNow() ? signer : null;
            // The one before is left to the collector: somebody may be signing with it.
            return _signers[issuer.Id] = await OcspSigner.CreateAsync(Lifetime, terms => CertifyAsync(authority, terms, ct));
        }
        finally
        {
            _oneAtATime.Release();
        }
    }

    public void Dispose()
    {
        foreach (var signer in _signers.Values) signer.Dispose();
        _oneAtATime.Dispose();
    }

    private Task<IssuedLeaf> CertifyAsync(CertificateAuthority authority, LeafTerms terms, CancellationToken ct) => issuance.RunAsync(
        new IssuanceOrder(authority, terms, terms.CommonName, Actor.System, Action),
        (_, _, _) => Task.FromResult<Taking<IssuedLeaf>>(new Taking<IssuedLeaf>.Granted()),
        (db, signed, _) =>
        {
            db.ServerCertificates.Add(ServerCertificateRecord.Of(signed, nameof(Profile.OcspResponder), terms.CommonName));
            return Task.FromResult(signed.Leaf);
        },
        ct);
}
