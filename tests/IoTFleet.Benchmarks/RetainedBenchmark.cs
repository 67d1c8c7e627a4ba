using IoTFleet.Broker;
using IoTFleet.Broker.Routing;
using IoTFleet.Mqtt.Topics;

namespace IoTFleet.Benchmarks;

/// <summary>
/// What a SUBSCRIBE with a wildcard costs for the retained messages it is owed, ten of one device, while 1,000 or 100,000 topics have one. The comparison
/// asks every retained message.
/// </summary>
internal static class RetainedBenchmark
{
    private const int Subscriptions = 2_000;
    private const int Asked = 10;
    private const int TopicsPerDevice = 10;

    public static IEnumerable<Case> Cases(BrokerMetrics metrics)
    {
        Store[] stores = [new(100, metrics), new(10_000, metrics)];
        foreach (var store in stores)
        {
            yield return Case.Of($"{store.Size:N0} retained, ten of them found", Subscriptions, store.Find, store == stores[0] ? null : $"{stores[0].Size:N0} retained, ten of them found");
        }

        yield return Case.Of($"{stores[1].Size:N0} retained, each asked", Asked, stores[1].AskEach, $"{stores[1].Size:N0} retained, ten of them found");
    }

    private sealed class Store
    {
        private readonly RetainedMessages _retained;
        private readonly List<TopicName> _topics = [];
        private readonly TopicFilter[] _filters;

        public Store(int devices, BrokerMetrics metrics)
        {
            _retained = new RetainedMessages(new BrokerOptions { MaxRetainedMessages = 1_000_000 }, metrics, TimeProvider.System);
            _filters = [.. Enumerable.Range(0, devices).Select(device => TopicFilter.Parse($"devices/device-{device:00000}/state/+"))];
            for (var topic = 0; topic < devices * TopicsPerDevice; topic++) Retain($"devices/device-{topic / TopicsPerDevice:00000}/state/{topic % TopicsPerDevice}");
        }

        public int Size => _topics.Count;

        public void Find(int count)
        {
            for (var i = 0; i < count; i++) RequireTen(_retained.Matching(Filter(i)).Count);
        }

        public void AskEach(int count)
        {
            for (var i = 0; i < count; i++) RequireTen(_topics.Count(Filter(i).Matches));
        }

        private TopicFilter Filter(int i) => _filters[(int)(i * 7919L % _filters.Length)];

        private static void RequireTen(int found)
        {
            if (found != TopicsPerDevice) throw new InvalidOperationException("Each device has ten.");
        }

        private void Retain(string topic)
        {
            _topics.Add(TopicName.Parse(topic));
            _retained.Keep(new Message { Topic = _topics[^1], Payload = new byte[200], Retain = true, ReceivedAt = DateTimeOffset.UnixEpoch });
        }
    }
}
