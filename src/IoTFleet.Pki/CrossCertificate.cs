using System.Security.Cryptography.X509Certificates;

namespace IoTFleet.Pki;

/// <summary>
/// A root vouching for another root (RFC 4210 4.4), or for an authority that another root has signed, while the two change places: whoever trusts only the one
/// finds a way to what the other has signed. Name, key and key identifier are the original's, so that it stands in a chain where that one would.
/// </summary>
/// <remarks>
/// A server shows one chain to everybody, since it does not know what its peer trusts: certificate, its authority as the old root has signed it, and the old root as
/// the new one has. Who trusts the old root stops at it; who trusts the new one goes on to that. So the new root needs a path length of 2: below it are the old root
/// and the authority. The other way round, through the new root signed by the old one, it would be the old root that needs it, and those made before have 1.
/// </remarks>
public static class CrossCertificate
{
    private static readonly TimeSpan Backdate = TimeSpan.FromDays(1);

    /// <summary>As long as both live: the one who signs, and the original.</summary>
    /// <param name="original">The certificate whose holder is vouched for: a root's, or that of an authority for servers.</param>
    public static LeafTerms TermsFor(X509Certificate2 original)
    {
        var facts = IssuerFacts.Of(original);
        var profile = facts.Purposes is null ? Profile.CrossRoot : Profile.CrossServerAuthority;
        return new LeafTerms(original.GetNameInfo(X509NameType.SimpleName, forIssuer: false), null, original.PublicKey.ExportSubjectPublicKeyInfo(), ProfileRules.Of(profile).MaxLifetime, Backdate)
        {
            Profile = profile,
            Original = facts,
        };
    }
}
