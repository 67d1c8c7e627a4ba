using System.Diagnostics.CodeAnalysis;
using IoTFleet.Device.Link;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Topics;

namespace IoTFleet.Device.Commands;

/// <summary>Answers on their way to the server, oldest first, each until its PUBACK. Bounded by what the ledger remembers.</summary>
internal sealed class AnswerQueue(string deviceId, TimeProvider clock, Doorbell doorbell)
{
    private const int Window = 4;

    private readonly Lock _gate = new();
    private readonly List<PendingAnswer> _pending = [];        // the first _sent of them went out over the present connection
    private int _sent;
    private ushort _lastPacketId = PacketIds.LastOfAnswers;

    /// <summary>How many are on their way over the present connection.</summary>
    public int OnTheirWay
    {
        get
        {
            lock (_gate)
                return _sent;
        }
    }

    /// <summary>Sends it, unless it is being sent already.</summary>
    public void Add(string commandId, ReadOnlyMemory<byte> answer)
    {
        lock (_gate)
        {
            if (_pending.Exists(pending => pending.CommandId == commandId))
                return;
            _pending.Add(new PendingAnswer(commandId, TopicName.Parse($"devices/{deviceId}/answers/{commandId}"), answer));
        }

        doorbell.Ring();
    }

    /// <summary>A new connection begins: everything unacknowledged is to be sent again.</summary>
    public void StartOver()
    {
        lock (_gate)
            _sent = 0;
    }

    /// <param name="room">How many more messages may be on their way.</param>
    /// <param name="answer">What to send next.</param>
    public bool TryTake(int room, [NotNullWhen(true)] out PendingAnswer? answer)
    {
        lock (_gate)
        {
            answer = null;
            if (room <= 0 || _sent >= Window || _sent == _pending.Count)
                return false;
            answer = _pending[_sent++];
            _lastPacketId = _lastPacketId == PacketIds.LastOfAnswers ? PacketIds.FirstOfAnswers : (ushort)(_lastPacketId + 1);   // far more than may be on their way
            (answer.PacketId, answer.SentAt) = (_lastPacketId, clock.GetTimestamp());
            return true;
        }
    }

    /// <summary>Takes out the answer that a PUBACK ends; null when none on this connection carries the id.</summary>
    public PendingAnswer? Settle(ushort packetId)
    {
        lock (_gate)
        {
            var at = _pending.FindIndex(0, _sent, pending => pending.PacketId == packetId);
            if (at < 0)
                return null;
            var answer = _pending[at];
            _pending.RemoveAt(at);
            _sent--;
            return answer;
        }
    }

    /// <summary>How long the oldest on its way has waited for its PUBACK; zero when there is none.</summary>
    public TimeSpan LongestWait()
    {
        lock (_gate)
            return _sent == 0 ? TimeSpan.Zero : clock.GetElapsedTime(_pending[0].SentAt);
    }
}

/// <summary>An answer that the server may not have.</summary>
internal sealed class PendingAnswer(string commandId, TopicName topic, ReadOnlyMemory<byte> payload)
{
    public string CommandId => commandId;

    /// <summary>Of the present connection.</summary>
    public ushort PacketId { get; set; }

    public long SentAt { get; set; }

    public PublishPacket ToPacket() => new() { Topic = topic, Payload = payload, Qos = QualityOfService.AtLeastOnce, PacketId = PacketId };
}
