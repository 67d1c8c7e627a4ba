using System.Formats.Asn1;
using System.Net;
using System.Security.Cryptography.X509Certificates;

namespace IoTFleet.Pki;

/// <summary>
/// The name constraints of an authority (RFC 5280 4.2.1.10): only URIs of these hosts and no host, address or mailbox at all;
/// or, for servers, only DNS names below these suffixes, and this machine's own.
/// </summary>
internal sealed record PermittedNames(IReadOnlyList<string> UriHosts, IReadOnlyList<string> DnsSuffixes)
{
    private const string Local = "localhost";
    private static readonly PermittedNames None = new([], []);

    /// <summary>Null for certificates that carry none.</summary>
    public static PermittedNames? For(CertificateOrder order, ProfileRules rules)
    {
        if (rules is { IsAuthority: true, UriHost: { } prefix }) return new PermittedNames([prefix + order.Organization], []);
        // An authority for servers has them only where the caller gives suffixes: operators choose host names freely, and
        // small TLS stacks on devices reject a critical extension they do not know. That it cannot speak for devices is
        // kept by its purpose and by the listener.
        return order.DnsSuffixes.Count > 0 ? new PermittedNames([], order.DnsSuffixes) : null;
    }

    /// <summary>Reads back what <see cref="Write"/> wrote; nothing permitted when the certificate has no such extension.</summary>
    public static PermittedNames Of(X509Certificate2 certificate)
    {
        var found = certificate.Extensions.FirstOrDefault(extension => extension.Oid?.Value == Oids.NameConstraints);
        if (found is null) return None;
        var value = new AsnReader(found.RawData, AsnEncodingRules.DER).ReadSequence();
        if (!value.HasData || value.PeekTag() != Context(0, constructed: true)) return None;
        List<string> uris = [], suffixes = [];
        for (var permitted = value.ReadSequence(Context(0)); permitted.HasData;)
        {
            var subtree = permitted.ReadSequence();
            var tag = subtree.PeekTag();
            if (tag == Context(6)) uris.Add(subtree.ReadCharacterString(UniversalTagNumber.IA5String, tag));
            else if (tag == Context(2)) suffixes.Add(subtree.ReadCharacterString(UniversalTagNumber.IA5String, tag));
            else subtree.ReadEncodedValue();
        }
        suffixes.Remove(Local);
        return new PermittedNames(uris, suffixes);
    }

    public byte[] Encode()
    {
        var writer = new AsnWriter(AsnEncodingRules.DER);
        Write(writer);
        return writer.Encode();
    }

    public void Write(AsnWriter writer)
    {
        using var value = writer.PushSequence();
        if (DnsSuffixes.Count > 0) WriteForServers(writer);
        else WriteForUris(writer);
    }

    /// <summary>
    /// An empty DNS name and a zero address with a zero mask match everything. For mailboxes openssl knows no such
    /// pattern, so the only one permitted is at a host that cannot exist (RFC 2606 2).
    /// </summary>
    private void WriteForUris(AsnWriter writer)
    {
        using (writer.PushSequence(Context(0)))
        {
            foreach (var host in UriHosts) WriteSubtree(writer, () => WriteText(writer, 6, host));
            WriteSubtree(writer, () => WriteText(writer, 1, "mail.invalid"));
        }
        using (writer.PushSequence(Context(1)))
        {
            WriteSubtree(writer, () => WriteText(writer, 2, ""));
            WriteSubtree(writer, () => writer.WriteOctetString(new byte[8], Context(7)));
            WriteSubtree(writer, () => writer.WriteOctetString(new byte[32], Context(7)));
        }
    }

    /// <summary>Loopback is always among a server's names. No URI and no mailbox: only those at a host that cannot exist.</summary>
    private void WriteForServers(AsnWriter writer)
    {
        using (writer.PushSequence(Context(0)))
        {
            foreach (var suffix in (IEnumerable<string>)[.. DnsSuffixes, Local]) WriteSubtree(writer, () => WriteText(writer, 2, suffix));
            WriteSubtree(writer, () => WriteText(writer, 6, "uri.invalid"));
            WriteSubtree(writer, () => WriteText(writer, 1, "mail.invalid"));
            WriteSubtree(writer, () => writer.WriteOctetString([127, 0, 0, 0, 255, 0, 0, 0], Context(7)));
            WriteSubtree(writer, () => writer.WriteOctetString([.. IPAddress.IPv6Loopback.GetAddressBytes(), .. Enumerable.Repeat((byte)255, 16)], Context(7)));
        }
    }

    private static Asn1Tag Context(int number, bool constructed = false) => new(TagClass.ContextSpecific, number, constructed);

    private static void WriteText(AsnWriter writer, int tag, string text) =>
        writer.WriteCharacterString(UniversalTagNumber.IA5String, text, Context(tag));

    private static void WriteSubtree(AsnWriter writer, Action writeName)
    {
        using (writer.PushSequence()) writeName();
    }
}
