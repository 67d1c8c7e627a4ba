namespace IoTFleet.Pki;

/// <summary>
/// Where third parties find what became of a certificate: its revocation list, the responder, its issuer's certificate. The one place that makes these
/// addresses; certificates hold them for as long as they live, so what is here does not change while an authority's generation lives.
/// </summary>
/// <param name="Base">Such as <c>http://pki.fleet.example:8880/</c>: http, because fetching over https would ask the same question again.</param>
public sealed record StatusAddresses(Uri Base)
{
    /// <summary>
    /// Lists that one generation's certificates are spread over, by serial number. A certificate names its own, so this number
    /// is never changed: 64 keep a list of half a million revoked certificates below 400 KB.
    /// </summary>
    public const int Shards = 64;

    /// <param name="text">An http URL that ends with a slash or is given one.</param>
    public static StatusAddresses Of(string text) => new(new Uri(text.EndsWith('/') ? text : text + "/", UriKind.Absolute));

    /// <summary>The serial number modulo the number of lists.</summary>
    public static int ShardOf(SerialNumber serial)
    {
        var bytes = serial.Bytes.Span;
        return bytes[^1] % Shards; // 64 divides 256, so that the last byte decides.
    }

    public Uri Crl(string issuerId, int shard) => new(Base, $"crl/{issuerId}/{shard}.crl");

    public Uri Issuer(string issuerId) => new(Base, $"aia/{issuerId}.cer");

    public Uri Ocsp => new(Base, "ocsp");
}
