using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography.X509Certificates;

namespace IoTFleet.Pki;

public enum IdentityKind
{
    Device,
    Service,

    /// <summary>A batch of devices that may ask for their first certificates.</summary>
    Claim,
}

/// <summary>Who a certificate speaks for: its one SAN URI. The subject's CN is for display only and never read.</summary>
public sealed record CertificateIdentity(IdentityKind Kind, string Name)
{
    public const string WrongShape = "identity-shape";
    public const string WrongHost = "identity-host";
    public const string WrongGrammar = "identity-grammar";

    private const string Scheme = "spiffe://";

    public static bool TryRead(
        X509Certificate2 certificate, FleetNames names,
        [NotNullWhen(true)] out CertificateIdentity? identity, [NotNullWhen(false)] out string? problem)
    {
        identity = null;
        if (!TryReadUri(certificate, out var uri) || !uri.StartsWith(Scheme, StringComparison.Ordinal)) { problem = WrongShape; return false; }

        var slash = uri.IndexOf('/', Scheme.Length);
        if (slash < 0) { problem = WrongShape; return false; }

        // Ordinal, on the raw text: what would only match after normalising is another name.
        var host = uri[Scheme.Length..slash];
        if (KindOf(host, names) is not { } kind) { problem = WrongHost; return false; }

        var name = uri[(slash + 1)..];
        if (!DeviceName.IsValid(name)) { problem = WrongGrammar; return false; }

        identity = new CertificateIdentity(kind, name);
        problem = null;
        return true;
    }

    private static IdentityKind? KindOf(string host, FleetNames names) =>
        host == names.DeviceHost ? IdentityKind.Device
        : host == names.ServiceHost ? IdentityKind.Service
        : host == names.ClaimHost ? IdentityKind.Claim
        : null;

    /// <summary>Exactly one SAN extension with exactly one URI in it and nothing else.</summary>
    private static bool TryReadUri(X509Certificate2 certificate, [NotNullWhen(true)] out string? uri)
    {
        uri = null;
        var extensions = certificate.Extensions.Where(extension => extension.Oid?.Value == Oids.SubjectAlternativeName).ToArray();
        return extensions.Length == 1 && AlternativeNames.TryReadSingleUri(extensions[0].RawData, out uri);
    }
}
