using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace IoTFleet.Pki;

/// <summary>
/// The extensions a request asks for. None is ever copied; what we would not grant is refused, so that nobody believes
/// to have got it.
/// </summary>
internal static class RequestedExtensions
{
    /// <returns>The one URI asked for, if any.</returns>
    /// <exception cref="RequestRefused">It asks for something no leaf of ours has.</exception>
    public static string? Read(AsnReader extensions)
    {
        string? uri = null;
        var seen = new HashSet<string>();
        while (extensions.HasData)
        {
            var extension = extensions.ReadSequence();
            var oid = extension.ReadObjectIdentifier();
            var critical = extension.PeekTag().HasSameClassAndValue(Asn1Tag.Boolean) && extension.ReadBoolean();
            var value = extension.ReadOctetString();
            extension.ThrowIfNotEmpty();
            if (!seen.Add(oid)) throw new RequestRefused(RequestRefusal.Attributes, $"the request asks for the extension {oid} twice");
            if (oid == Oids.SubjectAlternativeName) uri = ReadUri(value);
            else Check(oid, critical, value);
        }
        return uri;
    }

    private static string ReadUri(byte[] value) => AlternativeNames.TryReadSingleUri(value, out var uri)
        ? uri
        : throw new RequestRefused(RequestRefusal.Names, "the request's subject alternative name may hold one URI and nothing else");

    private static void Check(string oid, bool critical, byte[] value)
    {
        switch (oid)
        {
            case Oids.BasicConstraints: CheckBasicConstraints(value); break;
            case Oids.KeyUsage: CheckKeyUsage(value); break;
            case Oids.ExtendedKeyUsage: CheckPurposes(value); break;
            case Oids.NameConstraints: throw new RequestRefused(RequestRefusal.AsksTooMuch, "the request asks for name constraints, which only authorities have");
            case var _ when critical: throw new RequestRefused(RequestRefusal.AsksTooMuch, $"the request asks for the critical extension {oid}, which is not granted");
        }
    }

    private static void CheckBasicConstraints(byte[] value)
    {
        if (new X509BasicConstraintsExtension(new AsnEncodedData(value), false).CertificateAuthority)
            throw new RequestRefused(RequestRefusal.AsksTooMuch, "the request asks to be a certificate authority (CA:TRUE)");
    }

    private static void CheckKeyUsage(byte[] value)
    {
        const X509KeyUsageFlags OnlyForAuthorities = X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign;
        if ((new X509KeyUsageExtension(new AsnEncodedData(value), false).KeyUsages & OnlyForAuthorities) != 0)
            throw new RequestRefused(RequestRefusal.AsksTooMuch, "the request asks to sign certificates or CRLs, which only authorities do");
    }

    private static void CheckPurposes(byte[] value)
    {
        var purposes = new AsnReader(value, AsnEncodingRules.DER).ReadSequence();
        while (purposes.HasData)
        {
            var purpose = purposes.ReadObjectIdentifier();
            if (purpose != KeyPurpose.ClientAuth)
                throw new RequestRefused(RequestRefusal.AsksTooMuch, $"the request asks for the key purpose {purpose}; only client authentication is granted");
        }
    }
}
