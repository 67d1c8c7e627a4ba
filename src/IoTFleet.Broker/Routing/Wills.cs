using IoTFleet.Broker.Connections;
using IoTFleet.Mqtt.Packets;

namespace IoTFleet.Broker.Routing;

/// <summary>What a client left to be published if it goes without saying goodbye, and how long after (MQTT 5 3.1.3.2.2).</summary>
internal sealed record Will(Message Message, Principal Publisher, TimeSpan Delay)
{
    public static Will From(WillMessage will, Principal publisher, DateTimeOffset now) => new(
        Message.FromWill(will, publisher.ClientId, now),
        publisher,
        TimeSpan.FromSeconds(will.Properties.WillDelayInterval ?? 0));
}

/// <summary>A will goes the way of any message of its client: the sink first, then the subscribers.</summary>
internal sealed class Wills(IMessageSink sink, Router router, RefusalLog refusals)
{
    public async Task PublishAsync(Will will, CancellationToken cancellationToken)
    {
        var acceptance = await sink.AcceptAsync(will.Message, will.Publisher, cancellationToken);
        if (acceptance.IsRefused)
        {
            refusals.Record(RefusalDoor.Publish, "payload-refused", will.Publisher.ClientId, null, $"Will on {will.Message.Topic.Value}: {acceptance.Detail}");
            return;
        }

        await acceptance.Commit;
        router.Route(will.Message);
    }
}
