using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using IoTFleet.Device.Renewal;

namespace IoTFleet.Device.Identity;

/// <summary>
/// Whom a device is to believe, as its fleet has said and signed it. On the wire JSON in an envelope of JSON; docs/pki.md has both.
/// </summary>
internal sealed class TrustBundle
{
    private const string Format = "iotfleet-trust-bundle-1";
    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";

    /// <summary>Signed together with the payload, so that the signature is good for nothing else.</summary>
    private static ReadOnlySpan<byte> SignedAs => "iotfleet trust-bundle\n"u8;

    private TrustBundle(ReadOnlyMemory<byte> document, BundlePayload payload, IReadOnlyList<X509Certificate2> anchors) =>
        (Document, Fleet, Version, IssuedAt, Anchors) = (document, payload.Fleet ?? "", payload.Version, payload.IssuedAt, anchors);

    public ReadOnlyMemory<byte> Document { get; }

    public string Fleet { get; }

    /// <summary>Versions of a fleet only grow.</summary>
    public long Version { get; }

    public DateTimeOffset IssuedAt { get; }

    /// <summary>The roots: one, or while one takes another's place, both.</summary>
    public IReadOnlyList<X509Certificate2> Anchors { get; }

    /// <summary>One from this device's own store: it was verified when it was taken.</summary>
    public static bool TryRead(ReadOnlyMemory<byte> document, [NotNullWhen(true)] out TrustBundle? bundle, [NotNullWhen(false)] out string? problem)
    {
        (bundle, problem) = (null, null);
        try
        {
            var payload = JsonSerializer.Deserialize(Open(document).Payload, SdkJson.Default.BundlePayload);
            if (payload is not { Format: Format, Version: > 0, Authorities: { } authorities })
                problem = "its payload is of another format";
            else if (Roots(authorities) is not { Length: > 0 } roots || !roots.All(IsAuthority))
                problem = "it names no root, or one that is no authority";
            else
                bundle = new TrustBundle(document, payload, roots);
        }
        catch (Exception unreadable) when (unreadable is JsonException or CryptographicException)
        {
            problem = "it cannot be read";                     // the exception's own words would be about bytes, and help nobody
        }

        return bundle is not null;
    }

    /// <summary>One that somebody sent: signed by an authority for servers below a root that is believed already, in that authority's days.</summary>
    public static bool TryVerify(ReadOnlyMemory<byte> document, PinnedTrust trust, [NotNullWhen(true)] out TrustBundle? bundle, [NotNullWhen(false)] out string? problem)
    {
        if (!TryRead(document, out bundle, out problem))
            return false;
        var (payload, signature, links) = Open(document);
        X509Certificate2[] chain = [];
        try
        {
            chain = [.. (links ?? []).Select(der => X509CertificateLoader.LoadCertificate(der ?? []))];
            problem = FindFault(bundle, chain, payload, signature, trust);
        }
        catch (CryptographicException)
        {
            problem = "its chain cannot be read";
        }
        finally
        {
            foreach (var certificate in chain)
                certificate.Dispose();
        }

        if (problem is not null)
            bundle = null;
        return bundle is not null;
    }

    private static string? FindFault(TrustBundle bundle, X509Certificate2[] chain, byte[]? payload, byte[]? signature, PinnedTrust trust)
    {
        if (chain is not [var signer, .. var helpers] || !IsAuthority(signer) || !IsForServers(signer) || !IsBelieved(signer, helpers, trust))
            return "its signer is no authority for servers below a root that this device believes";
        if (!IsSigned(signer, payload, signature))
            return "its signature is not the signer's";
        return bundle.IssuedAt < signer.NotBefore.ToUniversalTime() || bundle.IssuedAt > signer.NotAfter.ToUniversalTime() ? "it was signed before its signer began, or after it ended" : null;
    }

    private static bool IsBelieved(X509Certificate2 signer, X509Certificate2[] helpers, PinnedTrust trust)
    {
        using var chain = new X509Chain { ChainPolicy = trust.ChainPolicy() };
        chain.ChainPolicy.ExtraStore.AddRange(helpers);
        return chain.Build(signer) || trust.AcceptsAtItsBeginning(signer, chain);
    }

    private static bool IsSigned(X509Certificate2 signer, byte[]? payload, byte[]? signature)
    {
        using var key = signer.GetECDsaPublicKey();
        var hash = key?.KeySize == 384 ? HashAlgorithmName.SHA384 : HashAlgorithmName.SHA256;
        return key is not null && payload is not null && signature is not null && key.VerifyData((byte[])[.. SignedAs, .. payload], signature, hash, DSASignatureFormat.Rfc3279DerSequence);
    }

    private static bool IsAuthority(X509Certificate2 certificate) =>
        certificate.Extensions.OfType<X509BasicConstraintsExtension>().Any(constraints => constraints.CertificateAuthority);

    // A chain is also built for a certificate that states no purpose; this one has to.
    private static bool IsForServers(X509Certificate2 certificate) =>
        certificate.Extensions.OfType<X509EnhancedKeyUsageExtension>().Any(purposes => purposes.EnhancedKeyUsages.Cast<Oid>().Any(purpose => purpose.Value == ServerAuthentication));

    private static SignedBundle Open(ReadOnlyMemory<byte> document) =>
        JsonSerializer.Deserialize(document.Span, SdkJson.Default.SignedBundle) is { Payload: not null } signed ? signed : throw new JsonException();

    private static X509Certificate2[] Roots(IEnumerable<BundledAuthority?> authorities) =>
        [.. authorities.Where(authority => authority?.Purpose == "root").Select(root => X509CertificateLoader.LoadCertificate(root!.Certificate ?? []))];
}

/// <summary>Members are as the server writes them.</summary>
internal sealed record SignedBundle(byte[]? Payload, byte[]? Signature, byte[]?[]? Chain);

internal sealed record BundlePayload(string? Format, string? Fleet, long Version, DateTimeOffset IssuedAt, BundledAuthority?[]? Authorities);

internal sealed record BundledAuthority(string? Purpose, byte[]? Certificate);
