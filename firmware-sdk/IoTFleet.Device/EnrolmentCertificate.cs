using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Device.Identity;

namespace IoTFleet.Device;

/// <summary>What is spoken with the server to enrol and to renew.</summary>
public enum EnrolmentProtocol
{
    /// <summary>The JSON of a fleet server: certificate and trust bundle come in one answer.</summary>
    Fleet,

    /// <summary>RFC 7030 (EST) and nothing else, for a server that is not a fleet server: no trust bundle, no advice when to renew, no word why a certificate is refused.</summary>
    Est,
}

/// <summary>
/// A certificate that speaks for a device at its enrolment: a claim certificate, which a whole batch of devices shares, or the identity of its maker (IEEE 802.1AR IDevID).
/// Read when it is needed and not before, so a device may delete a claim's files once it is enrolled.
/// </summary>
public sealed record EnrolmentCertificate
{
    /// <summary>A PEM file: the certificate, then whatever authorities stand between it and the root that the server knows; perhaps the private key, too.</summary>
    public required string CertificateFile { get; init; }

    /// <summary>A PEM file with the private key; null when it is in <see cref="CertificateFile"/>, or in hardware.</summary>
    public string? KeyFile { get; init; }

    /// <summary>The private key in hardware, as in <see cref="HardwareKeyOptions.Keys"/>; null when it is in a file.</summary>
    public string? HardwareKey { get; init; }

    /// <summary>A file with the PIN for <see cref="HardwareKey"/>; null as in <see cref="HardwareKeyOptions.PinFile"/>.</summary>
    public string? PinFile { get; init; }

    internal void Validate()
    {
        DeviceOptions.Require(!string.IsNullOrWhiteSpace(CertificateFile), nameof(CertificateFile), "must name a PEM file");
        DeviceOptions.Require(KeyFile is null || HardwareKey is null, nameof(HardwareKey), $"and {nameof(KeyFile)} cannot both be given");
        DeviceOptions.Require(HardwareKey is null || Identity.HardwareKey.FindProblem(HardwareKey) is null, nameof(HardwareKey), Identity.HardwareKey.FindProblem(HardwareKey)!);
    }

    /// <exception cref="DeviceException">A file or the key cannot be read, or they do not belong together.</exception>
    internal SslStreamCertificateContext Open()
    {
        try
        {
            var chain = new X509Certificate2Collection();
            chain.ImportFromPemFile(CertificateFile);
            if (chain.Count == 0)
                throw Unusable("holds no PEM certificate", null);
            var own = HardwareKey is null ? X509Certificate2.CreateFromPemFile(CertificateFile, KeyFile ?? CertificateFile) : JoinHardwareKey(chain[0]);
            chain.RemoveAt(0);
            return SslStreamCertificateContext.Create(own, chain, offline: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
        {
            throw Unusable($"or its key cannot be used: {error.Message}", error);
        }
    }

    private X509Certificate2 JoinHardwareKey(X509Certificate2 certificate)
    {
        var pin = DevicePin.Find(PinFile);
        if (certificate.GetECDsaPublicKey() is not null)
        {
            using var ecdsa = Identity.HardwareKey.OpenEcdsa(HardwareKey!, pin);
            return certificate.CopyWithPrivateKey(ecdsa);
        }

        using var rsa = Identity.HardwareKey.OpenRsa(HardwareKey!, pin);
        return certificate.CopyWithPrivateKey(rsa);
    }

    private DeviceException Unusable(string how, Exception? inner) =>
        new(DeviceError.OptionsNotValid, $"The enrolment certificate {CertificateFile} {how}. It must be PEM, with its private key in that file, in {nameof(KeyFile)} or in hardware.", inner);
}
