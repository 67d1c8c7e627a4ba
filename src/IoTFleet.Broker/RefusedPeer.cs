using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;

namespace IoTFleet.Broker;

/// <summary>What is known of somebody who was turned away, for the operator: facts of the certificate that was shown, believed or not.</summary>
/// <param name="Subject">The certificate's subject.</param>
/// <param name="Serial">Its serial number, lower-case hex.</param>
/// <param name="Issuer">The subject of its issuer, as it says.</param>
/// <param name="Tls">The TLS version, once it is known.</param>
public sealed record RefusedPeer(string? Subject, string? Serial, string? Issuer, string? Tls)
{
    private const int LongestName = 200;

    public static RefusedPeer? Of(X509Certificate2? certificate, SslProtocols? tls = null)
    {
        if (certificate is null && tls is null) return null;
        var version = tls switch { SslProtocols.Tls12 => "1.2", SslProtocols.Tls13 => "1.3", _ => null };
        return new RefusedPeer(Short(certificate?.Subject), certificate?.SerialNumber.ToLowerInvariant(), Short(certificate?.Issuer), version);
    }

    /// <summary>Somebody else's text: short and printable.</summary>
    private static string? Short(string? name) =>
        name is null ? null : new string([.. name.Take(LongestName).Select(character => char.IsControl(character) ? '?' : character)]);
}
