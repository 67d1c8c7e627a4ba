using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace IoTFleet.Pki;

/// <summary>The certificates of the authorities themselves.</summary>
internal static class AuthorityCertificate
{
    private const int RootYears = 20;
    private const int IssuingYears = 3;

    // A day, so that a leaf with the longest backdating still lies within its issuer's life.
    private static readonly TimeSpan Backdate = TimeSpan.FromDays(1);

    public static IssuerKey CreateRoot(FleetNames names, DateTimeOffset now)
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = Request(names, "Root CA", key, pathLength: 1);
        return new IssuerKey(Sign(request, request.SubjectName, X509SignatureGenerator.CreateForECDsa(key), now, Life(now, RootYears)), key);
    }

    public static IssuerKey CreateDeviceIssuer(FleetNames names, IssuerKey root, DateTimeOffset now) =>
        CreateIssuer(names, "Device CA", KeyPurpose.ClientAuth, root, now, NameConstraints(names.DeviceHost));

    public static IssuerKey CreateServiceIssuer(FleetNames names, IssuerKey root, DateTimeOffset now) =>
        CreateIssuer(names, "Service CA", KeyPurpose.ClientAuth, root, now, NameConstraints(names.ServiceHost));

    // No name constraints here: operators choose host names freely, and small TLS stacks on devices reject a critical
    // extension they do not know. That this CA cannot speak for devices is kept by its purpose and by the listener.
    public static IssuerKey CreateServerIssuer(FleetNames names, IssuerKey root, DateTimeOffset now) =>
        CreateIssuer(names, "Server CA", KeyPurpose.ServerAuth, root, now);

    internal static IssuerKey CreateIssuer(
        FleetNames names, string role, string purpose, IssuerKey root, DateTimeOffset now, params X509Extension[] constraints)
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = Request(names, role, key, pathLength: 0);
        request.CertificateExtensions.Add(LeafExtensions.Purpose(purpose));
        request.CertificateExtensions.Add(LeafExtensions.AuthorityKey(root.Certificate));
        foreach (var constraint in constraints) request.CertificateExtensions.Add(constraint);

        var notAfter = Life(now, IssuingYears);
        var limit = new DateTimeOffset(root.Certificate.NotAfter);
        var certificate = root.Sign(generator =>
            Sign(request, root.Certificate.SubjectName, generator, now, notAfter < limit ? notAfter : limit));
        return new IssuerKey(certificate, key);
    }

    private static CertificateRequest Request(FleetNames names, string role, ECDsa key, int pathLength)
    {
        // The name is unique in each generation: a chain is searched by name first, and two CAs of one name break it.
        var name = new X500DistinguishedNameBuilder();
        name.AddCommonName($"{role} {SerialNumber.Create().Hex[..8]}");
        name.AddOrganizationName(names.Domain);

        var request = new CertificateRequest(name.Build(), key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, true, pathLength, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        return request;
    }

    private static X509Certificate2 Sign(
        CertificateRequest request, X500DistinguishedName issuer, X509SignatureGenerator generator, DateTimeOffset now, DateTimeOffset notAfter) =>
        request.Create(issuer, generator, now - Backdate, notAfter, SerialNumber.Create().Bytes.Span);

    // The last second is inside the life. RFC 5280 4.1.2.5
    private static DateTimeOffset Life(DateTimeOffset now, int years) => (now - Backdate).AddYears(years).AddSeconds(-1);

    /// <summary>
    /// Only URIs of these hosts, and no host, address or mailbox at all. RFC 5280 4.2.1.10.
    /// An empty DNS name and a zero address with a zero mask match everything. For mailboxes openssl knows no such
    /// pattern, so the only one permitted is at a host that cannot exist (RFC 2606 2).
    /// </summary>
    internal static X509Extension NameConstraints(params string[] uriHosts)
    {
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
        {
            using (writer.PushSequence(Context(0)))
            {
                foreach (var host in uriHosts) WriteSubtree(writer, () => WriteText(writer, 6, host));
                WriteSubtree(writer, () => WriteText(writer, 1, "mail.invalid"));
            }
            using (writer.PushSequence(Context(1)))
            {
                WriteSubtree(writer, () => WriteText(writer, 2, ""));
                WriteSubtree(writer, () => writer.WriteOctetString(new byte[8], Context(7)));
                WriteSubtree(writer, () => writer.WriteOctetString(new byte[32], Context(7)));
            }
        }
        return new X509Extension(Oids.NameConstraints, writer.Encode(), critical: true);
    }

    private static Asn1Tag Context(int number) => new(TagClass.ContextSpecific, number);

    private static void WriteText(AsnWriter writer, int tag, string text) =>
        writer.WriteCharacterString(UniversalTagNumber.IA5String, text, Context(tag));

    private static void WriteSubtree(AsnWriter writer, Action writeName)
    {
        using (writer.PushSequence()) writeName();
    }
}
