using System.Text;
using IoTFleet.Broker.Routing;
using IoTFleet.Broker.Sessions;

namespace IoTFleet.Broker.Tests;

/// <summary>Clients and messages that many tests need.</summary>
internal static class Clients
{
    /// <summary>Connects with a session that outlives its connection, in the words of either version.</summary>
    public static Task<RawClient> ConnectToStayAsync(
        this InMemoryBroker broker, string clientId, ProtocolVersion version, PropertyBlock? properties = null, WillMessage? will = null) =>
        broker.ConnectAsync(clientId, version, cleanStart: false, properties: ToStay(properties), will: will);

    /// <summary>The same, and tells whether the session was still there.</summary>
    public static async Task<(RawClient Client, bool SessionPresent)> ReturnAsync(
        this InMemoryBroker broker, string clientId, ProtocolVersion version, PropertyBlock? properties = null)
    {
        var client = broker.Open(version);
        var answer = await client.ConnectAsync(clientId, cleanStart: false, properties: ToStay(properties));
        Assert.Equal(ReasonCode.Success, answer.Reason);
        return (client, answer.SessionPresent);
    }

    /// <summary>Goes without a word; returns when the broker has noticed.</summary>
    public static async Task LoseAsync(this RawClient client)
    {
        await client.DisposeAsync();
        await client.Handled;
    }

    /// <summary>Says goodbye; returns when the broker has let go.</summary>
    public static async Task LeaveAsync(this RawClient client)
    {
        await client.SendAsync(new DisconnectPacket());
        await client.ExpectClosedAsync();
        await client.LoseAsync();
    }

    /// <summary>Fills all that lies between the broker and a client that does not read; then the broker no longer reads from it either.</summary>
    public static async Task StuffAsync(this RawClient client, InMemoryBroker broker)
    {
        await client.SubscribeAsync("stuffing");
        await StuffMoreAsync(broker);
        await client.SendAsync(PingReqPacket.Instance);     // the reader stops behind its answer, for which there is no room
    }

    /// <summary>Fills it again, for a client that has read a little.</summary>
    public static async Task StuffMoreAsync(this InMemoryBroker broker)
    {
        var dropped = 0;
        await InMemoryBroker.UntilAsync(() =>
        {
            dropped = broker.Publish("stuffing", new string('x', 10_000), AtMostOnce) == 0 ? dropped + 1 : 0;
            return dropped == 10;       // once could be a writer that is merely slow
        });
    }

    /// <summary>Reads to the end and returns what came last.</summary>
    public static async Task<Packet?> LastPacketAsync(this RawClient client)
    {
        Packet? last = null;
        while (await client.ReceiveAsync() is { } packet) last = packet;
        return last;
    }

    public static async Task ExpectAckAsync(this RawClient client, ushort packetId) =>
        Assert.Equal(packetId, (await client.ExpectAsync<PubAckPacket>()).PacketId);

    /// <summary>A message of the server's own, where the store does not keep it waiting.</summary>
    /// <returns>How many sessions got it or have it queued.</returns>
    public static int Publish(this InMemoryBroker broker, string topic, string payload, QualityOfService qos = AtLeastOnce, PropertyBlock? properties = null, bool retain = false)
    {
        var publishing = broker.PublishAsync(topic, payload, qos, properties, retain);
        Assert.True(publishing.IsCompleted);
        return publishing.GetAwaiter().GetResult().Sessions;
    }

    /// <summary>A message of the server's own.</summary>
    public static Task<Reach> PublishAsync(this InMemoryBroker broker, string topic, string payload, QualityOfService qos = AtLeastOnce, PropertyBlock? properties = null, bool retain = false) =>
        broker.Broker.PublishAsync(new Message
        {
            Topic = TopicName.Parse(topic),
            Payload = Encoding.UTF8.GetBytes(payload),
            Qos = qos,
            Retain = retain,
            Properties = properties ?? PropertyBlock.None,
            ReceivedAt = broker.Clock.GetUtcNow(),
        });

    public static string Text(this Message message) => Encoding.UTF8.GetString(message.Payload.Span);

    public static WillMessage Will(string topic, string payload, QualityOfService qos = AtMostOnce, bool retain = false, PropertyBlock? properties = null) => new()
    {
        Topic = TopicName.Parse(topic),
        Payload = Encoding.UTF8.GetBytes(payload),
        Qos = qos,
        Retain = retain,
        Properties = properties ?? PropertyBlock.None,
    };

    private static PropertyBlock ToStay(PropertyBlock? properties) => (properties ?? PropertyBlock.None) with { SessionExpiryInterval = 3600 };
}
