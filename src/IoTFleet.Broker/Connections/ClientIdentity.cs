using System.Net;
using System.Security.Cryptography.X509Certificates;

namespace IoTFleet.Broker.Connections;

/// <summary>What the transport proved about a peer: facts only, their meaning is the <see cref="IAccessPolicy"/>'s business.</summary>
/// <param name="Certificate">As the peer showed it; null when it showed none.</param>
/// <param name="RemoteEndPoint">Where it is.</param>
/// <param name="Proof">What the host's handshake made of the certificate, when it says so.</param>
public sealed record ClientIdentity(X509Certificate2? Certificate, EndPoint? RemoteEndPoint, PeerProof? Proof = null)
{
    public string Address => AddressOf(RemoteEndPoint);

    /// <summary>For logs and people: an IPv4 peer of a dual-stack socket is shown as IPv4.</summary>
    public static string AddressOf(EndPoint? peer) => peer switch
    {
        IPEndPoint { Address.IsIPv4MappedToIPv6: true } mapped => new IPEndPoint(mapped.Address.MapToIPv4(), mapped.Port).ToString(),
        null => "unknown",
        _ => peer.ToString()!,
    };
}
