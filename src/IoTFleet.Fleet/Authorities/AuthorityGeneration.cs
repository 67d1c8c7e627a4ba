using System.Security.Cryptography.X509Certificates;
using IoTFleet.Pki;

namespace IoTFleet.Fleet.Authorities;

/// <summary>One generation of an authority as a running server uses it. Part of a <see cref="TrustSnapshot"/>, so it never changes.</summary>
public sealed class AuthorityGeneration
{
    /// <summary>The subject key identifier, lower-case hex.</summary>
    public required string Id { get; init; }
    public required AuthorityPurpose Purpose { get; init; }
    public required int Generation { get; init; }
    public required AuthorityState State { get; init; }
    public required DateTimeOffset StateChangedAt { get; init; }
    public required X509Certificate2 Certificate { get; init; }

    /// <summary>Compared with the key of each signing request, so it is reckoned once.</summary>
    public string KeyFingerprint => field ??= Fingerprint.OfKey(Certificate);

    /// <summary>Null when its key is not on this machine.</summary>
    public CertificateAuthority? Signer { get; init; }

    /// <summary>Whether what it signed is believed. A published one has signed nothing yet, a removed one is believed no more.</summary>
    public bool Verifies => State is AuthorityState.Active or AuthorityState.Retiring or AuthorityState.Tainted;

    /// <summary>Whether devices are told to trust it.</summary>
    public bool IsInBundle => Verifies || State == AuthorityState.Published;

    public DateTimeOffset NotBefore => new(Certificate.NotBefore.ToUniversalTime());

    public DateTimeOffset NotAfter => new(Certificate.NotAfter.ToUniversalTime());

    /// <summary>Whether it names the other as its issuer; a root has none.</summary>
    public bool IsIssuedBy(AuthorityGeneration other) => Purpose != AuthorityPurpose.Root && AuthorityId.OfIssuer(Certificate) == other.Id;

    public override string ToString() => $"{Purpose} generation {Generation}";
}

/// <summary>A manufacturer whose device identities (IEEE 802.1AR) may ask for enrolment, and nothing else.</summary>
public sealed record TrustedManufacturer(string Id, string Name, string GroupId, X509Certificate2 Certificate)
{
    /// <summary>False for an authority below a root that we do not know: it is trusted by itself.</summary>
    public bool IsRoot { get; } = Certificate.SubjectName.RawData.AsSpan().SequenceEqual(Certificate.IssuerName.RawData);
}
