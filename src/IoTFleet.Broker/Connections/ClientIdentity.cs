using System.Net;
using System.Security.Cryptography.X509Certificates;

namespace IoTFleet.Broker.Connections;

/// <summary>What the transport proved about a peer: facts only, their meaning is the <see cref="IAccessPolicy"/>'s business.</summary>
public sealed record ClientIdentity(X509Certificate2? Certificate, EndPoint? RemoteEndPoint)
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
