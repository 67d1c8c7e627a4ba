using System.Collections.Frozen;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Pki;

namespace IoTFleet.Fleet.Authorities;

/// <summary>
/// Whom this server trusts at one moment: all authorities with their states, registered manufacturers, the bundle that devices are given.
/// Immutable and swapped whole: a handshake takes one reference and uses it to the end, so a rotation needs no restart of anything.
/// </summary>
public sealed class TrustSnapshot
{
    private readonly FrozenDictionary<string, AuthorityGeneration> _byId;

    public TrustSnapshot(
        FleetNames names, IEnumerable<AuthorityGeneration> authorities, IEnumerable<TrustedManufacturer>? manufacturers = null, TrustBundle? bundle = null)
    {
        Names = names;
        All = [.. authorities.OrderBy(authority => authority.Purpose).ThenBy(authority => authority.Generation)];
        Roots = [.. All.Where(authority => authority is { Purpose: AuthorityPurpose.Root, Verifies: true }).Select(authority => authority.Certificate)];
        Issuers = [.. All.Where(authority => authority.Purpose != AuthorityPurpose.Root && authority.Verifies)];
        Manufacturers = [.. manufacturers ?? []];
        Bundle = bundle;
        Cross = bundle is null ? [] : [.. TrustBundleDocument.ReadOwn(bundle.Document).Cross.Select(der => X509CertificateLoader.LoadCertificate(der.Span))];
        _byId = All.ToFrozenDictionary(authority => authority.Id, StringComparer.Ordinal);
    }

    public FleetNames Names { get; }

    /// <summary>Every generation ever, removed ones too: a certificate of theirs is refused by its right name.</summary>
    public IReadOnlyList<AuthorityGeneration> All { get; }

    /// <summary>The anchors that are believed now.</summary>
    public IReadOnlyList<X509Certificate2> Roots { get; }

    /// <summary>The authorities below them whose certificates are believed now.</summary>
    public IReadOnlyList<AuthorityGeneration> Issuers { get; }

    public IReadOnlyList<TrustedManufacturer> Manufacturers { get; }

    /// <summary>The newest, null before the first was made.</summary>
    public TrustBundle? Bundle { get; }

    /// <summary>Of one root for another, or for its authority for servers, while they change places; part of chains and of what devices are given.</summary>
    public IReadOnlyList<X509Certificate2> Cross { get; }

    /// <summary>The root by which every device knows this server: the oldest that is believed.</summary>
    public AuthorityGeneration? CommonRoot => All.FirstOrDefault(authority => authority is { Purpose: AuthorityPurpose.Root, Verifies: true });

    /// <summary>Zero before the first bundle was made.</summary>
    public long BundleVersion => Bundle?.Version ?? 0;

    /// <summary>The generation that signs for a purpose; at most one.</summary>
    public AuthorityGeneration? Active(AuthorityPurpose purpose) => All.FirstOrDefault(authority => authority.Purpose == purpose && authority.State == AuthorityState.Active);

    /// <summary>Whether the key, named by its fingerprint, is that of one of our authorities, in whatever state.</summary>
    public bool HasKey(string fingerprint) => All.Any(authority => authority.KeyFingerprint == fingerprint);

    /// <param name="issuerId">The subject key identifier, lower-case hex.</param>
    public AuthorityGeneration? Find(string issuerId) => _byId.GetValueOrDefault(issuerId);

    /// <summary>
    /// What devices are given to trust, and nothing that only concerns the server: anchors first, then what a device's and a server's chain is made of.
    /// </summary>
    public IEnumerable<X509Certificate2> ForDevices() => All
        .Where(authority => authority is { IsInBundle: true, Purpose: AuthorityPurpose.Root or AuthorityPurpose.Devices or AuthorityPurpose.Servers })
        .OrderBy(authority => authority.Purpose)
        .Select(authority => authority.Certificate)
        .Concat(Cross); // RFC 7030 4.1.3

    /// <summary>New roots signed by old ones and the other way round, while devices hold different ones. RFC 4210 4.4</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>> CrossSigned => Bundle is null ? [] : TrustBundleDocument.ReadOwn(Bundle.Document).Cross;

    /// <summary>A folder's authorities as the first generation of each, all active: a fleet that has rotated nothing yet.</summary>
    public static TrustSnapshot Of(FleetAuthorities folder, TimeProvider clock) => new(folder.Names, AuthorityFolder.Contents(folder).Select(found => new AuthorityGeneration
    {
        Id = AuthorityId.Of(found.Certificate),
        Purpose = found.Purpose,
        Generation = 1,
        State = AuthorityState.Active,
        StateChangedAt = clock.GetUtcNow(),
        Certificate = found.Certificate,
        Signer = found.Key is { } key ? new CertificateAuthority(key, clock) : null,
    }));
}
