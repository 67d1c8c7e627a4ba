using System.Formats.Asn1;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace IoTFleet.Device.Identity;

/// <summary>An enrolled device's key, certificate and trust, checked and ready for TLS.</summary>
internal sealed class DeviceIdentity : IDisposable
{
    private static readonly Asn1Tag UriName = new(TagClass.ContextSpecific, 6);

    private readonly X509Certificate2 _certificate;

    private DeviceIdentity(X509Certificate2 certificate, string fleet, IReadOnlyList<ReadOnlyMemory<byte>> trustAnchors)
    {
        _certificate = certificate;
        (Fleet, TrustAnchors) = (fleet, trustAnchors);
        // The leaf alone: the server knows its issuing CA, and each further certificate costs both sides. offline: no downloads.
        ClientCertificate = SslStreamCertificateContext.Create(certificate, additionalCertificates: null, offline: true);
    }

    /// <summary>The fleet's domain.</summary>
    public string Fleet { get; }

    public SslStreamCertificateContext ClientCertificate { get; }

    public DateTimeOffset ExpiresAt => new(_certificate.NotAfter.ToUniversalTime());

    public DateTimeOffset StartsAt => new(_certificate.NotBefore.ToUniversalTime());

    public ReadOnlyMemory<byte> Der => _certificate.RawDataMemory;

    /// <summary>The roots it was enrolled with.</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>> TrustAnchors { get; }

    /// <summary>ECDSA over SHA-256, in DER.</summary>
    public byte[] Sign(ReadOnlySpan<byte> data)
    {
        using var key = _certificate.GetECDsaPrivateKey()!;
        return key.SignData(data, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);
    }

    /// <summary>Joins key and certificate, and checks that they are this device's, of the fleet with the pinned root.</summary>
    public static DeviceIdentity Create(ECDsa key, EnrolledCertificate enrolled, DeviceTrust trust, DeviceOptions options)
    {
        if (!enrolled.TrustAnchors.Any(root => trust.Pin.Covers(root.Span)) && !trust.NamesPinned)
            throw Unusable($"The key store of {options.DeviceId} is of another fleet: no root in it {trust.Pin.Description}.");

        using var leaf = X509CertificateLoader.LoadCertificate(enrolled.Certificate.Span);
        if ((FindFleet(leaf, options.DeviceId) ?? WithoutFleet(leaf, options)) is not { } fleet)
            throw Unusable($"The key store holds the certificate of another device ({leaf.Subject}), not of {options.DeviceId}.");
        trust.Time.AtLeast(leaf.NotBefore.ToUniversalTime());
        return new DeviceIdentity(Join(leaf, key, options.DeviceId), fleet, enrolled.TrustAnchors);
    }

    public void Dispose() => _certificate.Dispose();

    private static X509Certificate2 Join(X509Certificate2 leaf, ECDsa key, string deviceId)
    {
        try
        {
            var joined = leaf.CopyWithPrivateKey(key);
            return OperatingSystem.IsWindows() ? WithStoredKey(joined) : joined;
        }
        catch (ArgumentException error)                        // how the BCL says that the public keys differ
        {
            throw Unusable($"The certificate of {deviceId} does not belong to the key beside it.", error);
        }
    }

    // Windows' TLS cannot use a key that lives in memory only.
    private static X509Certificate2 WithStoredKey(X509Certificate2 joined)
    {
        using (joined)
            return X509CertificateLoader.LoadPkcs12(joined.Export(X509ContentType.Pkcs12), password: null);
    }

    // spiffe://device.<fleet>/<id>; the subject is for display only.
    private static string? FindFleet(X509Certificate2 leaf, string deviceId)
    {
        const string scheme = "spiffe://device.";
        if (leaf.Extensions["2.5.29.17"] is not { } names)
            return null;

        var reader = new AsnReader(names.RawData, AsnEncodingRules.DER).ReadSequence();
        while (reader.HasData)
        {
            if (reader.PeekTag() != UriName)
                reader.ReadEncodedValue();
            else if (reader.ReadCharacterString(UniversalTagNumber.IA5String, UriName) is var uri
                && uri.StartsWith(scheme, StringComparison.Ordinal) && uri.EndsWith('/' + deviceId, StringComparison.Ordinal))
                return uri[scheme.Length..^(deviceId.Length + 1)];
        }

        return null;
    }

    // Another maker's EST server knows nothing of fleets: there the common name says whose certificate it is.
    private static string? WithoutFleet(X509Certificate2 leaf, DeviceOptions options) =>
        options.EnrolmentProtocol == EnrolmentProtocol.Est && leaf.GetNameInfo(X509NameType.SimpleName, forIssuer: false) == options.DeviceId ? "" : null;

    private static DeviceException Unusable(string what, Exception? inner = null) =>
        new(DeviceError.IdentityNotUsable, what + " Point the device at its own key store, or delete the store and enrol again.", inner);
}
