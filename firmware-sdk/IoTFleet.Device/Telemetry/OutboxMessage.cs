using System.Globalization;
using IoTFleet.Device.Telemetry.Disk;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;

namespace IoTFleet.Device.Telemetry;

/// <summary>One message from PublishAsync until the server has stored or refused it. What can be set is changed by <see cref="Outbox"/> under its gate.</summary>
internal sealed class OutboxMessage
{
    /// <summary>What a message is counted with beside its payload: its names and numbers, in memory or on disk.</summary>
    public const int Overhead = 64;

    private readonly TaskCompletionSource<PublishReceipt>? _settled;
    private readonly TaskCompletionSource? _held;

    /// <summary>A message of this run.</summary>
    public OutboxMessage(long sequence, OutboxStream stream, DateTimeOffset addedAt, int connection, ReadOnlyMemory<byte> payload, bool toDisk)
    {
        (Sequence, Stream, AddedAt, Connection, Payload, PayloadSize) = (sequence, stream, addedAt, connection, payload, payload.Length);
        _settled = new TaskCompletionSource<PublishReceipt>(TaskCreationOptions.RunContinuationsAsynchronously);
        if (toDisk)
            _held = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        IsHeld = !toDisk;
    }

    /// <summary>A message that an earlier run left on the disk: nobody waits for it.</summary>
    public OutboxMessage(FoundMessage found, OutboxStream stream)
    {
        (Sequence, Stream, AddedAt, Place, PayloadSize) = (found.Sequence, stream, found.AddedAt, found.Place, found.PayloadSize);
        (IsHeld, MayOvertake) = (true, found.MayHaveOvertaken ? MayOvertake.Yes : MayOvertake.No);
    }

    public long Sequence { get; }

    public OutboxStream Stream { get; }

    public DateTimeOffset AddedAt { get; }

    /// <summary>The number of the connection that was there, or came last, when the message was added: of an older one it is part of an outage's backlog.</summary>
    public int Connection { get; }

    public int PayloadSize { get; }

    public int Size => PayloadSize + Overhead;

    /// <summary>Null when it is to be read from its <see cref="Place"/>.</summary>
    public ReadOnlyMemory<byte>? Payload { get; set; }

    /// <summary>Where the journal has it; changed by the journal under its own lock.</summary>
    public Place? Place { get; set; }

    /// <summary>Its segment counts it no longer; the journal's own.</summary>
    public bool IsDiscounted { get; set; }

    /// <summary>It is in the outbox as the publisher was promised, and may be sent.</summary>
    public bool IsHeld { get; private set; }

    /// <summary>It is no longer in the outbox, though perhaps still in a queue.</summary>
    public bool IsGone { get; set; }

    /// <summary>Whether the journal knows that it may be sent before older ones.</summary>
    public MayOvertake MayOvertake { get; set; }

    /// <summary>Of the present connection.</summary>
    public ushort PacketId { get; set; }

    /// <summary>The clock's timestamp of the last sending.</summary>
    public long SentAt { get; set; }

    /// <summary>Completes when it is held; faults when the disk did not take it.</summary>
    public Task Held => _held?.Task ?? Task.CompletedTask;

    public Task<PublishReceipt> Settled => _settled?.Task ?? throw new InvalidOperationException("Nobody waits for a message of an earlier run.");

    // Never marked as duplicate: each connection is a new session, which has not seen the message. `seq` tells the backend.
    public PublishPacket ToPacket(ProtocolVersion version, ReadOnlyMemory<byte> payload) => new()
    {
        Topic = Stream.Topic,
        Payload = payload,
        Qos = QualityOfService.AtLeastOnce,
        PacketId = PacketId,
        Properties = version == ProtocolVersion.V5
            ? new PropertyBlock { UserProperties = [new UserProperty("seq", Sequence.ToString(CultureInfo.InvariantCulture))] }
            : PropertyBlock.None,
    };

    public void Hold()
    {
        IsHeld = true;
        _held?.TrySetResult();
    }

    public void Complete(ReasonCode reason) => _settled?.TrySetResult(new PublishReceipt(Sequence, reason));

    /// <returns>What nobody waits for and somebody should hear of; otherwise null.</returns>
    public DeviceException? Refuse(ReasonCode reason, string? why)
    {
        var code = $"0x{(byte)reason:X2} {reason}{(why is null ? "" : $", {why}")}";
        return Fail(new DeviceException(reason, $"The server refused a message on {Stream.Topic.Value}: {code}."));
    }

    /// <inheritdoc cref="Refuse"/>
    public DeviceException? Fail(DeviceException error)
    {
        _held?.TrySetException(error);
        _ = _held?.Task.Exception;                             // seen: who does not want to wait is not told by the finalizer either
        if (_settled is null)
            return error;
        _settled.TrySetException(error);
        _ = _settled.Task.Exception;
        return null;
    }
}

/// <summary>Whether a message may be sent while an older one has not been: after a power cut, the journal must know which may have reached the server.</summary>
internal enum MayOvertake
{
    No,
    Asked,
    Yes,
}
