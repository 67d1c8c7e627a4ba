using System.Text;
using System.Threading.Channels;
using IoTFleet.Broker;
using IoTFleet.Broker.Routing;
using IoTFleet.Fleet.Twins;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Topics;

namespace IoTFleet.Server.Mqtt;

/// <summary>
/// Tells devices what is wanted of them: when it changes, when they ask, and when they subscribe to the whole document. What is sent may come twice, or late behind a
/// newer one; its version says so.
/// </summary>
internal sealed class TwinRelay(ReadDesired desired, MqttBroker broker, TimeProvider clock, ILogger<TwinRelay> logger) : BackgroundService, ISubscriptionWatch
{
    /// <summary>Devices that have subscribed and are to be told; the oldest gives way, as it can still ask.</summary>
    private const int MaxWaiting = 10_000;

    private readonly Channel<string> _subscribed =
        Channel.CreateBounded<string>(new BoundedChannelOptions(MaxWaiting) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true });

    /// <returns>Whether the device is connected and is sent the change.</returns>
    public Task<bool> ChangedAsync(DeviceTwin twin) => ChangedAsync(twin.DeviceId, ReadDesired.NewestOf(twin));

    /// <summary>The same for many, each as it is by now.</summary>
    public async Task ChangedAsync(IReadOnlyList<string> deviceIds, CancellationToken cancellationToken)
    {
        foreach (var id in deviceIds) await ChangedAsync(id, await desired.NewestAsync(id, cancellationToken));
    }

    /// <summary>On the topic that goes with the question: the whole document, or what has changed since the version that the device has.</summary>
    public async Task AnswerAsync(string deviceId, long? since)
    {
        var news = await desired.RunAsync(new(deviceId, since), CancellationToken.None);
        await SendAsync(since is null ? TwinTopics.Desired(deviceId) : TwinTopics.Delta(deviceId), news);
    }

    public void Subscribed(string deviceId, IReadOnlyList<TopicFilter> filters)
    {
        if (filters.Any(filter => filter.Matches(TwinTopics.Desired(deviceId)))) _subscribed.Writer.TryWrite(deviceId);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await foreach (var deviceId in _subscribed.Reader.ReadAllAsync(stoppingToken)) await TellAsync(deviceId);
    }

    private async Task TellAsync(string deviceId)
    {
        try
        {
            await AnswerAsync(deviceId, since: null);
        }
        catch (Exception error)
        {
            logger.TwinNotTold(error, deviceId);        // the outermost frame; the device asks, or hears at its next subscription
        }
    }

    private async Task<bool> ChangedAsync(string deviceId, (DesiredNews Whole, DesiredNews Change) news)
    {
        var whole = await SendAsync(TwinTopics.Desired(deviceId), news.Whole);
        var change = await SendAsync(TwinTopics.Delta(deviceId), news.Change);
        return (whole || change) && broker.ConnectedSince(deviceId) is not null;
    }

    private async Task<bool> SendAsync(TopicName topic, DesiredNews news)
    {
        var json = news.From is { } from
            ? $$"""{"version":{{news.Version}},"from":{{from}},"patch":{{news.Json}}}"""
            : $$"""{"version":{{news.Version}},"desired":{{news.Json}}}""";
        var reach = await broker.PublishAsync(new Message { Topic = topic, Payload = Encoding.UTF8.GetBytes(json), Qos = QualityOfService.AtLeastOnce, ReceivedAt = clock.GetUtcNow() });
        return reach.Connected > 0;
    }
}
