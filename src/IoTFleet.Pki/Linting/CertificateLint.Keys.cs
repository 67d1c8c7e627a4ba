using System.Formats.Asn1;
using System.Security.Cryptography;

namespace IoTFleet.Pki.Linting;

internal sealed partial class CertificateLint
{
    private void CheckPublicKey()
    {
        Require(Same(_fields.PublicKey, _order.SubjectPublicKeyInfo), "order.key", "the key is not the one that was ordered");
        try
        {
            Require(IsAllowedKey(), "P-1.key", "the key is not of a kind that the profile allows");
        }
        catch (AsnContentException malformed)
        {
            Require(false, "P-1.key", $"the key cannot be read: {malformed.Message}");
        }
    }

    /// <summary>P-256; P-384 for a root, its cross-certificate and for what comes with a request, where the operator allowed it; RSA for the latter only.</summary>
    private bool IsAllowedKey()
    {
        var outer = new AsnReader(_fields.PublicKey, AsnEncodingRules.DER);
        var info = outer.ReadSequence();
        outer.ThrowIfNotEmpty();
        var algorithm = info.ReadSequence();
        var key = info.ReadBitString(out var unused);
        info.ThrowIfNotEmpty();
        var kind = algorithm.ReadObjectIdentifier();
        if (kind == Oids.RsaEncryption) return _order.Profile is Profile.Device or Profile.Service && IsNull(algorithm) && unused == 0 && key.Length is >= 256 and <= 550;
        if (kind != Oids.EcPublicKey || unused != 0) return false;
        var curve = algorithm.ReadObjectIdentifier();
        algorithm.ThrowIfNotEmpty();
        if (curve == Oids.P256) return key.Length == 65 && key[0] == 4;
        return curve == Oids.P384 && key.Length == 97 && key[0] == 4 && _order.Profile is Profile.Root or Profile.CrossRoot or Profile.Device or Profile.Service;
    }

    /// <summary>SHA-1 of the key's bits (RFC 5280 4.2.1.2, method 1); of nothing when there is no key to be read, which is a finding of its own.</summary>
    private byte[] KeyId()
    {
        try
        {
            var info = new AsnReader(_fields.PublicKey, AsnEncodingRules.DER).ReadSequence();
            info.ReadEncodedValue();
            return SHA1.HashData(info.ReadBitString(out _));
        }
        catch (AsnContentException)
        {
            return [];
        }
    }

    private static bool IsNull(AsnReader algorithm)
    {
        algorithm.ReadNull();
        return !algorithm.HasData;
    }
}
