using System.Security.Cryptography.X509Certificates;

namespace IoTFleet.Pki;

/// <summary>How a chain is built everywhere in the product: our root only, our clock, and nothing fetched from the network.</summary>
public static class TrustPolicy
{
    public static X509ChainPolicy For(X509Certificate2 root, IEnumerable<X509Certificate2> issuers, TimeProvider clock) => For([root], issuers, clock);

    /// <summary>With several roots, as while one takes another's place.</summary>
    public static X509ChainPolicy For(IEnumerable<X509Certificate2> roots, IEnumerable<X509Certificate2> issuers, TimeProvider clock)
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            // Without this a peer can make us fetch a URL of its choice, named in its certificate.
            DisableCertificateDownloads = true,
            VerificationTime = clock.GetUtcNow().UtcDateTime,
            VerificationTimeIgnored = false,
        };
        foreach (var root in roots) policy.CustomTrustStore.Add(root);
        foreach (var issuer in issuers) policy.ExtraStore.Add(issuer);
        return policy;
    }
}
