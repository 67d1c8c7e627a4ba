using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Text;
using IoTFleet.Broker.Figures;
using IoTFleet.Broker.Sessions;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Wire;
using Microsoft.AspNetCore.Connections;

namespace IoTFleet.Broker.Connections;

/// <summary>
/// One client's network connection, from the first byte to the last. This file holds its life; each flow has a file of its own.
/// <code>
///   RunAsync
///     OnConnectAsync      CONNECT within the deadline, admitted, session claimed          .Connect.cs
///     read loop           packet by packet, in order                                      here
///       PUBLISH           authorise, sink, AckQueue                                       .Publish.cs
///       PUBACK...         what we sent has arrived                                        .Acknowledge.cs
///       SUBSCRIBE...                                                                      .Subscribe.cs
///       how much, how fast                                                                .Limits.cs
///       DISCONNECT, end   the one place a connection ends                                 .Disconnect.cs
/// </code>
/// The read loop owns topic aliases, keep-alive and inbound order; the outbox owns the socket's output.
/// </summary>
internal sealed partial class MqttConnection
{
    private readonly ConnectionParts _parts;
    private readonly ConnectionContext _transport;
    private readonly ClientIdentity _identity;
    private RefusedPeer? _peer;
    private readonly PipeReader _input;
    private readonly PacketReader _reader;
    private readonly PacketOutbox _outbox;
    private readonly CancellationTokenSource _closing = new();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _gone = new(TaskCreationOptions.RunContinuationsAsynchronously);

    // From CONNECT on.
    private Principal? _principal;
    private Session? _session;
    private AckQueue? _acks;
    private long _connectedAt;          // UTC ticks: others read it while it is set
    private bool _mayExplain = true;
    private long _bytesReceived;        // the read loop's; others look
    private long _packetsReceived;

    public MqttConnection(ConnectionParts parts, ConnectionContext transport, ClientIdentity identity)
    {
        _parts = parts;
        _transport = transport;
        _identity = identity;
        _input = transport.Transport.Input;
        _reader = new PacketReader(parts.Options.PacketLimits);
        _outbox = new PacketOutbox(transport, parts.Options.MaxOutboxPackets, parts.Logger, parts.Options.MaxOutboxBytes);
    }

    /// <summary>Completes when the connection has let go of its session.</summary>
    public Task Ended => _ended.Task;

    /// <summary>Completes when it has said its last word, too, and does not touch its transport any more.</summary>
    public Task Gone => _gone.Task;

    public string? ClientId => _principal?.ClientId;

    public Principal? Principal => _principal;

    /// <summary>When the session became this connection's; null while it waits for an older one to let go.</summary>
    public DateTimeOffset? ConnectedAt => Volatile.Read(ref _connectedAt) is var ticks and > 0 ? new DateTimeOffset(ticks, TimeSpan.Zero) : null;

    public Traffic Received => new(Volatile.Read(ref _bytesReceived), Volatile.Read(ref _packetsReceived));

    public Traffic Sent => _outbox.Sent;

    private ProtocolVersion Version => _outbox.Version;      // the reader's would follow a second CONNECT

    public async Task RunAsync()
    {
        try
        {
            if (await ReadConnectAsync() is { } connect && await OnConnectAsync(connect)) await ReadPacketsAsync();
        }
        catch (ProtocolViolation violation)
        {
            OnViolation(violation);
        }
        catch (Exception gone) when (gone is IOException or ConnectionAbortedException or ConnectionResetException or OperationCanceledException)
        {
            // The peer went away without a word, or Close cancelled what this connection was waiting for.
        }
        catch (Exception unexpected)
        {
            _parts.Logger.ConnectionFailed(unexpected, ClientId ?? "-");
            Close(ReasonCode.UnspecifiedError, "internal error");
        }
        finally
        {
            await EndAsync();
        }
    }

    /// <summary>The first packet must be a CONNECT [MQTT-3.1.0-1] and must come within the deadline.</summary>
    private async Task<ConnectPacket?> ReadConnectAsync()
    {
        using var deadline = new CancellationTokenSource(_parts.Options.ConnectTimeout, _parts.Clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, _closing.Token);
        while (true)
        {
            ReadResult read;
            try
            {
                read = await _input.ReadAsync(either.Token);
            }
            catch (OperationCanceledException) when (deadline.IsCancellationRequested)
            {
                Refuse(RefusalDoor.Connect, "connect-timeout", $"No CONNECT within {_parts.Options.ConnectTimeout.TotalSeconds:0} s.");
                return null;
            }

            var buffer = read.Buffer;
            var complete = _reader.TryRead(ref buffer, out var packet);
            if (complete) Count(read.Buffer.Length - buffer.Length);
            if (!complete && !buffer.IsEmpty) RequireConnect(buffer);
            _input.AdvanceTo(buffer.Start, complete ? buffer.Start : buffer.End);
            if (packet is ConnectPacket connect) return connect;
            if (complete) throw new ProtocolViolation(ReasonCode.ProtocolError, $"The first packet must be CONNECT, not {packet!.Type}.");
            if (read.IsCompleted || read.IsCanceled) return null;
        }
    }

    /// <summary>Refused at its first byte: the body of anything else is not waited for.</summary>
    private static void RequireConnect(in ReadOnlySequence<byte> begun)
    {
        var type = (PacketType)(begun.Slice(0, 1).FirstSpan[0] >> 4);
        if (type != PacketType.Connect) throw new ProtocolViolation(ReasonCode.ProtocolError, $"The first packet must be CONNECT, not {type}.");
    }

    private async Task ReadPacketsAsync()
    {
        while (true)
        {
            var read = await _input.ReadAsync(CancellationToken.None);     // Close wakes it by CancelPendingRead
            var rest = await TakePacketsAsync(read.Buffer);
            _input.AdvanceTo(rest, read.Buffer.End);
            if (read.IsCompleted || read.IsCanceled || IsClosing) return;
        }
    }

    /// <summary>Works through what has come, and writes what that leads to at its end, or before it has to wait for something.</summary>
    /// <returns>Where an incomplete packet begins.</returns>
    private async ValueTask<SequencePosition> TakePacketsAsync(ReadOnlySequence<byte> buffer)
    {
        var (first, unread) = (true, buffer.Length);
        var batch = WriteBatch.Begin();
        try
        {
            for (; !IsClosing && _reader.TryRead(ref buffer, out var packet); unread = buffer.Length)
            {
                if (first) Heard();          // a whole packet: a byte now and then is no sign of life [MQTT-3.1.2-22]
                first = false;
                var handled = HandleAsync(packet, unread - buffer.Length);
                if (handled.IsCompletedSuccessfully) continue;
                batch.End();
                batch = default;
                await handled;
                batch = WriteBatch.Begin();
            }
        }
        finally
        {
            batch.End();
        }

        return buffer.Start;
    }

    private async ValueTask HandleAsync(Packet packet, long length)
    {
        Count(length);
        await OnPacketAsync(packet);
        await _outbox.WaitForRoomAsync(_closing.Token);     // who does not read the answers is not read either
        await KeepToRateAsync(packet, length);
    }

    private void Count(long bytes)
    {
        Volatile.Write(ref _bytesReceived, _bytesReceived + bytes);
        Volatile.Write(ref _packetsReceived, _packetsReceived + 1);
    }

    private ValueTask OnPacketAsync(Packet packet)
    {
        switch (packet)
        {
            case PublishPacket publish: return OnPublishAsync(publish);
            case PubAckPacket ack: OnPubAck(ack); break;
            case PubRecPacket received: OnPubRec(received); break;
            case PubRelPacket release: return OnPubRelAsync(release);
            case PubCompPacket complete: OnPubComp(complete); break;
            case SubscribePacket subscribe: return OnSubscribeAsync(subscribe);
            case UnsubscribePacket unsubscribe: return OnUnsubscribeAsync(unsubscribe);
            case PingReqPacket: _outbox.Send(PingRespPacket.Instance); break;
            case DisconnectPacket disconnect: OnDisconnect(disconnect); break;
            case AuthPacket: throw new ProtocolViolation(ReasonCode.ProtocolError, "AUTH without an authentication method in CONNECT.");     // [MQTT-4.12.0-1]
            default: throw new ProtocolViolation(ReasonCode.ProtocolError, $"{packet.Type} is not for a client to send here.");              // a second CONNECT too [MQTT-3.1.0-2]
        }

        return default;
    }

    private void OnViolation(ProtocolViolation violation)
    {
        _parts.Refusals.Record(RefusalDoor.Protocol, ReasonName(violation.Reason), ClientId, _identity.Address, violation.Message, Peer());
        if (_principal is null) AnswerBadConnect(violation);
        var versionOfSecondConnect = violation.Reason == ReasonCode.UnsupportedProtocolVersion;      // has no place in DISCONNECT (MQTT 5 table 2-6)
        Close(versionOfSecondConnect ? ReasonCode.ProtocolError : violation.Reason, violation.Message);
    }

    /// <summary>Before it is known that a client speaks MQTT, and which, there is nothing to say [MQTT-3.1.4-1].</summary>
    private void AnswerBadConnect(ProtocolViolation violation)
    {
        if (violation.Reason != ReasonCode.UnsupportedProtocolVersion)      // that is said in words that any client knows [MQTT-3.1.2-2]
        {
            if (_reader.Version != ProtocolVersion.V5) return;              // 3.1.1 has no word for the rest
            _outbox.Version = ProtocolVersion.V5;
        }

        SendConnAckRefusal(violation.Reason, violation.Message);
    }

    private void Refuse(RefusalDoor door, string reason, string detail, string? clientId = null) =>
        _parts.Refusals.Record(door, reason, clientId ?? ClientId, _identity.Address, detail, Peer());

    /// <summary>Where the peer is, without its port.</summary>
    internal IPAddress? RemoteAddress => (_identity.RemoteEndPoint as IPEndPoint)?.Address;

    /// <summary>Read from the certificate once: somebody may be refused ten thousand times a second.</summary>
    private RefusedPeer? Peer() => _peer ??= RefusedPeer.Of(_identity.Certificate, _identity.Tls);

    /// <summary>The reason in words, unless the client does not want it or a packet, at most its own largest, could not hold it [MQTT-3.1.2-29] [MQTT-3.4.2-2].</summary>
    /// <param name="besides">Bytes of the packet that grow with what it answers.</param>
    private PropertyBlock Explain(string detail, int besides = 0)
    {
        if (Version != ProtocolVersion.V5 || !_mayExplain || detail.Contains('\0')) return PropertyBlock.None;
        const uint ForTheRest = 32;
        var room = Math.Min(_outbox.MaximumPacketSize ?? uint.MaxValue, ushort.MaxValue);
        return Encoding.UTF8.GetByteCount(detail) + besides + ForTheRest > room ? PropertyBlock.None : new PropertyBlock { ReasonString = detail };
    }

    private static string ReasonName(ReasonCode reason) => reason switch
    {
        ReasonCode.MalformedPacket => "malformed-packet",
        ReasonCode.UnsupportedProtocolVersion => "unsupported-protocol-version",
        ReasonCode.PacketTooLarge => "packet-too-large",
        ReasonCode.QuotaExceeded => "packet-quota-exceeded",
        ReasonCode.MessageRateTooHigh => "message-rate-too-high",
        ReasonCode.ReceiveMaximumExceeded => "receive-maximum-exceeded",
        ReasonCode.TopicAliasInvalid => "topic-alias-invalid",
        ReasonCode.TopicNameInvalid => "topic-name-invalid",
        ReasonCode.TopicFilterInvalid => "topic-filter-invalid",
        _ => "protocol-error",
    };
}
