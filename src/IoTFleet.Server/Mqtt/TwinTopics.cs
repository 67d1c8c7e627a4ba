using IoTFleet.Mqtt.Topics;

namespace IoTFleet.Server.Mqtt;

/// <summary>The topics of a twin, below <c>devices/{id}/twin/</c>.</summary>
internal static class TwinTopics
{
    public const string Level = "twin";

    /// <summary>Up: what the device reports, a merge patch.</summary>
    public const string Reported = "reported";

    /// <summary>Up: it asks what is wanted of it.</summary>
    public const string Get = "get";

    /// <summary>Down: always the whole document.</summary>
    public static TopicName Desired(string deviceId) => TopicName.Parse($"devices/{deviceId}/{Level}/desired");

    /// <summary>Down: what has changed, where that is known.</summary>
    public static TopicName Delta(string deviceId) => TopicName.Parse($"devices/{deviceId}/{Level}/delta");

    /// <summary>Whether only the server speaks there: a service or a device that did could make a device believe what nobody wants.</summary>
    public static bool IsServers(string topic)
    {
        const string Devices = "devices/";
        if (!topic.StartsWith(Devices, StringComparison.Ordinal)) return false;
        var below = topic.AsSpan(Devices.Length);
        var slash = below.IndexOf('/');
        return slash >= 0 && below[(slash + 1)..] is "twin" or ['t', 'w', 'i', 'n', '/', ..] && !IsDevices(below[(slash + 1)..]);
    }

    private static bool IsDevices(ReadOnlySpan<char> below) => below is $"{Level}/{Reported}" or $"{Level}/{Get}";
}
