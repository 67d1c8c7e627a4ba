using System.Buffers;
using IoTFleet.Broker.Routing;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Wire;

namespace IoTFleet.Broker.Sessions;

/// <summary>A message as a store keeps it: the MQTT 5 PUBLISH packet that would carry it, so that there is one format and it has been thought about.</summary>
public static class StoredMessage
{
    /// <summary>What was accepted once is read again, whatever the limits are now.</summary>
    private static readonly PacketLimits NoLimits = new()
    {
        MaxPacketSize = PacketLimits.LargestPacket,
        MaxTopicLength = ushort.MaxValue,
        MaxTopicLevels = ushort.MaxValue + 1,
        MaxUserProperties = ushort.MaxValue,
    };

    public static byte[] Write(Message message) => Write(message, AsPublished(message), packetId: 1);

    public static byte[] Write(Message message, Delivery delivery, ushort packetId)
    {
        var packet = message.ToPacket(delivery, packetId, duplicate: false, message.ReceivedAt);     // with all of its lifetime
        var output = new ArrayBufferWriter<byte>(PacketWriter.Measure(packet, ProtocolVersion.V5));
        PacketWriter.Write(output, packet, ProtocolVersion.V5);
        return output.WrittenSpan.ToArray();
    }

    /// <returns>The message as if it had been published as it is delivered: QoS and retain flag are the receiver's.</returns>
    public static (Message Message, Delivery Delivery) Read(byte[] bytes, string? publisher, DateTimeOffset receivedAt)
    {
        var buffer = new ReadOnlySequence<byte>(bytes);
        var reader = new PacketReader(NoLimits) { Version = ProtocolVersion.V5 };
        if (!reader.TryRead(ref buffer, out var packet) || packet is not PublishPacket publish) throw new InvalidDataException("A stored message is no PUBLISH packet.");
        var message = new Message
        {
            Topic = publish.Topic!,
            Payload = publish.Payload,
            Qos = publish.Qos,
            Retain = publish.Retain,
            Properties = publish.Properties with { SubscriptionIdentifiers = [] },
            Publisher = publisher,
            ReceivedAt = receivedAt,
        };
        return (message, new Delivery(publish.Qos, publish.Retain, publish.Properties.SubscriptionIdentifiers));
    }

    private static Delivery AsPublished(Message message) => new(message.Qos, message.Retain, []);
}
