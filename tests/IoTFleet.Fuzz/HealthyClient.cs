using System.Globalization;
using System.Text;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Topics;
using IoTFleet.Mqtt.Wire;
using IoTFleet.Testing;

namespace IoTFleet.Fuzz;

/// <summary>A client that keeps to the rules, next to those that do not: it must be served as if it were alone.</summary>
internal sealed class HealthyClient(FuzzBroker broker)
{
    public const string Id = "healthy";

    private readonly PacketReader _reader = new(PacketLimits.Default) { Version = ProtocolVersion.V5 };
    private readonly (DuplexPipe Pipe, Task Handled) _connection = broker.Open();
    private byte[] _got = [];
    private DisconnectPacket? _goodbye;

    public async Task ConnectAsync()
    {
        await SendAsync(new ConnectPacket { Version = ProtocolVersion.V5, ClientId = Id, CleanStart = true, KeepAlive = 64_800 });
        await ReceiveAsync(packet => packet is ConnAckPacket { Reason: ReasonCode.Success });
        await SendAsync(new SubscribePacket { PacketId = 1, Subscriptions = [new SubscriptionRequest(TopicFilter.Parse("healthy/#"), QualityOfService.AtLeastOnce)] });
        await ReceiveAsync(packet => packet is SubAckPacket);
    }

    /// <summary>Publishes, is acknowledged, and gets the message.</summary>
    public async Task CheckAsync(long number)
    {
        var payload = Encoding.UTF8.GetBytes(number.ToString(CultureInfo.InvariantCulture));
        while (!await PublishAsync(payload))
        {
            // The sink refuses one in sixteen; the next one it takes.
        }

        if (!_got.AsSpan().SequenceEqual(payload)) await ReceiveAsync(packet => packet is PublishPacket message && message.Payload.Span.SequenceEqual(payload));
    }

    private async Task<bool> PublishAsync(byte[] payload)
    {
        await SendAsync(new PublishPacket { Topic = TopicName.Parse(FuzzBroker.HealthyTopic), Payload = payload, Qos = QualityOfService.AtLeastOnce, PacketId = 1 });
        ReasonCode? acknowledged = null;
        await ReceiveAsync(packet => (acknowledged = (packet as PubAckPacket)?.Reason) is not null);
        return acknowledged != ReasonCode.PayloadFormatInvalid;
    }

    public async Task LeaveAsync()
    {
        await SendAsync(new DisconnectPacket());
        await _connection.Handled;
        await _connection.Pipe.Input.CompleteAsync();
        await _connection.Pipe.Output.CompleteAsync();
    }

    private async Task SendAsync(Packet packet)
    {
        PacketWriter.Write(_connection.Pipe.Output, packet, ProtocolVersion.V5);
        await _connection.Pipe.Output.FlushAsync();
    }

    /// <summary>Reads on until this packet; acknowledges messages meanwhile.</summary>
    private async Task ReceiveAsync(Func<Packet, bool> expected)
    {
        while (true)
        {
            var packet = await NextAsync() ?? throw new InvalidOperationException($"The healthy client was disconnected: {_goodbye?.Reason.ToString() ?? "without a word"}, {_goodbye?.Properties.ReasonString}.");
            _goodbye = packet as DisconnectPacket;
            if (packet is PublishPacket message)
            {
                _got = message.Payload.ToArray();
                if (message.Qos == QualityOfService.AtLeastOnce) await SendAsync(new PubAckPacket { PacketId = message.PacketId });
            }

            if (expected(packet)) return;
        }
    }

    private async Task<Packet?> NextAsync()
    {
        while (true)
        {
            var read = await _connection.Pipe.Input.ReadAsync();
            var buffer = read.Buffer;
            var found = _reader.TryRead(ref buffer, out var packet);
            _connection.Pipe.Input.AdvanceTo(buffer.Start, found ? buffer.Start : buffer.End);
            if (found) return packet;
            if (read.IsCompleted) return null;
        }
    }
}
