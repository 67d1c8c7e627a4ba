using System.Net;
using System.Security.Cryptography.X509Certificates;

namespace IoTFleet.Broker.Connections;

/// <summary>What the transport proved about a peer: facts only, their meaning is the <see cref="IAccessPolicy"/>'s business.</summary>
public sealed record ClientIdentity(X509Certificate2? Certificate, EndPoint? RemoteEndPoint)
{
    public string Address => RemoteEndPoint?.ToString() ?? "unknown";
}
