using System.Security.Cryptography.X509Certificates;

namespace IoTFleet.Pki;

/// <summary>
/// A root vouching for another root (RFC 4210 4.4), or for an authority that another root has signed, while the two change places: whoever trusts only the one
/// finds a way to what the other has signed. Name, key and key identifier are the original's, so that it stands in a chain where that one would.
/// </summary>
/// <remarks>
/// Below a root with a path length of 1 there is no room for another root and an authority: a server's chain takes the authority itself, signed by both.
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
