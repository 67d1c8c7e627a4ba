using System.Security.Cryptography;

namespace IoTFleet.Pki;

/// <summary>
/// Signs what is only to be linted, under the real issuer's name. Nobody trusts it and it never leaves the process, so a draft
/// that leaks is worth nothing. One for each thread: key objects promise no thread safety.
/// </summary>
internal static class ThrowAwayKey
{
    [ThreadStatic]
    private static ECDsa? _key;

    public static byte[] Sign(ReadOnlySpan<byte> toBeSigned)
    {
        _key ??= ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return _key.SignData(toBeSigned, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);
    }
}
