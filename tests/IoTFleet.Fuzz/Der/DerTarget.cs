using System.Diagnostics.CodeAnalysis;
using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using IoTFleet.Fleet.Authorities;
using IoTFleet.Fuzz.Payloads;
using IoTFleet.Pki;
using IoTFleet.Pki.Ocsp;
using IoTFleet.Server.Est;
using IoTFleet.Server.Security;
using IoTFleet.Testing;

namespace IoTFleet.Fuzz.Der;

/// <summary>A reader of what strangers send, and good examples of it. It answers whatever it is given; an exception is a fault.</summary>
/// <param name="Read">Whether it took the bytes.</param>
internal sealed record DerTarget(string Name, byte[][] Seeds, Func<byte[], bool> Read)
{
    private static readonly Lazy<DerTarget[]> Made = new(() => [Request(), Body(), Certificate(), Ocsp(), .. PayloadTargets.All]);

    /// <summary>Makes a good example bad; the third is another good one.</summary>
    public Func<byte[], Dice, byte[], byte[]> Damage { get; init; } = DerDamage.Of;

    public static IReadOnlyList<DerTarget> All => Made.Value;

    public static bool TryFind(string name, [NotNullWhen(true)] out DerTarget? target) => (target = All.FirstOrDefault(one => one.Name == name)) is not null;

    private static DerTarget Request() => new("request", Requests(), der => SigningRequest.TryParse(der, out _, out _));

    /// <summary>The body of EST's operations: base64 of a signing request, damaged before or behind the encoding.</summary>
    private static DerTarget Body() => new(
        "body",
        [.. Requests().Select(der => Encoding.ASCII.GetBytes(Convert.ToBase64String(der, Base64FormattingOptions.InsertLineBreaks))), .. Requests()],
        body => EstFormat.TryReadRequest(body, out var der, out _) && SigningRequest.TryParse(der, out _, out _));

    /// <summary>What the TLS handshake hands to us: whatever OpenSSL reads as a certificate, with the chain that was built for it.</summary>
    private static DerTarget Certificate()
    {
        var pki = new TestPki();
        var trust = TrustSnapshot.Of(pki.Authorities, TimeProvider.System);
        return new DerTarget("certificate", Certificates(pki), der =>
        {
            if (!TryLoad(der, out var certificate)) return false;
            using (certificate)
            {
                foreach (var door in (PeerDoor[])[PeerDoor.Mqtt, PeerDoor.Https])
                {
                    using var chain = new X509Chain { ChainPolicy = TrustPolicy.For(pki.Root, [pki.DeviceIssuer, pki.ServiceIssuer, pki.ClaimIssuer], TimeProvider.System) };
                    if (!TryBuild(chain, certificate)) return false;
                    new ClientCertificateCheck(trust, door, TimeProvider.System).Judge(certificate, chain, System.Net.Security.SslPolicyErrors.None);
                }

                CertificateIdentity.TryRead(certificate, pki.Names, out _, out _);
            }

            return true;
        });
    }

    /// <summary>What the plain port is asked by POST and GET.</summary>
    private static DerTarget Ocsp() => new("ocsp", [Question(0), Question(16), Question(128)], der => OcspRequest.TryParse(der, out _));

    /// <summary>RFC 6960 4.1.1, about two certificates; RFC 9654's nonce of this length when it has any.</summary>
    private static byte[] Question(int nonce)
    {
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
        using (writer.PushSequence())
        {
            using (writer.PushSequence())
            {
                WriteCertificate(writer, "1.3.14.3.2.26", 20);
                WriteCertificate(writer, "2.16.840.1.101.3.4.2.1", 32);
            }

            if (nonce > 0) WriteNonce(writer, nonce);
        }

        return writer.Encode();
    }

    private static void WriteCertificate(AsnWriter writer, string hash, int length)
    {
        using (writer.PushSequence())
        using (writer.PushSequence())
        {
            using (writer.PushSequence()) writer.WriteObjectIdentifier(hash);
            writer.WriteOctetString(new byte[length]);
            writer.WriteOctetString(new byte[length]);
            writer.WriteInteger(4711);
        }
    }

    private static void WriteNonce(AsnWriter writer, int length)
    {
        using (writer.PushSequence(new Asn1Tag(TagClass.ContextSpecific, 2)))
        using (writer.PushSequence())
        using (writer.PushSequence())
        {
            writer.WriteObjectIdentifier("1.3.6.1.5.5.7.48.1.2");
            using (writer.PushOctetString()) writer.WriteOctetString(new byte[length]);
        }
    }

    private static bool TryLoad(byte[] der, [NotNullWhen(true)] out X509Certificate2? certificate)
    {
        try
        {
            certificate = X509CertificateLoader.LoadCertificate(der);
            return true;
        }
        catch (CryptographicException)
        {
            certificate = null;     // OpenSSL would have ended the handshake
            return false;
        }
    }

    /// <summary>.NET throws out of it for some that it has loaded; the handshake ends then before we are asked.</summary>
    private static bool TryBuild(X509Chain chain, X509Certificate2 certificate)
    {
        try
        {
            chain.Build(certificate);
            return true;
        }
        catch (CryptographicException)
        {
            return false;
        }
    }

    private static byte[][] Certificates(TestPki pki) =>
    [
        pki.Device("pump-7").RawData, pki.Service("billing").RawData, pki.Claim("batch-7").RawData, pki.Server().RawData, pki.SelfSigned("pump-7").RawData,
        pki.WithTwoIdentities("pump-7", "pump-8").RawData, pki.WithoutPurpose("pump-7").RawData, pki.OtherAuthority("pump-7", "http://127.0.0.1:1/issuer.cer").RawData,
        pki.DeviceIssuer.RawData, pki.Root.RawData,
    ];

    private static byte[][] Requests()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var rsa = RSA.Create(2048);
        var wishing = new CertificateRequest("CN=pump-7", key, HashAlgorithmName.SHA256);
        wishing.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        wishing.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, true));
        wishing.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(KeyPurpose.ClientAuth)], false));
        wishing.CertificateExtensions.Add(new X509Extension("2.5.29.17", Forgery.Uris("spiffe://device.fleet.local/pump-7"), false));
        var linked = new CertificateRequest("CN=pump-7", key, HashAlgorithmName.SHA256);
        linked.OtherRequestAttributes.Add(new AsnEncodedData("1.2.840.113549.1.9.7", [0x13, 0x04, 0x61, 0x62, 0x63, 0x64]));
        return
        [
            TestPki.Request("pump-7"), TestPki.Request(), wishing.CreateSigningRequest(), linked.CreateSigningRequest(),
            new CertificateRequest("CN=pump-7", rsa, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1).CreateSigningRequest(),
        ];
    }
}
