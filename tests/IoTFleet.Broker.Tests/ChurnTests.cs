using System.Collections.Concurrent;

namespace IoTFleet.Broker.Tests;

public sealed class ChurnTests
{
    private const int Workers = 8;
    private const int Rounds = 25;
    private const int Messages = 5;

    [Theory, BothVersions]
    public async Task Clients_that_come_and_go_lose_no_acked_message_and_leave_nothing_behind(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker(options => options.MaxSessionExpiry = TimeSpan.FromHours(1));
        var acked = new ConcurrentBag<string>();

        await Parallel.ForAsync(0, Workers, async (worker, _) =>
        {
            var random = new Random(worker);
            for (var round = 0; round < Rounds; round++)
            {
                var client = broker.Open(version);
                await LiveAsync(client, random, $"{worker}/{round}", acked);
                await client.LoseAsync();
            }
        });
        broker.Clock.Advance(TimeSpan.FromHours(2));

        Assert.NotEmpty(acked);
        Assert.Empty(acked.Except(broker.Sink.Messages.Select(Clients.Text)));
        Assert.True(broker.Broker.Parts.Tree.IsEmpty);
        Assert.Equal(0, broker.Metrics.Connections);
        Assert.Equal(0, broker.Publish("t/1", "x"));
    }

    /// <summary>Connects under one of a few names, so that connections take each other's sessions; ends at a random moment in a random way.</summary>
    private static async Task LiveAsync(RawClient client, Random random, string name, ConcurrentBag<string> acked)
    {
        await client.SendAsync([
            new ConnectPacket { Version = client.Version, ClientId = $"client-{random.Next(3)}", CleanStart = random.Next(2) == 0, KeepAlive = 60, Properties = new PropertyBlock { SessionExpiryInterval = 3600 } },
            new SubscribePacket { PacketId = 1, Subscriptions = [new SubscriptionRequest(TopicFilter.Parse($"t/{random.Next(3)}"), AtLeastOnce), new SubscriptionRequest(TopicFilter.Parse("+/#"), AtMostOnce)] },
            .. Enumerable.Range(1, Messages).Select(id => RawClient.Publish($"t/{random.Next(3)}", $"{name}/{id}", AtLeastOnce, (ushort)id)),
        ]);

        for (var waitFor = random.Next(Messages + 1); waitFor > 0;)
        {
            if (await client.ReceiveAsync() is not { } packet) return;      // somebody took the session
            if (packet is not PubAckPacket ack) continue;
            acked.Add($"{name}/{ack.PacketId}");
            waitFor--;
        }

        if (random.Next(2) == 0) await client.SendAsync(new DisconnectPacket());
    }
}
