using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Fleet.Authorities;
using IoTFleet.Pki;

namespace IoTFleet.Server.Security;

/// <summary>Which certificates a port takes: MQTT those of devices and services, HTTPS also those that are good for enrolment.</summary>
internal enum PeerDoor { Mqtt, Https }

/// <summary>
/// Judges a client's certificate by the chain that was built for it, in one moment's trust. Whether its device is known, active and not revoked
/// is asked later, at CONNECT, where the answer can be told; that is also where a certificate of ours whose dates are wrong is refused.
/// </summary>
internal sealed class ClientCertificateCheck(TrustSnapshot trust, PeerDoor door, TimeProvider clock)
{
    private const X509ChainStatusFlags NoPathToRoot =
        X509ChainStatusFlags.PartialChain | X509ChainStatusFlags.UntrustedRoot | X509ChainStatusFlags.NotSignatureValid | X509ChainStatusFlags.Cyclic;

    private const X509ChainStatusFlags NameOutside =
        X509ChainStatusFlags.HasNotPermittedNameConstraint | X509ChainStatusFlags.HasExcludedNameConstraint |
        X509ChainStatusFlags.HasNotSupportedNameConstraint | X509ChainStatusFlags.InvalidNameConstraints;

    private static readonly TimeSpan OneSecond = TimeSpan.FromSeconds(1);

    /// <summary>Exactly one of both.</summary>
    public (PeerVerdict? Verdict, TlsRefusal? Refusal) Judge(X509Certificate2? certificate, X509Chain? chain, SslPolicyErrors errors)
    {
        if (certificate is null || chain is null) return Refuse(TlsRefusalReason.NoCertificate, "the client sent no certificate");
        try
        {
            return JudgeShown(certificate, chain, errors);
        }
        catch (CryptographicException unreadable)
        {
            return Refuse(TlsRefusalReason.Untrusted, $"the certificate cannot be read: {unreadable.Message}");     // OpenSSL reads some that .NET does not
        }
    }

    private (PeerVerdict?, TlsRefusal?) JudgeShown(X509Certificate2 certificate, X509Chain chain, SslPolicyErrors errors)
    {
        // Anything but what the chain says of itself is not ours to weigh.
        if ((errors & ~SslPolicyErrors.RemoteCertificateChainErrors) != 0) return Refuse(TlsRefusalReason.Untrusted, $"the certificate cannot be checked: {errors}");

        var found = ChainFacts.Of(chain);
        if (found.Has(NoPathToRoot) && Claimed(certificate) is { } claimed) return JudgeAgain(certificate, claimed);
        return Judge(certificate, found);
    }

    private (PeerVerdict?, TlsRefusal?) Judge(X509Certificate2 certificate, ChainFacts found)
    {
        if (ManufacturerOf(found) is { } manufacturer) return JudgeManufactured(certificate, found, manufacturer);

        // Trust first: what an untrusted certificate says about itself is worth nothing.
        if (found.Has(NoPathToRoot))
        {
            return SaysManufactured(certificate)
                ? Refuse(TlsRefusalReason.IssuerPurpose, "the certificate says that a registered manufacturer issued it: good for enrolment over HTTPS, and not for MQTT")
                : Refuse(TlsRefusalReason.Untrusted, "the certificate does not lead to this fleet's root");
        }
        if (IssuerOf(certificate, found) is not { } issuer)
            return Refuse(TlsRefusalReason.WrongIssuer, "the certificate was not issued by the authority for devices or services that it speaks for");
        if (found.Has(NameOutside)) return Refuse(TlsRefusalReason.NameNotAllowed, "the certificate names what its authority may not name");
        // The chain is content with a certificate that has no extended key usage at all.
        if (!KeyPurpose.IsGranted(certificate, KeyPurpose.ClientAuth)) return Refuse(TlsRefusalReason.WrongPurpose, "the certificate is not meant for TLS clients");
        if (PeerFacts.IsWeak(certificate)) return Refuse(TlsRefusalReason.WeakKey, "the certificate's key can be broken");
        // Whatever else the chain found: nothing passes that it did not pass.
        if (found.Flags != X509ChainStatusFlags.NoError) return Refuse(TlsRefusalReason.Untrusted, $"the certificate's chain is not valid: {found.Flags}");
        if (door == PeerDoor.Mqtt && issuer.Purpose == AuthorityPurpose.Claims)
            return Refuse(TlsRefusalReason.IssuerPurpose, "the certificate is a claim: good for enrolment over HTTPS, and not for MQTT");
        return (PeerFacts.Read(certificate, issuer, trust.Names) with { Refusal = FindWrongDates(certificate) }, null);
    }

    /// <summary>
    /// The chain found no way to our root, though the certificate says that an authority of ours issued it. Either that is a lie; or the peer sent certificates along
    /// that led the search astray; or the authority is not in force. So the chain is built once more, of nothing but what is ours: a bounded second try.
    /// </summary>
    private (PeerVerdict?, TlsRefusal?) JudgeAgain(X509Certificate2 certificate, AuthorityGeneration claimed)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy = TrustPolicy.For(claimed.Verifies ? trust.Roots : RootsOfAllTimes, [claimed.Certificate], clock);
        chain.ChainPolicy.ApplicationPolicy.Add(new(KeyPurpose.ClientAuth));
        chain.Build(certificate);
        var found = ChainFacts.Of(chain);
        var verdict = found.Has(NoPathToRoot) || claimed.Verifies
            ? Judge(certificate, found)
            : Refuse(TlsRefusalReason.AuthorityNotInForce, $"the certificate is of {claimed}, which is {claimed.State.ToString().ToLowerInvariant()}");
        foreach (var element in chain.ChainElements)
        {
            if (!ReferenceEquals(element.Certificate, certificate)) element.Certificate.Dispose();
        }

        return verdict;
    }

    /// <summary>For authorities that are not in force: the refusal is to name them, no more.</summary>
    private IEnumerable<X509Certificate2> RootsOfAllTimes => trust.All.Where(authority => authority.Purpose == AuthorityPurpose.Root).Select(authority => authority.Certificate);

    private AuthorityGeneration? Claimed(X509Certificate2 certificate) =>
        trust.Find(AuthorityId.OfIssuer(certificate)) is { Purpose: not AuthorityPurpose.Root } authority ? authority : null;

    /// <summary>
    /// Compared as a whole, never by name: any authority below the root could otherwise make devices. The name must be of the issuer's kind, because the
    /// authority for devices of an older folder may name services, too. A certificate without a readable name is refused at CONNECT.
    /// </summary>
    private AuthorityGeneration? IssuerOf(X509Certificate2 certificate, ChainFacts found)
    {
        if (found.Issuer is not { } der) return null;
        var issuer = trust.Issuers.FirstOrDefault(authority => authority.Certificate.RawDataMemory.Span.SequenceEqual(der.Span));
        if (issuer?.Purpose is not (AuthorityPurpose.Devices or AuthorityPurpose.Services or AuthorityPurpose.Claims)) return null;
        return !CertificateIdentity.TryRead(certificate, trust.Names, out var identity, out _) || PeerFacts.PurposeOf(identity.Kind) == issuer.Purpose ? issuer : null;
    }

    private TrustedManufacturer? ManufacturerOf(ChainFacts found) => found.Last is not { } last ? null
        : trust.Manufacturers.FirstOrDefault(manufacturer => manufacturer.Certificate.RawDataMemory.Span.SequenceEqual(last.Span));

    /// <summary>Unproven, as manufacturers are no anchors on the MQTT port: it only chooses the refusal's name.</summary>
    private bool SaysManufactured(X509Certificate2 certificate) => door == PeerDoor.Mqtt && AuthorityId.OfIssuer(certificate) is { Length: > 0 } id
        && trust.Manufacturers.Any(manufacturer => AuthorityId.Of(manufacturer.Certificate) == id);

    private (PeerVerdict?, TlsRefusal?) JudgeManufactured(X509Certificate2 certificate, ChainFacts found, TrustedManufacturer manufacturer)
    {
        // An authority below a root that we do not know is an anchor to us, not to the chain.
        var flags = manufacturer.IsRoot ? found.Flags : found.Flags & ~X509ChainStatusFlags.PartialChain;
        if (door == PeerDoor.Mqtt) return Refuse(TlsRefusalReason.IssuerPurpose, $"the certificate is of the manufacturer {manufacturer.Name}: good for enrolment over HTTPS, and not for MQTT");
        // IEEE 802.1AR asks for no purpose; one that is given must be this.
        if (KeyPurpose.IsStated(certificate) && !KeyPurpose.IsGranted(certificate, KeyPurpose.ClientAuth))
            return Refuse(TlsRefusalReason.WrongPurpose, "the manufacturer's certificate is not meant for TLS clients");
        if (flags != X509ChainStatusFlags.NoError) return Refuse(TlsRefusalReason.Untrusted, $"the manufacturer's chain is not valid: {flags}");
        if (PeerFacts.IsWeak(certificate)) return Refuse(TlsRefusalReason.WeakKey, "the manufacturer's certificate has a key that can be broken");
        if (FindWrongDates(certificate) is { } dates) return Refuse(dates.Code == "expired" ? TlsRefusalReason.Expired : TlsRefusalReason.NotYetValid, dates.Detail);
        return (PeerFacts.Read(certificate, manufacturer), null);
    }

    private PeerRefusal? FindWrongDates(X509Certificate2 certificate)
    {
        var now = clock.GetUtcNow().UtcDateTime;
        var (first, last) = (certificate.NotBefore.ToUniversalTime(), certificate.NotAfter.ToUniversalTime());
        if (now - last >= OneSecond) return new PeerRefusal("expired", $"the certificate expired at {last:u}; renew it or enrol anew"); // It is good until the end of its last second.
        return now < first ? new PeerRefusal("not-yet-valid", $"the certificate is valid from {first:u}; check both clocks") : null;
    }

    private static (PeerVerdict?, TlsRefusal?) Refuse(TlsRefusalReason reason, string detail) => (null, new TlsRefusal(reason, detail, null, null));

    /// <summary>What a chain says, without the dates of its leaf: those are judged by our own rule.</summary>
    /// <param name="Flags">Everything that is wrong, but for the leaf's dates.</param>
    /// <param name="Issuer">The certificate above the leaf.</param>
    /// <param name="Last">The topmost certificate; null where there is none above the leaf.</param>
    private sealed record ChainFacts(X509ChainStatusFlags Flags, ReadOnlyMemory<byte>? Issuer, ReadOnlyMemory<byte>? Last)
    {
        public bool Has(X509ChainStatusFlags any) => (Flags & any) != 0;

        public static ChainFacts Of(X509Chain chain)
        {
            var flags = X509ChainStatusFlags.NoError;
            foreach (var status in chain.ChainStatus) flags |= status.Status;
            if ((flags & X509ChainStatusFlags.NotTimeValid) != 0 && !HasWrongDatesAbove(chain)) flags &= ~X509ChainStatusFlags.NotTimeValid;
            var length = chain.ChainElements.Count;
            return length < 2 ? new ChainFacts(flags, null, null) : new ChainFacts(flags, chain.ChainElements[1].Certificate.RawDataMemory, chain.ChainElements[length - 1].Certificate.RawDataMemory);
        }

        private static bool HasWrongDatesAbove(X509Chain chain) =>
            chain.ChainElements.Skip(1).Any(element => element.ChainElementStatus.Any(status => status.Status == X509ChainStatusFlags.NotTimeValid));
    }
}
