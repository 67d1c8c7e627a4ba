using System.Threading.Channels;
using IoTFleet.Mqtt.Topics;

namespace IoTFleet.Broker.Sessions;

/// <summary>A client has subscribed to these, and gets from now on what is published there.</summary>
public sealed record Subscribed(string ClientId, IReadOnlyList<TopicFilter> Filters);

/// <summary>A client has acknowledged a request of the server's own: what <see cref="MqttBroker.PublishAsync"/> sent it with correlation data, at QoS 1 or 2.</summary>
public sealed record RequestTaken(string ClientId, TopicName Topic);

/// <summary>What clients do that the host may want to know, for one reader each. When nobody reads, the newest are kept: the host looks again at times.</summary>
internal sealed class ClientSignals
{
    private const int Kept = 10_000;

    private readonly Channel<Subscribed> _subscribed = KeepingTheNewest<Subscribed>();
    private readonly Channel<RequestTaken> _taken = KeepingTheNewest<RequestTaken>();

    public ChannelReader<Subscribed> Subscribed => _subscribed.Reader;

    public ChannelReader<RequestTaken> RequestsTaken => _taken.Reader;

    public void Say(Subscribed subscribed) => _subscribed.Writer.TryWrite(subscribed);

    public void Say(RequestTaken taken) => _taken.Writer.TryWrite(taken);

    private static Channel<T> KeepingTheNewest<T>() =>
        Channel.CreateBounded<T>(new BoundedChannelOptions(Kept) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true });
}
