using System.Formats.Asn1;

namespace IoTFleet.Pki;

public sealed partial class SigningRequest
{
    private const int MaxChallengeLength = 255; // RFC 2985 5.4.1

    private readonly List<string> _ignored = [];

    private void ReadAttributes(AsnReader info)
    {
        var attributes = info.ReadSetOf(new Asn1Tag(TagClass.ContextSpecific, 0));
        info.ThrowIfNotEmpty();
        var seen = new HashSet<string>();
        while (attributes.HasData)
        {
            var attribute = attributes.ReadSequence();
            var type = attribute.ReadObjectIdentifier();
            var values = attribute.ReadSetOf();
            attribute.ThrowIfNotEmpty();
            if (!seen.Add(type)) throw new RequestRefused(RequestRefusal.Attributes, $"the request holds the attribute {type} twice");
            ReadAttribute(type, values);
        }
    }

    private void ReadAttribute(string type, AsnReader values)
    {
        switch (type)
        {
            case Oids.ExtensionRequest: RequestedUri = RequestedExtensions.Read(values.ReadSequence()); break;
            case Oids.ChallengePassword: ReadChallenge(values); break;
            default: _ignored.Add(type); return; // Not ours to judge, and never copied.
        }
        if (values.HasData) throw new RequestRefused(RequestRefusal.Attributes, $"the request's attribute {type} has two values");
    }

    private void ReadChallenge(AsnReader values)
    {
        var tag = (UniversalTagNumber)values.PeekTag().TagValue;
        if (values.PeekTag().TagClass != TagClass.Universal || tag is not (UniversalTagNumber.UTF8String or UniversalTagNumber.PrintableString or UniversalTagNumber.IA5String))
            throw new RequestRefused(RequestRefusal.Attributes, "the challenge password must be a UTF8String, PrintableString or IA5String");
        ChallengePasswordBytes = values.PeekContentBytes().ToArray();
        var text = values.ReadCharacterString(tag);
        if (text.Length > MaxChallengeLength)
            throw new RequestRefused(RequestRefusal.Attributes, $"the challenge password is longer than {MaxChallengeLength} characters");
        ChallengePassword = text;
    }
}
