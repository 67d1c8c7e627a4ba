using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Pki;

namespace IoTFleet.Server.Security;

/// <summary>
/// Judges a client's certificate by the chain that was built for it. Whether its device is known, active and not revoked
/// is asked later, at CONNECT, where the answer can be told.
/// </summary>
internal sealed class ClientCertificateCheck(FleetAuthorities authorities, TimeProvider clock)
{
    private const X509ChainStatusFlags NoPathToRoot =
        X509ChainStatusFlags.PartialChain | X509ChainStatusFlags.UntrustedRoot | X509ChainStatusFlags.NotSignatureValid | X509ChainStatusFlags.Cyclic;

    private const X509ChainStatusFlags NameOutside =
        X509ChainStatusFlags.HasNotPermittedNameConstraint | X509ChainStatusFlags.HasExcludedNameConstraint |
        X509ChainStatusFlags.HasNotSupportedNameConstraint | X509ChainStatusFlags.InvalidNameConstraints;

    /// <returns>Null when nothing is wrong with it.</returns>
    public (TlsRefusalReason Reason, string Detail)? FindRefusal(X509Certificate2? certificate, X509Chain? chain, SslPolicyErrors errors)
    {
        if (certificate is null || chain is null) return (TlsRefusalReason.NoCertificate, "the client sent no certificate");

        // Trust first: what an untrusted certificate says about itself is worth nothing.
        var status = chain.ChainStatus.Aggregate(X509ChainStatusFlags.NoError, (all, one) => all | one.Status);
        if ((status & NoPathToRoot) != 0) return (TlsRefusalReason.Untrusted, "the certificate does not lead to this fleet's root");

        var now = clock.GetUtcNow().UtcDateTime;
        var (first, last) = (certificate.NotBefore.ToUniversalTime(), certificate.NotAfter.ToUniversalTime());
        if (now > last) return (TlsRefusalReason.Expired, $"the certificate expired at {last:u}");
        if (now < first) return (TlsRefusalReason.NotYetValid, $"the certificate is valid from {first:u}");

        if (!IsFromItsIssuer(certificate, chain)) return (TlsRefusalReason.WrongIssuer, "the certificate was not issued by the authority for devices or services that it speaks for");
        if ((status & NameOutside) != 0) return (TlsRefusalReason.NameNotAllowed, "the certificate names what its authority may not name");
        // The chain is content with a certificate that has no extended key usage at all.
        if (!KeyPurpose.IsGranted(certificate, KeyPurpose.ClientAuth))
            return (TlsRefusalReason.WrongPurpose, "the certificate is not meant for TLS clients");

        // Whatever else the chain found: nothing passes that it did not pass.
        return errors == SslPolicyErrors.None ? null : (TlsRefusalReason.Untrusted, $"the certificate's chain is not valid: {status}");
    }

    /// <summary>
    /// Compared as a whole: any authority below the root could otherwise make devices. The name must be of the issuer's kind, because the
    /// authority for devices of an older folder may name services, too. A certificate without a readable name is refused at CONNECT.
    /// </summary>
    private bool IsFromItsIssuer(X509Certificate2 certificate, X509Chain chain)
    {
        if (chain.ChainElements.Count != 3) return false;
        var issuer = chain.ChainElements[1].Certificate;
        if (!CertificateIdentity.TryRead(certificate, authorities.Names, out var identity, out _)) return Is(issuer, authorities.Devices) || Is(issuer, authorities.Services);
        // A claim is no client's identity: with it one asks for a certificate, and nothing else.
        return identity.Kind != IdentityKind.Claim && Is(issuer, identity.Kind == IdentityKind.Device ? authorities.Devices : authorities.Services);
    }

    private static bool Is(X509Certificate2 issuer, IssuerKey? authority) =>
        authority is not null && issuer.RawDataMemory.Span.SequenceEqual(authority.Certificate.RawDataMemory.Span);
}
