using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace IoTFleet.Fleet.Enrolment.Manufacturers;

/// <summary>A certificate as a person hands it in.</summary>
internal static class ManufacturerCertificate
{
    private const int MaxLength = 16 * 1024;

    public static X509Certificate2? TryLoad(ReadOnlyMemory<byte> pemOrDer)
    {
        if (pemOrDer.Length is 0 or > MaxLength) return null;
        try
        {
            return pemOrDer.Span[0] == 0x30
                ? X509CertificateLoader.LoadCertificate(pemOrDer.Span)
                : X509Certificate2.CreateFromPem(Encoding.ASCII.GetString(pemOrDer.Span));
        }
        catch (CryptographicException)
        {
            return null; // The caller says so.
        }
    }
}
