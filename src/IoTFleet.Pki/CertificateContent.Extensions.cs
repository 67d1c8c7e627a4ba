using System.Formats.Asn1;
using System.Net;

namespace IoTFleet.Pki;

internal static partial class CertificateContent
{
    private static void WriteExtensions(AsnWriter writer, CertificateOrder order, IssuerFacts issuer)
    {
        var rules = ProfileRules.Of(order.Profile);
        Write(writer, Oids.BasicConstraints, true, value => WriteBasicConstraints(value, rules));
        Write(writer, Oids.KeyUsage, true, value => WriteKeyUsage(value, rules));
        if (rules.Purposes.Length > 0) Write(writer, Oids.ExtendedKeyUsage, false, value => WritePurposes(value, rules.Purposes));
        if (rules.Names == SubjectNames.Uri) Write(writer, Oids.SubjectAlternativeName, false, value => WriteUris(value, order.Uri ?? ""));
        if (rules.Names == SubjectNames.Hosts) Write(writer, Oids.SubjectAlternativeName, false, value => WriteHosts(value, order.Hosts));
        if (PermittedNames.For(order, rules) is { } permitted) Write(writer, Oids.NameConstraints, true, permitted.Write);
        Write(writer, Oids.SubjectKeyIdentifier, false, value => value.WriteOctetString(KeyIdOf(order.SubjectPublicKeyInfo)));
        if (!rules.IsRoot) Write(writer, Oids.AuthorityKeyIdentifier, false, value => WriteAuthorityKey(value, issuer.KeyId));
        if (order.CrlUrl is { } crl) Write(writer, Oids.CrlDistributionPoints, false, value => WriteDistributionPoint(value, crl));
        if (order.OcspUrl is not null || order.IssuerUrl is not null) Write(writer, Oids.AuthorityInformationAccess, false, value => WriteAccess(value, order));
        if (rules.NoCheck) Write(writer, Oids.OcspNoCheck, false, value => value.WriteNull());
    }

    private static void Write(AsnWriter writer, string oid, bool critical, Action<AsnWriter> writeValue)
    {
        using var extension = writer.PushSequence();
        writer.WriteObjectIdentifier(oid);
        if (critical) writer.WriteBoolean(true); // FALSE is the default, which DER leaves out
        using (writer.PushOctetString()) writeValue(writer);
    }

    private static void WriteBasicConstraints(AsnWriter writer, ProfileRules rules)
    {
        using var value = writer.PushSequence();
        if (rules.PathLength is not { } length) return;
        writer.WriteBoolean(true);
        writer.WriteInteger(length);
    }

    // digitalSignature is bit 0, keyCertSign and cRLSign are bits 5 and 6. RFC 5280 4.2.1.3
    private static void WriteKeyUsage(AsnWriter writer, ProfileRules rules) =>
        writer.WriteBitString(rules.IsAuthority ? [0x06] : [0x80], unusedBitCount: rules.IsAuthority ? 1 : 7);

    private static void WritePurposes(AsnWriter writer, string[] purposes)
    {
        using var value = writer.PushSequence();
        foreach (var purpose in purposes) writer.WriteObjectIdentifier(purpose);
    }

    private static void WriteUris(AsnWriter writer, string uri)
    {
        using var value = writer.PushSequence();
        WriteText(writer, 6, uri);
    }

    private static void WriteHosts(AsnWriter writer, IReadOnlyList<string> hosts)
    {
        using var value = writer.PushSequence();
        foreach (var host in hosts)
        {
            if (IPAddress.TryParse(host, out var address)) writer.WriteOctetString(address.GetAddressBytes(), Context(7));
            else WriteText(writer, 2, host);
        }
    }

    /// <summary>By key identifier only, never by issuer and serial. RFC 5280 4.2.1.1</summary>
    private static void WriteAuthorityKey(AsnWriter writer, byte[] keyId)
    {
        using var value = writer.PushSequence();
        writer.WriteOctetString(keyId, Context(0));
    }

    private static void WriteDistributionPoint(AsnWriter writer, string url)
    {
        using var points = writer.PushSequence();
        using var point = writer.PushSequence();
        using var name = writer.PushSequence(Context(0));
        using var fullName = writer.PushSequence(Context(0));
        WriteText(writer, 6, url);
    }

    private static void WriteAccess(AsnWriter writer, CertificateOrder order)
    {
        using var value = writer.PushSequence();
        if (order.OcspUrl is { } ocsp) WriteAccess(writer, Oids.AccessOcsp, ocsp);
        if (order.IssuerUrl is { } issuer) WriteAccess(writer, Oids.AccessCaIssuers, issuer);
    }

    private static void WriteAccess(AsnWriter writer, string method, string url)
    {
        using var description = writer.PushSequence();
        writer.WriteObjectIdentifier(method);
        WriteText(writer, 6, url);
    }

    private static void WriteText(AsnWriter writer, int tag, string text) =>
        writer.WriteCharacterString(UniversalTagNumber.IA5String, text, Context(tag));
}
