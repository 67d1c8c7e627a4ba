using IoTFleet.Broker.Connections;
using IoTFleet.Broker.Routing;

namespace IoTFleet.Server.Mqtt;

/// <summary>Stores what a device publishes at one level below <c>devices/{id}/</c>; its acknowledgement waits for that.</summary>
internal interface IDeviceTopic
{
    /// <summary>The level's name: <c>telemetry</c>.</summary>
    string Level { get; }

    /// <summary>As <see cref="IMessageSink.AcceptAsync"/>. What must look into the store to know whether it takes the message answers with <see cref="Acceptance.Judged"/>.</summary>
    /// <param name="below">What follows the level in the topic, without its slash; empty when nothing does.</param>
    ValueTask<Acceptance> AcceptAsync(Message message, string deviceId, string below, CancellationToken cancellationToken);
}

/// <summary>
/// Takes what a device publishes to whoever stores it. Other topics are not stored, and neither is what a service publishes, even on a device's topics:
/// the store holds what devices have signed for.
/// </summary>
internal sealed class DeviceSink(IEnumerable<IDeviceTopic> topics) : IMessageSink
{
    private readonly IDeviceTopic[] _topics = [.. topics];

    public ValueTask<Acceptance> AcceptAsync(Message message, Principal publisher, CancellationToken cancellationToken)
    {
        if (publisher is not DevicePrincipal || Find(message.Topic.Value, publisher.ClientId, out var below) is not { } topic) return ValueTask.FromResult(Acceptance.Done);
        return topic.AcceptAsync(message, publisher.ClientId, below, cancellationToken);
    }

    private IDeviceTopic? Find(string topic, string deviceId, out string below)
    {
        var rest = topic.AsSpan("devices/".Length + deviceId.Length + 1);       // the policy has seen that it is the device's own
        var slash = rest.IndexOf('/');
        var level = slash < 0 ? rest : rest[..slash];
        foreach (var candidate in _topics)
        {
            if (!level.SequenceEqual(candidate.Level)) continue;
            below = slash < 0 ? "" : rest[(slash + 1)..].ToString();
            return candidate;
        }

        below = "";
        return null;
    }
}
