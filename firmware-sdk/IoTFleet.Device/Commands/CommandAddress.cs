using System.Text;
using IoTFleet.Mqtt.Packets;

namespace IoTFleet.Device.Commands;

/// <summary>What a command's topic and properties say of it: <c>devices/{id}/commands/{name}/{command id}</c>, or without an id when a service has sent it on its own.</summary>
/// <param name="Name">Which command.</param>
/// <param name="Id">Null when nobody expects an answer by our rules.</param>
internal readonly record struct CommandAddress(string Name, string? Id)
{
    /// <summary>MQTT 5 says by the response topic whether there is an id, since a service's own names may have two levels; of 3.1.1 two levels have to do.</summary>
    /// <param name="below">The topic behind <c>devices/{id}/commands/</c>.</param>
    public static CommandAddress Of(string below, PublishPacket publish, string answers, bool isV5)
    {
        var slash = below.LastIndexOf('/');
        if (slash <= 0 || slash == below.Length - 1)
            return new CommandAddress(below, null);
        var (name, id) = (below[..slash], below[(slash + 1)..]);
        var hasId = isV5 ? publish.Properties.ResponseTopic?.Value == answers + id && IsSame(publish.Properties.CorrelationData, id) : !name.Contains('/');
        return hasId ? new CommandAddress(name, id) : new CommandAddress(below, null);
    }

    private static bool IsSame(ReadOnlyMemory<byte>? correlation, string id) => correlation is { } bytes && Encoding.UTF8.GetString(bytes.Span) == id;
}
