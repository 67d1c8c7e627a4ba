using System.Net;
using IoTFleet.Broker.Connections;

namespace IoTFleet.Server.Security;

internal static class PeerAddress
{
    /// <summary>Where a request came from, as the broker writes it too; null where there is no socket behind it.</summary>
    public static string? Of(HttpContext context) =>
        context.Connection.RemoteIpAddress is { } address ? ClientIdentity.AddressOf(new IPEndPoint(address, context.Connection.RemotePort)) : null;
}
