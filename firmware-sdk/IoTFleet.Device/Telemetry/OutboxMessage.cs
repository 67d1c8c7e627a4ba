using System.Globalization;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Topics;

namespace IoTFleet.Device.Telemetry;

/// <summary>One message from PublishAsync until the server has stored or refused it.</summary>
internal sealed class OutboxMessage(long sequence, TopicName topic, ReadOnlyMemory<byte> payload)
{
    private readonly TaskCompletionSource<PublishReceipt> _settled = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task<PublishReceipt> Settled => _settled.Task;

    /// <summary>Of the present connection; changed by <see cref="Outbox"/> under its gate.</summary>
    public ushort PacketId { get; set; }

    /// <summary>The clock's timestamp of the last sending; changed by <see cref="Outbox"/> under its gate.</summary>
    public long SentAt { get; set; }

    // Never marked as duplicate: each connection is a new session, which has not seen the message. `seq` tells the backend.
    public PublishPacket ToPacket(ProtocolVersion version) => new()
    {
        Topic = topic,
        Payload = payload,
        Qos = QualityOfService.AtLeastOnce,
        PacketId = PacketId,
        Properties = version == ProtocolVersion.V5
            ? new PropertyBlock { UserProperties = [new UserProperty("seq", sequence.ToString(CultureInfo.InvariantCulture))] }
            : PropertyBlock.None,
    };

    public void Complete(ReasonCode reason) => _settled.TrySetResult(new PublishReceipt(sequence, reason));

    public void Refuse(ReasonCode reason, string? why)
    {
        var code = $"0x{(byte)reason:X2} {reason}{(why is null ? "" : $", {why}")}";
        Fail(new DeviceException(reason, $"The server refused a message on {topic.Value}: {code}."));
    }

    public void Fail(DeviceException error) => _settled.TrySetException(error);
}
