using System.Diagnostics.CodeAnalysis;
using System.Formats.Asn1;
using System.Security.Cryptography.X509Certificates;

namespace IoTFleet.Pki;

/// <summary>The GeneralNames of a subject alternative name. RFC 5280 4.2.1.6. The BCL's own reader knows DNS and IP names only.</summary>
internal static class AlternativeNames
{
    private static readonly Asn1Tag UriTag = new(TagClass.ContextSpecific, 6);

    public static bool TryReadSingleUri(ReadOnlyMemory<byte> extension, [NotNullWhen(true)] out string? uri)
    {
        uri = null;
        try
        {
            var reader = new AsnReader(extension, AsnEncodingRules.DER);
            var names = reader.ReadSequence();
            reader.ThrowIfNotEmpty();
            if (!names.HasData || !names.PeekTag().HasSameClassAndValue(UriTag)) return false;
            var value = names.ReadCharacterString(UniversalTagNumber.IA5String, UriTag);
            if (names.HasData) return false;
            uri = value;
            return true;
        }
        catch (AsnContentException)
        {
            return false; // The peer wrote these bytes; nonsense in them is an answer, not an accident.
        }
    }

    public static X509Extension OfUris(params ReadOnlySpan<string> uris)
    {
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
        {
            foreach (var uri in uris) writer.WriteCharacterString(UniversalTagNumber.IA5String, uri, UriTag);
        }
        return new X509Extension(Oids.SubjectAlternativeName, writer.Encode(), critical: false);
    }
}
