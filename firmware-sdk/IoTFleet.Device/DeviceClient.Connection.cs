using IoTFleet.Device.Link;
using IoTFleet.Device.Renewal;
using IoTFleet.Mqtt;

namespace IoTFleet.Device;

public sealed partial class DeviceClient
{
    private bool _hasMoved;                                    // the connection's loop's own, as all of this

    // The client's background task: one connection after the other until it is disposed.
    private async Task StayConnectedAsync()
    {
        while (!_stopping.IsCancellationRequested)
        {
            var end = await ConnectOnceAsync();
            if (!_stopping.IsCancellationRequested && end != LinkEnd.Renewed)
                await WaitAsync(end);
        }

        _outbox.Close();
        _inbox.Close();
        _states.Enter(new DeviceState.Stopped());
    }

    private async Task<LinkEnd> ConnectOnceAsync()
    {
        _states.Enter(new DeviceState.Connecting());
        var connections = _connections;
        var end = await AttemptAsync();
        if (end.Refused && !_stopping.IsCancellationRequested)
            end = await ExplainAsync(end);
        GoWhereSent(end, wasConnected: connections < _connections);
        return end;
    }

    private async Task<LinkEnd> AttemptAsync()
    {
        using var deadline = new CancellationTokenSource(_options.ConnectTimeout, _options.Clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, _stopping.Token);
        try
        {
            await using var link = new BrokerLink(_options, await _dial(either.Token), _outbox, _inbox, _answers, _ledger, _doorbell) { TrustBundleVersion = TrustBundleVersion };
            var refusal = await link.OpenAsync(either.Token);
            deadline.CancelAfter(Timeout.InfiniteTimeSpan);    // met: a device at rest is not woken for it
            return refusal ?? await RunAsync(link);
        }
        catch (OperationCanceledException) when (deadline.IsCancellationRequested)
        {
            return new LinkEnd($"The connection was not ready within {_options.ConnectTimeout.TotalSeconds} s.");
        }
        catch (Exception error)
        {
            return LinkEnd.From(error);
        }
    }

    private async Task<LinkEnd> RunAsync(BrokerLink link)
    {
        var connectedAt = _options.Clock.GetTimestamp();
        Interlocked.Increment(ref _connections);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(_stopping.Token);
        (_link, _open) = (ending, link);
        try
        {
            if (_identified is { } own)
                await own.Slots.ConfirmAsync(own.Dialer.Used, _stopping.Token);
            _states.Enter(new DeviceState.Connected(_options.Clock.GetUtcNow()));
            if (_identified is { } same && !ReferenceEquals(same.Slots.ForConnection(), same.Dialer.Used))
                await ending.CancelAsync();                    // renewed between the dialling and now
            var end = await link.RunAsync(ending.Token);
            return ending.IsCancellationRequested && !_stopping.IsCancellationRequested ? LinkEnd.Renewed : end;
        }
        finally
        {
            (_link, _open) = (null, null);
            _reconnect.Lived(_options.Clock.GetElapsedTime(connectedAt));
        }
    }

    // The renewed certificate is waiting: with a goodbye, so that the session goes on where it was.
    private void MakeConnectionAnew() => Cancel(_link);

    // TLS does not say why it was closed, and a word at CONNECT may be about the certificate: the server is asked, with a proof of the key. Only then is it known whether the
    // device was refused, or the server went away in that moment.
    private async Task<LinkEnd> ExplainAsync(LinkEnd refusal)
    {
        if (_identified is not { } own || refusal.Code == ReasonCode.SessionTakenOver)
            return refusal;
        var used = own.Dialer.Used;
        CertificateStatus? status;
        try
        {
            status = await new RenewalClient(_options, own.Trust).StatusAsync(used, _stopping.Token);
        }
        catch (OperationCanceledException)
        {
            return LinkEnd.Stopped;
        }

        if (status is { IsOk: false })
        {
            own.Slots.Refuse(used);
            return refusal with { Why = $"{refusal.Why} Its status is {status.Status}: {status.WhatToDo}", RetryAfter = status.RetryAfter };
        }

        if (refusal.Code is not null)
            return refusal;
        var word = status is null ? "Nobody answers at its status address: the server is rather away." : "Its status address says that the certificate is in order, so it was something else.";
        return refusal with { Why = $"{refusal.Why} {word}", Refused = false };
    }

    // To another server for one connection, or when this one has moved for as long as that one takes it. It must prove itself as any server of the fleet.
    private void GoWhereSent(LinkEnd end, bool wasConnected)
    {
        if (_identified is not { Dialer: var dialer } || end == LinkEnd.Renewed)
            return;
        if (BrokerAddress.Read(end.Elsewhere, _options.BrokerPort) is { } elsewhere)
            (dialer.Elsewhere, _hasMoved) = (elsewhere, end.Code == ReasonCode.ServerMoved);
        else if (!wasConnected || !_hasMoved)
            dialer.Elsewhere = null;
    }

    private async Task WaitAsync(LinkEnd after)
    {
        var (wait, end) = _reconnect.After(after);
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(_stopping.Token);
        _pause = end.IsServersWish ? null : enough;            // another network does not change the server's mind
        _states.Enter(end.ToState(_options.Clock.GetUtcNow() + wait));
        if (WasToldToTryNow() && !end.IsServersWish)
            await enough.CancelAsync();
        try
        {
            await Task.Delay(wait, _options.Clock, enough.Token);
        }
        catch (OperationCanceledException)
        {
            // Disposed, which the loop sees, or there is reason to try now.
        }

        _pause = null;
        Volatile.Write(ref _tryNowAt, 0);
    }

    // While the attempt was under way that has just failed, or the connection that was found dead because of it.
    private bool WasToldToTryNow() =>
        Interlocked.Exchange(ref _tryNowAt, 0) is not 0 and var at && _options.Clock.GetElapsedTime(at) <= _options.ConnectTimeout + _options.AckTimeout;

    private static void Cancel(CancellationTokenSource? source)
    {
        try
        {
            source?.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // What it was for has ended by itself.
        }
    }
}
