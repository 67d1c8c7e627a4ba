using System.Runtime.CompilerServices;
using IoTFleet.Device.Commands;
using IoTFleet.Device.Telemetry;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Wire;

namespace IoTFleet.Device.Link;

internal sealed partial class BrokerLink
{
    private const int EnoughForOneWrite = 16 * 1024;           // one TLS record

    private long _lastSentAt;

    private async Task<LinkEnd> WriteLoopAsync(CancellationToken ending)
    {
        while (true)
        {
            while (WritePending())
                await FlushAsync(_cut.Token);                  // not `ending`: half a packet on the wire would swallow the goodbye
            await _doorbell.WaitAsync(ending);
        }
    }

    // All there is to say, up to one record; false when there is nothing.
    private bool WritePending()
    {
        WriteCommandAcks();
        if (Interlocked.Exchange(ref _pingDue, 0) == 1)
            Write(PingReqPacket.Instance);
        while (_output.UnflushedBytes < EnoughForOneWrite && _answers.TryTake(_receiveMaximum - _outbox.OnTheirWay - _answers.OnTheirWay, out var answer))
            WriteOrRefuse(answer);
        while (_output.UnflushedBytes < EnoughForOneWrite && _outbox.TryTake(Math.Min(_window, _receiveMaximum - _answers.OnTheirWay), out var message))
            WriteOrRefuse(message);
        return _output.UnflushedBytes > 0;
    }

    private void WriteCommandAcks()
    {
        while (_inbox.TryTakeAck(out var packetId))
            Write(new PubAckPacket { PacketId = packetId });
    }

    private void WriteOrRefuse(OutboxMessage message)
    {
        try
        {
            var packet = message.ToPacket(_options.Protocol, _outbox.PayloadOf(message));
            if (PacketWriter.Measure(packet, _options.Protocol) <= _largestPacket)
            {
                Write(packet);
                return;
            }
        }
        catch (DeviceException unreadable)
        {
            _outbox.Settle(message.PacketId);
            Tell(message.Fail(unreadable));
            return;
        }

        _outbox.Settle(message.PacketId);
        Tell(message.Refuse(ReasonCode.PacketTooLarge, $"the server takes packets of up to {_largestPacket} bytes"));
    }

    private void WriteOrRefuse(PendingAnswer answer)
    {
        var packet = answer.ToPacket();
        if (PacketWriter.Measure(packet, _options.Protocol) <= _largestPacket)
        {
            Write(packet);
            return;
        }

        _answers.Settle(answer.PacketId);
        _ = _ledger.StoredAsync(answer.CommandId);
        Tell(new DeviceException(DeviceError.CommandFailed, $"The answer to command {answer.CommandId} is too large: the server takes packets of up to {_largestPacket} bytes."));
    }

    // About a message that nobody waits for.
    private void Tell(DeviceException? trouble)
    {
        if (trouble is not null)
            _options.TroubleMet?.Invoke(trouble);
    }

    private async Task SayGoodbyeAsync(ReasonCode reason)
    {
        try
        {
            WriteCommandAcks();
            Write(new DisconnectPacket { Reason = reason });
            await FlushAsync(_cut.Token);
        }
        catch (Exception error) when (error is IOException or OperationCanceledException)
        {
            // The server is gone already: nobody is left to be told.
        }
    }

    private void Write(Packet packet) => PacketWriter.Write(_output, packet, _options.Protocol);

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask FlushAsync(CancellationToken cancellation)
    {
        await _output.FlushAsync(cancellation);
        Volatile.Write(ref _lastSentAt, _options.Clock.GetTimestamp());
        if (Volatile.Read(ref _checkIsFar) && IsUnanswered())
            CheckSooner();
    }
}
