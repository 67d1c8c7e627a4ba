using IoTFleet.Broker.Sessions;

namespace IoTFleet.Broker.Tests;

/// <summary>
/// The broker dies after each single unit that it stores, and after each pair of them, while messages are on their way at QoS 2 or 1 from a client that
/// stays to a client that stays. Both go on with what they remember, as the protocol tells them to.
/// </summary>
public sealed class CrashTests
{
    private static readonly string[] Payloads = ["1", "2", "3"];

    [Theory, BothVersions]
    public async Task Each_qos2_message_arrives_once_and_in_order_wherever_the_broker_dies(ProtocolVersion version)
    {
        var units = await RunAsync(version, ExactlyOnce, []);
        Assert.True(units > 10, $"{units} units are few.");

        for (var first = 0; first <= units; first++) await RunAsync(version, ExactlyOnce, [first]);
    }

    [Fact]
    public async Task Each_qos2_message_arrives_once_and_in_order_wherever_the_broker_dies_twice()
    {
        var units = await RunAsync(V5, ExactlyOnce, []);

        for (var first = 0; first <= units; first++)
        {
            for (var second = 0; second <= units; second += 3) await RunAsync(V5, ExactlyOnce, [first, second + (first % 3)]);
        }
    }

    [Theory, BothVersions]
    public async Task Each_qos1_message_arrives_and_in_order_wherever_the_broker_dies(ProtocolVersion version)
    {
        var units = await RunAsync(version, AtLeastOnce, []);

        for (var first = 0; first <= units; first++) await RunAsync(version, AtLeastOnce, [first]);
    }

    /// <param name="crashes">After how many units each of the first brokers dies; the one after them lives.</param>
    /// <returns>How many units there were.</returns>
    private static async Task<int> RunAsync(ProtocolVersion version, QualityOfService qos, int[] crashes)
    {
        var (sender, receiver) = (new Sender(qos, Payloads), new Receiver());
        var store = new ScriptedStore();
        await SubscribeAsync(store, version, qos);
        var before = store.Durable.Count;

        foreach (var units in crashes) store = await LiveAsync(store, version, sender, receiver, units);
        store = await LiveAsync(store, version, sender, receiver, int.MaxValue);

        if (qos == ExactlyOnce) Assert.Equal(Payloads, receiver.Got);
        else Assert.Equal(Payloads, receiver.Got.Distinct());
        var left = Assert.Single((await store.LoadAsync(CancellationToken.None)).Sessions, session => session.ClientId == "receiver");
        Assert.Empty(left.Deliveries);
        return store.Durable.Count - before;
    }

    private static async Task SubscribeAsync(ScriptedStore store, ProtocolVersion version, QualityOfService qos)
    {
        await using var broker = await InMemoryBroker.StartAsync(store);
        await using var sender = await broker.ConnectToStayAsync("sender", version);
        await using var receiver = await broker.ConnectToStayAsync("receiver", version);
        await receiver.SubscribeAsync("t", qos);
    }

    /// <summary>One broker's life, until it has stored so many units or everything is done.</summary>
    /// <returns>What the next one finds.</returns>
    private static async Task<ScriptedStore> LiveAsync(ScriptedStore store, ProtocolVersion version, Sender sender, Receiver receiver, int units)
    {
        await using var broker = await InMemoryBroker.StartAsync(store);
        var (from, fromPresent) = await broker.ReturnAsync("sender", version);
        var (to, toPresent) = await broker.ReturnAsync("receiver", version);
        Assert.True(fromPresent && toPresent);
        store.Holds = units < int.MaxValue;
        var start = store.Durable.Count;

        var sending = sender.RunAsync(from);
        var receiving = receiver.RunAsync(to, Payloads.Length);
        var done = Task.WhenAll(sending, receiving);
        if (units < int.MaxValue) await CommitAsync(store, units, done);
        else await AllAsync(done, receiver, to);

        var left = units < int.MaxValue ? store.After(start + units) : store;
        await from.LoseAsync();
        await to.LoseAsync();
        await done;
        store.CommitAll();
        return left;
    }

    private static async Task AllAsync(Task done, Receiver receiver, RawClient to)
    {
        await done;
        await receiver.SettleAsync(to);
    }

    private static async Task CommitAsync(ScriptedStore store, int units, Task done)
    {
        for (var unit = 0; unit < units; unit++)
        {
            await InMemoryBroker.UntilAsync(() => store.Held > 0 || done.IsCompleted);
            if (store.Held == 0) return;
            await store.CommitAsync();
        }
    }

    /// <summary>A publisher that remembers which ids it has used, and what was answered, and takes up from there.</summary>
    private sealed class Sender(QualityOfService qos, string[] payloads)
    {
        private readonly HashSet<ushort> _sent = [];
        private readonly HashSet<ushort> _received = [];
        private readonly HashSet<ushort> _done = [];

        public async Task RunAsync(RawClient client)
        {
            try
            {
                for (ushort id = 1; id <= payloads.Length; id++) await SendAsync(client, id);
                while (_done.Count < payloads.Length && await client.ReceiveAsync() is { } packet) await OnAsync(client, packet);
            }
            catch (Exception gone) when (gone is InvalidOperationException or IOException or TimeoutException)
            {
                // The broker died, and the test took the connection away.
            }
        }

        private async Task SendAsync(RawClient client, ushort id)
        {
            if (_done.Contains(id)) return;
            if (_received.Contains(id)) await client.SendAsync(new PubRelPacket { PacketId = id });
            else await client.PublishAsync("t", payloads[id - 1], qos, id, duplicate: !_sent.Add(id));
        }

        private async Task OnAsync(RawClient client, Packet packet)
        {
            if (packet is PubAckPacket ack) _done.Add(ack.PacketId);
            if (packet is PubCompPacket complete) _done.Add(complete.PacketId);
            if (packet is not PubRecPacket received) return;
            _received.Add(received.PacketId);
            await client.SendAsync(new PubRelPacket { PacketId = received.PacketId });
        }
    }

    /// <summary>A subscriber that remembers the ids it holds: a message under one of them is the same again.</summary>
    private sealed class Receiver
    {
        private readonly HashSet<ushort> _held = [];

        public List<string> Got { get; } = [];

        public async Task RunAsync(RawClient client, int enough)
        {
            try
            {
                while ((Got.Distinct().Count() < enough || _held.Count > 0) && await client.ReceiveAsync() is { } packet) await OnAsync(client, packet);
            }
            catch (Exception gone) when (gone is InvalidOperationException or IOException or TimeoutException)
            {
                // As above.
            }
        }

        /// <summary>Answers what an earlier broker had not heard, until nothing comes any more.</summary>
        public async Task SettleAsync(RawClient client)
        {
            for (var quiet = false; !quiet;)
            {
                quiet = true;
                await client.SendAsync(PingReqPacket.Instance);
                for (var packet = await client.ReceiveAsync(); packet is not (null or PingRespPacket); packet = await client.ReceiveAsync(), quiet = false) await OnAsync(client, packet);
            }
        }

        private async Task OnAsync(RawClient client, Packet packet)
        {
            if (packet is PublishPacket { Qos: AtLeastOnce } once)
            {
                Got.Add(System.Text.Encoding.UTF8.GetString(once.Payload.Span));
                await client.SendAsync(new PubAckPacket { PacketId = once.PacketId });
            }
            else if (packet is PublishPacket message)
            {
                if (_held.Add(message.PacketId)) Got.Add(System.Text.Encoding.UTF8.GetString(message.Payload.Span));
                await client.SendAsync(new PubRecPacket { PacketId = message.PacketId });
            }
            else if (packet is PubRelPacket release)
            {
                _held.Remove(release.PacketId);
                await client.SendAsync(new PubCompPacket { PacketId = release.PacketId });
            }
        }
    }
}
