using System.Text;
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
internal sealed class TwinRelay(ReadDesired desired, TwinQuestions questions, MqttBroker broker, TimeProvider clock, ILogger<TwinRelay> logger) : BackgroundService, ISubscriptionWatch
{
    /// <summary>Questions answered side by side: each is a look into the database.</summary>
    private const int AtOnce = 8;

    /// <returns>Whether the device is connected and is sent the change.</returns>
    public Task<bool> ChangedAsync(DeviceTwin twin) => ChangedAsync(twin.DeviceId, ReadDesired.NewestOf(twin));

    /// <summary>The same for many, each as it is by now.</summary>
    public async Task ChangedAsync(IReadOnlyList<string> deviceIds, CancellationToken cancellationToken)
    {
        foreach (var id in deviceIds) await ChangedAsync(id, await desired.NewestAsync(id, cancellationToken));
    }

    /// <summary>A courtesy to who cannot ask: where there is no room the device hears at the next change, or asks.</summary>
    public void Subscribed(string deviceId, IReadOnlyList<TopicFilter> filters)
    {
        if (filters.Any(filter => filter.Matches(TwinTopics.Desired(deviceId)))) questions.TryAsk(deviceId);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await Parallel.ForEachAsync(questions.Waiting.ReadAllAsync(stoppingToken), new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = stoppingToken }, async (question, _) => await AnswerAsync(question));
        }
        finally
        {
            questions.Close();
        }
    }

    /// <summary>On the topic that goes with the question: the whole document, or what has changed since the version that the device has.</summary>
    private async Task AnswerAsync(TwinQuestion question)
    {
        try
        {
            var news = await desired.RunAsync(new(question.DeviceId, question.Since), CancellationToken.None);
            await SendAsync(question.Since is null ? TwinTopics.Desired(question.DeviceId) : TwinTopics.Delta(question.DeviceId), news);
            question.Answered.TrySetResult();
        }
        catch (Exception error)
        {
            logger.TwinNotTold(error, question.DeviceId);       // the outermost frame; who asked is not acknowledged and asks again
            question.Answered.TrySetException(error);
            _ = question.Answered.Task.Exception;               // seen: who has only subscribed does not wait
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
