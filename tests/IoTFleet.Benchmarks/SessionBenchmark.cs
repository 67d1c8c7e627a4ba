using System.Globalization;
using IoTFleet.Broker.Connections;
using IoTFleet.Broker.Routing;
using IoTFleet.Fleet.Sessions;
using IoTFleet.Fleet.Sqlite;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Topics;
using IoTFleet.Mqtt.Wire;
using IoTFleet.Server.Mqtt;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Benchmarks;

/// <summary>
/// What it costs that a subscriber's messages survive the process: the same QoS 1 messages, a window of 50 at a time from a publisher to a subscriber, whose
/// session ends with its connection, is kept in memory, or is in the database. The parts of both clients are in all of the figures.
/// </summary>
internal static class SessionBenchmark
{
    private const int Messages = 2_000;
    private const int Window = 50;         // fewer than Broker:MaxInFlight: the subscriber answers a window at a time
    private const string Clean = "subscriber whose session ends with its connection";

    public static async Task<Table> RunAsync()
    {
        var folder = Directory.CreateTempSubdirectory("iotfleet-benchmark-");
        await using var services = new ServiceCollection().AddLogging().AddSqliteSessions(Path.Combine(folder.FullName, "sessions.db")).BuildServiceProvider();
        await using var database = new DbBrokerStore(services.GetRequiredService<SessionsDatabase>(), TimeProvider.System, services.GetRequiredService<ILogger<DbBrokerStore>>());
        await database.LoadAsync(CancellationToken.None);
        using var inMemory = new Engine(new NoSink());
        using var inDatabase = new Engine(new NoSink(), database);
        var (commits, runs) = (database.Commits, 0);
        Task InDatabaseAsync()
        {
            runs++;
            return RunAsync(inDatabase, expiry: 3600);
        }

        try
        {
            var table = await new Table("Sessions", "QoS 1 message to one subscriber, a window of 50",
            [
                new(Clean, Messages, () => RunAsync(inMemory, expiry: 0)),
                new("session kept, store in memory", Messages, () => RunAsync(inMemory, expiry: 3600), Clean),
                new("session kept, in SQLite with full sync", Messages, InDatabaseAsync, Clean),
            ]).MeasureAsync();
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"SQLite: {(double)(database.Commits - commits) / (runs * Messages):0.000} commits a message."));
            return table;
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static async Task RunAsync(Engine engine, uint expiry)
    {
        var subscriber = await ConnectAsync(engine, "subscriber", expiry);
        await subscriber.SendAsync(new SubscribePacket { PacketId = 1, Subscriptions = [new SubscriptionRequest(TopicFilter.Parse("t"), QualityOfService.AtLeastOnce)] });
        await subscriber.ExpectAsync(1);
        var publisher = await ConnectAsync(engine, "publisher", expiry: 0);
        for (var sent = 0; sent < Messages; sent += Window)
        {
            await publisher.SendAsync([.. Enumerable.Range(1, Window).Select(Publish)]);
            await publisher.ExpectAsync(Window);
            await subscriber.SendAsync([.. (await subscriber.ExpectAsync(Window)).Select(message => new PubAckPacket { PacketId = ((PublishPacket)message).PacketId })]);
        }

        await publisher.LeaveAsync();
        await subscriber.LeaveAsync();
    }

    private static PublishPacket Publish(int id) => new() { Topic = TopicName.Parse("t"), Payload = new byte[200], Qos = QualityOfService.AtLeastOnce, PacketId = (ushort)id };

    private static async Task<Client> ConnectAsync(Engine engine, string clientId, uint expiry)
    {
        var (near, far) = Engine.NewConnection();
        var client = new Client(near, engine.Handler.OnConnectedAsync(far));
        await client.SendAsync(new ConnectPacket { Version = ProtocolVersion.V5, ClientId = clientId, CleanStart = true, Properties = new PropertyBlock { SessionExpiryInterval = expiry, ReceiveMaximum = Window } });
        await client.ExpectAsync(1);
        return client;
    }

    private sealed class Client(Transport near, Task handled)
    {
        private readonly PacketReader _reader = new(PacketLimits.Default) { Version = ProtocolVersion.V5 };

        public async Task SendAsync(params Packet[] packets)
        {
            foreach (var packet in packets) PacketWriter.Write(near.Output, packet, ProtocolVersion.V5);
            await near.Output.FlushAsync();
        }

        public async Task<List<Packet>> ExpectAsync(int count)
        {
            var packets = new List<Packet>(count);
            while (packets.Count < count)
            {
                var read = await near.Input.ReadAsync();
                var buffer = read.Buffer;
                while (packets.Count < count && _reader.TryRead(ref buffer, out var packet)) packets.Add(packet);
                near.Input.AdvanceTo(buffer.Start, packets.Count < count ? buffer.End : buffer.Start);
                if (read.IsCompleted && packets.Count < count) throw new InvalidOperationException("The broker closed the connection.");
            }

            return packets;
        }

        public async Task LeaveAsync()
        {
            await near.Output.CompleteAsync();
            await handled;
        }
    }

    private sealed class NoSink : IMessageSink
    {
        public ValueTask<Acceptance> AcceptAsync(Message message, Principal publisher, CancellationToken cancellationToken) => ValueTask.FromResult(Acceptance.Done);
    }
}
