using System.Collections.Concurrent;
using IoTFleet.Broker.Connections;
using IoTFleet.Broker.Sessions;
using IoTFleet.Mqtt.Packets;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Broker.Routing;

/// <summary>What a client left to be published if it goes without saying goodbye, and how long after (MQTT 5 3.1.3.2.2).</summary>
internal sealed record Will(Message Message, Principal Publisher, TimeSpan Delay)
{
    /// <summary>Its name in the store; 0 when it is not stored.</summary>
    public long Number { get; init; }

    public static Will From(WillMessage will, Principal publisher, DateTimeOffset now) => new(
        Message.FromWill(will, publisher.ClientId, now),
        publisher,
        TimeSpan.FromSeconds(will.Properties.WillDelayInterval ?? 0));
}

/// <summary>A client whose will outlived the process that had let it in.</summary>
internal sealed class AbsentPrincipal(string clientId) : Principal(clientId);

/// <summary>A will goes the way of any message of its client: the sink first, then the subscribers.</summary>
internal sealed class Wills(IMessageSink sink, Router router, RetainedMessages retained, IBrokerStore store, RefusalLog refusals, TimeProvider clock, ILogger logger)
{
    /// <summary>How long a will waits for room in the sink, so that clients that come and go cannot pile up wills before a store that stands still.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly ConcurrentDictionary<Task, byte> _underWay = new();

    /// <summary>Publishes in the background: neither the end of a connection nor the sweep waits for the store.</summary>
    /// <param name="lastWords">What the client had sent before; its will comes after that.</param>
    public void Publish(Will will, Task lastWords)
    {
        var publishing = PublishAsync(will, lastWords);
        if (publishing.IsCompleted) return;
        _underWay.TryAdd(publishing, 0);
        publishing.ContinueWith(done => _underWay.TryRemove(done, out _), TaskScheduler.Default);
    }

    /// <summary>Completes when no will is under way.</summary>
    public Task WhenPublishedAsync() => Task.WhenAll(_underWay.Keys);

    private async Task PublishAsync(Will will, Task lastWords)
    {
        try
        {
            await lastWords;
            await StoreAndRouteAsync(will, will.Message with { ReceivedAt = clock.GetUtcNow() });      // its lifetime begins now (MQTT 5 3.1.3.2.4)
        }
        catch (Exception error)
        {
            logger.WillFailed(error, will.Publisher.ClientId, will.Message.Topic.Value);      // nobody is left to be told
        }
    }

    private async Task StoreAndRouteAsync(Will will, Message message)
    {
        var published = will.Number > 0 ? new StoreChange.WillRemoved(will.Number) : null;
        using var patience = new CancellationTokenSource(Patience, clock);
        var acceptance = await sink.AcceptAsync(message, will.Publisher, patience.Token);
        if (acceptance.IsRefused)
        {
            await RefuseAsync(will, published, acceptance.Cause ?? "payload-refused", acceptance.Detail);
            return;
        }

        await acceptance.Commit;
        if (Acceptance.VerdictOf(acceptance.Commit) is { } late)
        {
            await RefuseAsync(will, published, late.Cause, late.Detail);
            return;
        }

        if (message.Retain && retained.Exceeded(message, will.Publisher.RateShare) is { } exceeded)
        {
            refusals.Record(RefusalDoor.Publish, "retained-full", will.Publisher.ClientId, null, $"The will on {message.Topic.Value} was published but not retained: {exceeded} is reached.");
            message = message with { Retain = false };
        }

        await router.Route(message, published).DeliverWhenStoredAsync();
    }

    private async Task RefuseAsync(Will will, StoreChange? published, string cause, string? detail)
    {
        refusals.Record(RefusalDoor.Publish, cause, will.Publisher.ClientId, null, $"Will on {will.Message.Topic.Value}: {detail}");
        if (published is not null) await store.AppendAsync([published]);
    }
}
