using System.Globalization;
using System.Net;

namespace IoTFleet.Pki;

/// <summary>
/// What a certificate is to say, decided by us. For devices and services made by <see cref="IssuancePolicy"/>.
/// The lifetime is from the first to the last second, the backdating included.
/// </summary>
public sealed record LeafTerms(string CommonName, Uri? Identity, ReadOnlyMemory<byte> SubjectPublicKeyInfo, TimeSpan Lifetime, TimeSpan Backdate)
{
    public static readonly TimeSpan ServerLifetime = TimeSpan.FromDays(90);
    public static readonly TimeSpan ServerBackdate = TimeSpan.FromMinutes(5);

    public Profile Profile { get; init; } = Profile.Device;

    /// <summary>Of a server: its DNS names and IP addresses.</summary>
    public IReadOnlyList<string> Hosts { get; init; } = [];

    /// <summary>Of a device: the maker's serial number, at most 64 characters of PrintableString.</summary>
    public string? HardwareSerial { get; init; }

    /// <summary>Of a cross-certificate: whose name, key and constraints it repeats.</summary>
    internal IssuerFacts? Original { get; init; }

    /// <summary>Where the list that would name this certificate is published; http only. RFC 5280 4.2.1.13</summary>
    public Uri? CrlUrl { get; init; }

    /// <summary>Where its issuer's certificate can be fetched; http only. RFC 5280 4.2.2.1</summary>
    public Uri? IssuerUrl { get; init; }

    /// <summary>Who answers whether it is revoked; http only.</summary>
    public Uri? OcspUrl { get; init; }

    /// <summary>A server's own: clients go by the hosts alone, the subject says what it is for.</summary>
    public static LeafTerms ForServer(IEnumerable<string> hosts, ReadOnlyMemory<byte> subjectPublicKeyInfo) =>
        new("IoTFleet server", null, subjectPublicKeyInfo, ServerLifetime, ServerBackdate) { Profile = Profile.Server, Hosts = [.. hosts.Select(Canonical)] };

    /// <summary>The holder may ask for devices until the batch's window ends, and for nothing else.</summary>
    public static LeafTerms ForClaim(FleetNames names, string batch, ReadOnlyMemory<byte> subjectPublicKeyInfo, TimeSpan lifetime) =>
        new(batch, names.ClaimUri(batch), subjectPublicKeyInfo, lifetime, TimeSpan.FromHours(1)) { Profile = Profile.Claim };

    /// <summary>Answers for the authority that issues it, at most a week long. RFC 6960 4.2.2.2</summary>
    public static LeafTerms ForOcspResponder(ReadOnlyMemory<byte> subjectPublicKeyInfo, TimeSpan lifetime) =>
        new("OCSP " + Fingerprint.Sha256(subjectPublicKeyInfo.Span)[..8], null, subjectPublicKeyInfo, lifetime, TimeSpan.FromHours(1))
        {
            Profile = Profile.OcspResponder,
        };

    private static string Canonical(string host) => IPAddress.TryParse(host, out var address)
        ? address.ToString()
        : new IdnMapping().GetAscii(host).ToLowerInvariant();
}
