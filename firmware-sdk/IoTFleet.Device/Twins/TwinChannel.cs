using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;
using System.Text.Json;
using IoTFleet.Device.Link;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Topics;

namespace IoTFleet.Device.Twins;

/// <summary>
/// The twin as a connection sees it.
/// <code>
/// after SUBACK  question: the newest held -> news: one patch over all that was missed, or the whole document -> DesiredBoard
/// later         news at each change; what does not fit on what is held asks again
///               ReportQueue -> reports, one on its way at a time
/// </code>
/// </summary>
internal sealed class TwinChannel(DeviceOptions options, TwinFile file, Doorbell doorbell)
{
    private readonly TopicName _reported = TopicName.Parse($"devices/{options.DeviceId}/twin/reported");
    private readonly TopicName _get = TopicName.Parse($"devices/{options.DeviceId}/twin/get");
    private readonly Lock _gate = new();
    private readonly Queue<ushort> _acks = new();              // at most one per packet id of the server's
    private bool _questionDue;
    private long? _askedAt;

    public DesiredBoard Desired { get; } = new(file.Found);

    public ReportQueue Reports { get; } = new(doorbell, options.Clock);

    public string NewsTopic { get; } = $"devices/{options.DeviceId}/twin/delta";

    /// <summary>A new connection begins; when it is open, the server is asked what has changed.</summary>
    public void StartOver()
    {
        lock (_gate)
        {
            _acks.Clear();
            (_questionDue, _askedAt) = (true, null);
        }

        Reports.StartOver();
    }

    /// <summary>What is to be written next; of what the server is to acknowledge only while there is room for it.</summary>
    public bool TryTake(int room, [NotNullWhen(true)] out Packet? packet)
    {
        packet = TakeAck();
        if (room > 0)                                          // [MQTT-3.3.4-7]
            packet ??= (Packet?)TakeQuestion() ?? TakeReport();
        return packet is not null;
    }

    /// <summary>It cannot be sent.</summary>
    public void Refuse(PublishPacket packet, ReasonCode reason, string why)
    {
        if (packet.PacketId == PacketIds.TwinReport)
            Reports.Settle(reason, why);
        else
            Answered();
    }

    /// <summary>A PUBACK; false when it answers nothing of the twin's.</summary>
    public bool Settle(PubAckPacket ack)
    {
        if (ack.PacketId == PacketIds.TwinReport)
            Reports.Settle(ack.Reason, ack.Properties.ReasonString);
        else if (ack.PacketId == PacketIds.TwinQuestion)
            Answered();
        return ack.PacketId is PacketIds.TwinReport or PacketIds.TwinQuestion;
    }

    /// <summary>Keeps in mind what the server tells. It is acknowledged without being on the disk: what is lost is asked for again.</summary>
    public void Take(PublishPacket news)
    {
        var askAgain = false;
        try
        {
            askAgain = Desired.Take(news.Payload);
        }
        catch (JsonException unreadable)
        {
            options.TroubleMet?.Invoke(new DeviceException(DeviceError.TwinFailed, $"What the server sent on {NewsTopic} cannot be read: {unreadable.Message}", unreadable));
        }

        lock (_gate)
        {
            _questionDue |= askAgain;
            if (news.PacketId != 0)
                _acks.Enqueue(news.PacketId);
        }

        doorbell.Ring();
    }

    /// <summary>Sent over this connection and not acknowledged.</summary>
    public int OnTheirWay
    {
        get
        {
            var reports = Reports.IsOnItsWay ? 1 : 0;
            lock (_gate)
                return reports + (_askedAt is null ? 0 : 1);
        }
    }

    public TimeSpan LongestWait()
    {
        var report = Reports.LongestWait();
        lock (_gate)
            return _askedAt is { } at && options.Clock.GetElapsedTime(at) is var question && question > report ? question : report;
    }

    /// <summary>The application is done with a document: it stays applied over a restart, and the server hears of it.</summary>
    public async Task KeepAsync(DesiredDocument applied, CancellationToken cancellation)
    {
        await file.SaveAsync(applied, cancellation);
        TellApplied(applied.Version);
    }

    /// <summary>Also at a start: whether the last run could still say so is not known, and saying it twice costs nothing.</summary>
    public void TellApplied(long version) => _ = Reports.AddAsync($$"""{"{{PatchSyntax.VersionName}}":{{version.ToString(CultureInfo.InvariantCulture)}}}""", always: true);

    public void Close()
    {
        Desired.Close();
        Reports.Close();
    }

    private PubAckPacket? TakeAck()
    {
        lock (_gate)
            return _acks.TryDequeue(out var id) ? new PubAckPacket { PacketId = id } : null;
    }

    private PublishPacket? TakeQuestion()
    {
        lock (_gate)
        {
            if (!_questionDue || _askedAt is not null)
                return null;
            (_questionDue, _askedAt) = (false, options.Clock.GetTimestamp());
        }

        return Packet(_get, string.Create(CultureInfo.InvariantCulture, $$"""{"version":{{Desired.NewestVersion}}}"""), PacketIds.TwinQuestion);
    }

    private PublishPacket? TakeReport() => Reports.TryTake(out var patch) ? Packet(_reported, patch, PacketIds.TwinReport) : null;

    private void Answered()
    {
        lock (_gate)
            _askedAt = null;
        doorbell.Ring();                                       // another question may wait
    }

    private static PublishPacket Packet(TopicName topic, string json, ushort id) =>
        new() { Topic = topic, Payload = Encoding.UTF8.GetBytes(json), Qos = QualityOfService.AtLeastOnce, PacketId = id };
}
