using System.Net;
using System.Net.Sockets;

namespace IoTFleet.Server.Alerts;

/// <summary>
/// Connects only to addresses of the public Internet. Whoever may enter a webhook's address could otherwise have the server call what only it can reach: its own
/// ports, the neighbours behind the firewall, a cloud's metadata. The address is judged that is connected to, so a name that resolves to another the second time gains nothing.
/// </summary>
internal static class PublicAddresses
{
    private static readonly IPNetwork[] NotPublic =
    [
        .. new[]
        {
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16",
            "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
            "::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "fc00::/7", "fe80::/9", "ff00::/8",
        }.Select(IPNetwork.Parse),
    ];

    internal static bool IsPublic(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6) address = address.MapToIPv4();
        return !Array.Exists(NotPublic, network => network.Contains(address));
    }

    internal static async ValueTask<Stream> ConnectAsync(DnsEndPoint target, bool allowPrivate, CancellationToken cancellationToken)
    {
        var all = await Dns.GetHostAddressesAsync(target.Host, cancellationToken);
        var addresses = allowPrivate ? all : Array.FindAll(all, IsPublic);
        if (addresses.Length == 0) throw new HttpRequestException($"{target.Host} is not on the public Internet, and Webhooks:AllowPrivateAddresses is off.");
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(addresses, target.Port, cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
