using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace IoTFleet.Pki.Tests;

/// <summary>Requests that must be refused, each with a piece of the text its sender gets.</summary>
internal static class SigningRequestCases
{
    private static readonly X500DistinguishedName Subject = new("CN=pump-1");

    // Extension 1.2.3 with an empty value. Two extensions of one OID cannot come from the BCL's own builder.
    private static readonly byte[] BareExtension = [0x30, 0x06, 0x06, 0x02, 0x2A, 0x03, 0x04, 0x00];

    public static readonly Dictionary<string, (Func<byte[]> Build, string Problem)> Refused = new()
    {
        ["empty"] = (() => [], "not a well-formed PKCS#10"),
        ["text"] = (() => Encoding.ASCII.GetBytes("-----BEGIN CERTIFICATE REQUEST-----"), "not a well-formed PKCS#10"),
        ["trailing bytes"] = (() => [.. P256().CreateSigningRequest(), 0], "not a well-formed PKCS#10"),
        ["truncated"] = (() => P256().CreateSigningRequest()[..^1], "not a well-formed PKCS#10"),
        ["larger than 8 KiB"] = (() => new byte[8 * 1024 + 1], "larger than 8192 bytes"),
        ["signature of another key"] = (() => P256().CreateSigningRequest(X509SignatureGenerator.CreateForECDsa(NewKey())), "signature does not fit"),
        ["changed after signing"] = (ChangedAfterSigning, "signature does not fit"),
        ["SHA-1"] = (() => ByHand("1.2.840.10045.4.1", HashAlgorithmName.SHA1), "ecdsa-with-SHA256"),
        ["SHA-512"] = (() => new CertificateRequest(Subject, NewKey(), HashAlgorithmName.SHA512).CreateSigningRequest(), "ecdsa-with-SHA256"),
        ["RSA"] = (() => Rsa(), "RSA is not enabled"),
        ["secp384r1"] = (() => OnCurve(ECCurve.NamedCurves.nistP384), "P-256"),
        ["secp256k1"] = (() => OnCurve(ECCurve.CreateFromFriendlyName("secp256k1")), "P-256"),
        ["explicit curve parameters"] = (() => WithKey(parameters: [0x30, 0x03, 0x02, 0x01, 0x01]), "by name"),
        ["no curve parameters"] = (() => WithKey(parameters: [0x05, 0x00]), "by name"),
        ["compressed point"] = (() => WithKey(change: point => [2, .. point[1..33]]), "uncompressed"),
        ["point off the curve"] = (() => WithKey(change: point => [.. point[..^1], (byte)(point[^1] ^ 1)]), "not on the curve"),
        ["point at infinity"] = (() => WithKey(change: _ => [0]), "uncompressed"),

        ["CA:TRUE"] = (() => Asking(new X509BasicConstraintsExtension(true, false, 0, true)), "CA:TRUE"),
        ["certificate signing"] = (() => Asking(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true)), "sign certificates"),
        ["server authentication"] = (() => Asking(new X509EnhancedKeyUsageExtension([new Oid(KeyPurpose.ServerAuth)], false)), KeyPurpose.ServerAuth),
        ["any purpose"] = (() => Asking(new X509EnhancedKeyUsageExtension([new Oid("2.5.29.37.0")], false)), "2.5.29.37.0"),
        ["name constraints"] = (() => Asking(new X509Extension("2.5.29.30", [0x30, 0x00], false)), "name constraints"),
        ["unknown critical extension"] = (() => Asking(new X509Extension("1.2.3.4", [0x05, 0x00], true)), "1.2.3.4"),
        ["the same extension twice"] = (() => RequestWith(ExtensionRequest([0x30, 0x10, .. BareExtension, .. BareExtension])), "twice"),
        ["DNS name"] = (() => Asking(Names(names => names.AddDnsName("pump-1"))), "one URI"),
        ["URI and DNS name"] = (() => Asking(Names(names => { names.AddUri(new Uri("spiffe://a/b")); names.AddDnsName("pump-1"); })), "one URI"),
        ["two URIs"] = (() => Asking(Names(names => { names.AddUri(new Uri("spiffe://a/b")); names.AddUri(new Uri("spiffe://a/c")); })), "one URI"),

        ["two extension requests"] =
            (() => RequestWith(ExtensionRequest([0x30, 0]), ExtensionRequest([0x30, 8, .. BareExtension])), "twice"),
        ["challenge of 256 characters"] = (() => RequestWith(Challenge(new string('x', 256))), "longer than 255"),
        ["two CNs"] = (() => new CertificateRequest("CN=pump-1, CN=pump-2", NewKey(), HashAlgorithmName.SHA256).CreateSigningRequest(), "one CN"),
        ["organisation"] = (() => new CertificateRequest("CN=pump-1, O=Evil", NewKey(), HashAlgorithmName.SHA256).CreateSigningRequest(), "one CN"),
    };

    public static byte[] Asking(params X509Extension[] extensions)
    {
        var request = P256();
        foreach (var extension in extensions) request.CertificateExtensions.Add(extension);
        return request.CreateSigningRequest();
    }

    public static X509Extension Names(Action<SubjectAlternativeNameBuilder> add)
    {
        var names = new SubjectAlternativeNameBuilder();
        add(names);
        return names.Build();
    }

    public static byte[] RequestWith(params AsnEncodedData[] attributes) =>
        ByHand("1.2.840.10045.4.3.2", HashAlgorithmName.SHA256, attributes);

    /// <summary>For what the BCL's own builder refuses to write.</summary>
    private static byte[] ByHand(string signatureAlgorithm, HashAlgorithmName hash, params AsnEncodedData[] attributes)
    {
        using var key = NewKey();
        var info = EncodeInfo(key, attributes);
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
        {
            writer.WriteEncodedValue(info);
            using (writer.PushSequence()) writer.WriteObjectIdentifier(signatureAlgorithm);
            writer.WriteBitString(key.SignData(info, hash, DSASignatureFormat.Rfc3279DerSequence));
        }
        return writer.Encode();
    }

    private static byte[] EncodeInfo(ECDsa key, AsnEncodedData[] attributes)
    {
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
        {
            writer.WriteInteger(0);
            writer.WriteEncodedValue(Subject.RawData);
            writer.WriteEncodedValue(key.ExportSubjectPublicKeyInfo());
            using (writer.PushSetOf(new Asn1Tag(TagClass.ContextSpecific, 0)))
            {
                foreach (var attribute in attributes)
                {
                    using var sequence = writer.PushSequence();
                    writer.WriteObjectIdentifier(attribute.Oid!.Value!);
                    using (writer.PushSetOf()) writer.WriteEncodedValue(attribute.RawData);
                }
            }
        }
        return writer.Encode();
    }

    public static AsnEncodedData Challenge(string text)
    {
        var writer = new AsnWriter(AsnEncodingRules.DER);
        writer.WriteCharacterString(UniversalTagNumber.UTF8String, text);
        return new AsnEncodedData("1.2.840.113549.1.9.7", writer.Encode());
    }

    private static AsnEncodedData ExtensionRequest(byte[] extensions) => new("1.2.840.113549.1.9.14", extensions);

    private static CertificateRequest P256() => new(Subject, NewKey(), HashAlgorithmName.SHA256);

    private static ECDsa NewKey() => ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public static byte[] OnCurve(ECCurve curve)
    {
        using var key = ECDsa.Create(curve);
        return new CertificateRequest(Subject, key, HashAlgorithmName.SHA256).CreateSigningRequest();
    }

    public static byte[] Rsa(int bits = 2048, HashAlgorithmName? hash = null, RSASignaturePadding? padding = null)
    {
        using var key = RSA.Create(bits);
        return new CertificateRequest(Subject, key, hash ?? HashAlgorithmName.SHA256, padding ?? RSASignaturePadding.Pkcs1).CreateSigningRequest();
    }

    private static byte[] ChangedAfterSigning()
    {
        var request = P256().CreateSigningRequest();
        request[request.AsSpan().IndexOf("pump-1"u8)] = (byte)'j';
        return request;
    }

    /// <summary>A properly signed request whose public key says something else than a P-256 key should.</summary>
    public static byte[] WithKey(byte[]? parameters = null, Func<byte[], byte[]>? change = null)
    {
        using var key = NewKey();
        var real = new PublicKey(key);
        var point = real.EncodedKeyValue.RawData;
        var crooked = new PublicKey(
            real.Oid,
            parameters is null ? real.EncodedParameters : new AsnEncodedData(real.Oid, parameters),
            new AsnEncodedData(real.Oid, change is null ? point : change(point)));
        return new CertificateRequest(Subject, crooked, HashAlgorithmName.SHA256).CreateSigningRequest(X509SignatureGenerator.CreateForECDsa(key));
    }
}
