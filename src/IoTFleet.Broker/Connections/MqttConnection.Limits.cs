using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;

namespace IoTFleet.Broker.Connections;

// How much a client may send in a time, and how long it may leave unread what it is sent.
internal sealed partial class MqttConnection
{
    private InboundRate? _rate;                     // made by the first packet that counts: most connections are idle
    private (int Flushes, long Since) _stuck;       // the sweep's own

    /// <summary>Called by the sweep: who lets its outbox fill up and takes nothing from it holds memory for nothing.</summary>
    public void CloseIfStuck()
    {
        if (_session is null || IsClosing) return;
        if (_outbox.HasRoom || _stuck.Flushes != _outbox.Flushes || _stuck.Since == 0)
        {
            _stuck = (_outbox.Flushes, _outbox.HasRoom ? 0 : _parts.Clock.GetTimestamp());
            return;
        }

        if (_parts.Clock.GetElapsedTime(_stuck.Since) < _parts.Options.SlowClientTimeout) return;
        var detail = $"the client reads nothing while its outbox is full, for {_parts.Options.SlowClientTimeout.TotalSeconds:0} s";
        Refuse(RefusalDoor.Protocol, "slow-client", detail);
        Close(ReasonCode.QuotaExceeded, detail);
    }

    /// <summary>Holds the reader of a client that sends too much, so that TCP holds the client; one that does not slow down in time has to go.</summary>
    private ValueTask KeepToRateAsync(Packet packet, long bytes)
    {
        _rate ??= new InboundRate(
            (double)_parts.Options.MaxPacketRate * _principal!.RateShare, (double)_parts.Options.MaxByteRate * _principal.RateShare, _parts.Clock);
        var pause = _rate.Take(PacketsIn(packet), bytes);
        return pause == TimeSpan.Zero ? default : PauseAsync(pause, _rate.HeldFor);
    }

    /// <summary>Each filter is work of its own; acknowledgements are as many as the messages we sent.</summary>
    private static int PacketsIn(Packet packet) => packet switch
    {
        SubscribePacket subscribe => subscribe.Subscriptions.Count,
        UnsubscribePacket unsubscribe => unsubscribe.Filters.Count,
        AckPacket => 0,
        _ => 1,
    };

    private async ValueTask PauseAsync(TimeSpan pause, TimeSpan heldFor)
    {
        if (heldFor >= _parts.Options.MaxTimeOverRate)
        {
            throw new ProtocolViolation(ReasonCode.MessageRateTooHigh,
                $"More than {_parts.Options.MaxPacketRate * _principal!.RateShare} packets or {(long)_parts.Options.MaxByteRate * _principal.RateShare} bytes a second for {heldFor.TotalSeconds:0} s.");
        }

        _parts.Metrics.Paused();
        _keepAliveRests = true;     // a client that is not read is not silent
        try
        {
            await Task.Delay(pause, _parts.Clock, _closing.Token);
        }
        finally
        {
            Heard();
            _keepAliveRests = false;
        }
    }
}
