using System.IO.Pipelines;
using IoTFleet.Broker;
using IoTFleet.Broker.Connections;
using IoTFleet.Broker.Routing;
using IoTFleet.Broker.Sessions;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Topics;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging.Abstractions;

namespace IoTFleet.Benchmarks;

/// <summary>
/// Commands to devices, while 100, 1,000 or 10,000 devices are connected and each subscribes to its own: only found in the tree, then from the router to
/// the bytes of the PUBLISH. To the same hundred devices it must cost the same whatever the size of the fleet; to all in turn it costs the processor's
/// way to colder memory on top. Asking every session, as the comparison does, grows with the fleet itself.
/// </summary>
internal static class RoutingBenchmark
{
    private const int Messages = 20_000;
    private const int Asked = 200;
    private const int AtOnce = 100;

    public static async Task<Table> RunAsync()
    {
        using var metrics = new BrokerMetrics();
        Fleet[] fleets = [new(100, metrics), new(1_000, metrics), new(10_000, metrics)];
        return await new Table("Routing", "published message",
        [
            .. Cases(fleets, "found, the same 100", (fleet, name, baseline) => Case.Of(name, Messages, count => fleet.Find(count, AtOnce), baseline)),
            .. Cases(fleets, "found, all in turn", (fleet, name, baseline) => Case.Of(name, Messages, count => fleet.Find(count, fleet.Size), baseline)),
            .. Cases(fleets, "found and written, the same 100", (fleet, name, baseline) => new Case(name, Messages, () => fleet.PublishAsync(Messages, AtOnce), baseline)),
            .. Cases(fleets, "found and written, all in turn", (fleet, name, baseline) => new Case(name, Messages, () => fleet.PublishAsync(Messages, fleet.Size), baseline)),
            .. Cases(fleets, "each asked", (fleet, name, baseline) => Case.Of(name, Asked, fleet.AskEach, baseline)),
            .. Cases(fleets, "one message to all, a delivery", (fleet, name, baseline) => new Case(name, Messages, () => fleet.PublishToAllAsync(Messages), baseline)),
            .. RetainedBenchmark.Cases(metrics),
        ]).MeasureAsync();
    }

    /// <summary>One case for each fleet, compared with the smallest.</summary>
    private static IEnumerable<Case> Cases(Fleet[] fleets, string what, Func<Fleet, string, string?, Case> of) =>
        fleets.Select(fleet => of(fleet, Name(fleet, what), fleet == fleets[0] ? null : Name(fleets[0], what)));

    private static string Name(Fleet fleet, string what) => $"{fleet.Size:N0} devices, {what}";

    private sealed class Fleet
    {
        private static readonly TopicFilter News = TopicFilter.Parse("fleet/news");

        private readonly SubscriptionTree _tree = new();
        private readonly Message _news = Command("fleet/news");
        private readonly Router _router;
        private readonly Message[] _commands;
        private readonly List<PacketOutbox> _outboxes = [];
        private readonly List<TopicFilter> _filters = [];

        public Fleet(int size, BrokerMetrics metrics)
        {
            Size = size;
            _router = new Router(_tree, new RetainedMessages(new BrokerOptions(), metrics, TimeProvider.System), new InMemoryBrokerStore(), new RefusalLog(TimeProvider.System, metrics, NullLogger<RefusalLog>.Instance), metrics);
            _commands = [.. Enumerable.Range(0, size).Select(device => Command($"devices/device-{device:00000}/commands/set"))];
            for (var device = 0; device < size; device++) Connect($"device-{device:00000}", metrics);
        }

        public int Size { get; }

        public void Find(int count, int devices)
        {
            var found = new List<Subscription>(1);
            for (var i = 0; i < count; i++)
            {
                found.Clear();
                _tree.Match(_commands[Scattered(i, devices)].Topic, found);
                if (found.Count != 1) throw new InvalidOperationException("Each command is for one device.");
            }
        }

        /// <summary>A hundred devices at a time get one message each, whatever the size of the fleet, so that as many messages share a flush: none.</summary>
        public async Task PublishAsync(int count, int devices)
        {
            for (var i = 0; i < count; i += AtOnce)
            {
                for (var one = i; one < i + AtOnce; one++) _router.Route(_commands[Scattered(one, devices)]).Deliver();
                for (var one = i; one < i + AtOnce; one++) await _outboxes[Scattered(one, devices)].WhenDrainedAsync();
            }
        }

        public async Task PublishToAllAsync(int deliveries)
        {
            for (var i = 0; i < deliveries; i += Size)
            {
                _router.Route(_news).Deliver();
                foreach (var outbox in _outboxes) await outbox.WhenDrainedAsync();
            }
        }

        public void AskEach(int count)
        {
            var found = 0;
            for (var i = 0; i < count; i++)
            {
                foreach (var filter in _filters) found += filter.Matches(_commands[Scattered(i, Size)].Topic) ? 1 : 0;
            }

            if (found != count) throw new InvalidOperationException("Each command is for one device.");
        }

        /// <summary>An order that the processor's caches cannot guess.</summary>
        private static int Scattered(int i, int devices) => (int)(i * 7919L % devices);

        private void Connect(string clientId, BrokerMetrics metrics)
        {
            var session = new Session(1, clientId, durable: false, new SessionParts(new BrokerOptions(), new InMemoryBrokerStore(), new QueueBudget(long.MaxValue), metrics, new ClientSignals(), TimeProvider.System));
            var outbox = new PacketOutbox(new DefaultConnectionContext { Transport = new Transport(PipeReader.Create(Stream.Null), PipeWriter.Create(Stream.Null)) }, 1_000, NullLogger.Instance);
            session.Attach(outbox, ushort.MaxValue);
            var filter = TopicFilter.Parse($"devices/{clientId}/commands/#");
            _tree.Add(new Subscription(session, new SubscriptionRequest(filter, QualityOfService.AtLeastOnce), null));
            _tree.Add(new Subscription(session, new SubscriptionRequest(News, QualityOfService.AtLeastOnce), null));
            _outboxes.Add(outbox);
            _filters.Add(filter);
        }

        private static Message Command(string topic) => new() { Topic = TopicName.Parse(topic), Payload = new byte[200], ReceivedAt = DateTimeOffset.UnixEpoch };
    }
}
