using IoTFleet.Broker.Routing;
using IoTFleet.Broker.Sessions;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;

namespace IoTFleet.Broker.Connections;

// DISCONNECT, keep-alive, and the one place a connection ends.
internal sealed partial class MqttConnection
{
    private Will? _will;
    private TimeSpan _sessionExpiry;
    private TimeSpan _keepAlive;
    private long _lastHeard;
    private volatile bool _keepAliveRests;
    private Ending? _ending;

    private bool IsClosing => _closing.IsCancellationRequested;

    /// <summary>Ends the connection from any thread; the first reason stands. The read loop sees it and does the rest.</summary>
    /// <param name="silently">No DISCONNECT: the peer has been told otherwise, or said goodbye itself.</param>
    public void Close(ReasonCode reason, string detail, bool silently = false)
    {
        if (Interlocked.CompareExchange(ref _ending, new Ending(reason, detail, TellPeer: !silently), null) is not null) return;
        _closing.Cancel();
        _input.CancelPendingRead();
    }

    /// <summary>Called by the sweep: silence of one and a half keep-alives ends the connection [MQTT-3.1.2-22].</summary>
    public void CloseIfSilent()
    {
        if (_session is null || _keepAlive == TimeSpan.Zero || _keepAliveRests) return;
        if (_parts.Clock.GetElapsedTime(Volatile.Read(ref _lastHeard)) <= _keepAlive * 1.5) return;
        Close(ReasonCode.KeepAliveTimeout, $"nothing heard for one and a half times the keep-alive of {_keepAlive.TotalSeconds:0} s");
    }

    /// <summary>Completes when every message accepted from this client is committed and routed, or could not be.</summary>
    public Task WhenAcknowledgedAsync() => _acks?.WhenEmptyAsync() ?? Task.CompletedTask;

    private void Heard() => Volatile.Write(ref _lastHeard, _parts.Clock.GetTimestamp());

    private void StartKeepAlive(ushort seconds)
    {
        Heard();                                            // the admission may have taken long
        var asked = TimeSpan.FromSeconds(seconds);
        var mayReplace = Version == ProtocolVersion.V5;     // a 3.1.1 client cannot be told another value, so its own choice stands
        _keepAlive = mayReplace && (seconds == 0 || asked > _parts.Options.MaxKeepAlive) ? _parts.Options.MaxKeepAlive : asked;
    }

    private void OnDisconnect(DisconnectPacket disconnect)
    {
        if (disconnect.Properties.SessionExpiryInterval is { } seconds)
        {
            if (_sessionExpiry == TimeSpan.Zero && seconds != 0) throw new ProtocolViolation(ReasonCode.ProtocolError, "DISCONNECT may not start a session expiry that CONNECT set to 0.");     // 3.14.2.2.2
            _sessionExpiry = Capped(seconds);
        }

        if (disconnect.Reason == ReasonCode.Success) _will = null;      // [MQTT-3.1.2-10]: no other reason takes the will back
        Close(disconnect.Reason, "the client said goodbye", silently: true);
    }

    /// <summary>In this order: let go of the session and leave the will, say why, let the output drain, cut, give the transport back.</summary>
    private async Task EndAsync()
    {
        Close(ReasonCode.Success, "the peer closed the connection", silently: true);     // stands when nobody closed it: then the peer is gone
        var ending = _ending!;
        if (ending.Reason == ReasonCode.ServerShuttingDown) await WithinCloseTimeoutAsync(WhenAcknowledgedAsync());
        LetGo(ending);
        if (ending.TellPeer && _session is not null && Version == ProtocolVersion.V5)
        {
            _outbox.Send(new DisconnectPacket { Reason = ending.Reason, Properties = Explain(ending.Detail) });
        }

        await GiveBackTransportAsync();
    }

    private async Task GiveBackTransportAsync()
    {
        try
        {
            if (!await WithinCloseTimeoutAsync(_outbox.WhenDrainedAsync())) _transport.Abort();
            await _outbox.CutAsync();
            await _input.CompleteAsync();
            await _transport.Transport.Output.CompleteAsync();
        }
        finally
        {
            _gone.SetResult();
        }
    }

    private void LetGo(Ending ending)
    {
        try
        {
            if (_session is not null) Release(_session, _principal!, ending);
        }
        finally
        {
            _ended.SetResult();     // whatever happens: the client's next connection waits for this
        }
    }

    private void Release(Session session, Principal principal, Ending ending)
    {
        session.Detach(_outbox, WhenAcknowledgedAsync());
        _parts.Metrics.ClientGone();
        _parts.Logger.Disconnected(principal.ClientId, ending.Reason, ending.Detail);
        if (_parts.Sessions.Release(this, principal.ClientId, _sessionExpiry, _will) is { } due) _parts.Wills.Publish(due, lastWords: WhenAcknowledgedAsync());
    }

    private async Task<bool> WithinCloseTimeoutAsync(Task task)
    {
        try
        {
            await task.WaitAsync(_parts.Options.CloseTimeout, _parts.Clock);
            return true;
        }
        catch (TimeoutException)
        {
            return false;       // the peer does not read, or the store stands still: closing does not wait for either
        }
    }

    /// <summary>Why the connection ends. One object, so that whoever ends it never sees half of it.</summary>
    private sealed record Ending(ReasonCode Reason, string Detail, bool TellPeer);
}
