using System.Globalization;

namespace IoTFleet.Device.Link;

/// <summary>Where a broker is.</summary>
internal sealed record BrokerAddress(string Host, int Port)
{
    /// <summary>
    /// The first of a Server Reference [MQTT 5.0 section 4.11]: names or addresses with or without a port, separated by spaces, an IPv6 address in brackets. Null when it
    /// cannot be read.
    /// </summary>
    public static BrokerAddress? Read(string? reference, int usualPort)
    {
        var first = (reference ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries).FirstOrDefault() ?? "";
        var hostEnds = first.StartsWith('[') ? first.IndexOf(']') + 1 : first.LastIndexOf(':');
        if (hostEnds < 0)
            hostEnds = first.Length;
        var (host, rest) = (first[..hostEnds].Trim('[', ']'), first[hostEnds..]);
        var port = usualPort;
        var isWhole = rest.Length == 0 || (rest[0] == ':' && int.TryParse(rest.AsSpan(1), NumberStyles.None, CultureInfo.InvariantCulture, out port));
        return isWhole && port is >= 1 and <= 65535 && Uri.CheckHostName(host) != UriHostNameType.Unknown ? new BrokerAddress(host, port) : null;
    }
}
