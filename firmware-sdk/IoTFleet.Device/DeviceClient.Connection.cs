using IoTFleet.Device.Link;
using IoTFleet.Device.Renewal;

namespace IoTFleet.Device;

public sealed partial class DeviceClient
{
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
        using var deadline = new CancellationTokenSource(_options.ConnectTimeout, _options.Clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, _stopping.Token);
        try
        {
            await using var link = new BrokerLink(_options, await _dial(either.Token), _outbox, _inbox, _answers, _ledger, _doorbell) { TrustBundleVersion = TrustBundleVersion };
            var refusal = await link.OpenAsync(either.Token);
            deadline.CancelAfter(Timeout.InfiniteTimeSpan);    // met: a device at rest is not woken for it
            return refusal is null ? await RunAsync(link) : await OnRefusedAsync(refusal);
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
        if (_identified is { } own)
            await own.Slots.ConfirmAsync(own.Dialer.Used, _stopping.Token);
        _states.Enter(new DeviceState.Connected(_options.Clock.GetUtcNow()));
        if (_identified is { } same && !ReferenceEquals(same.Slots.ForConnection(), same.Dialer.Used))
            await ending.CancelAsync();                        // renewed between the dialling and now
        var end = await link.RunAsync(ending.Token);
        (_link, _open) = (null, null);
        _reconnect.Lived(_options.Clock.GetElapsedTime(connectedAt));
        return ending.IsCancellationRequested && !_stopping.IsCancellationRequested ? LinkEnd.Renewed : end;
    }

    // The renewed certificate is waiting: with a goodbye, so that the session goes on where it was.
    private void MakeConnectionAnew() => Cancel(_link);

    // TLS does not say why it was closed, and a word at CONNECT may be about the certificate: the server is asked, with a proof of the key.
    private async Task<LinkEnd> OnRefusedAsync(LinkEnd refusal)
    {
        if (!refusal.Refused || _identified is not { } own)
            return refusal;
        var used = own.Dialer.Used;
        if (await new RenewalClient(_options, own.Trust).StatusAsync(used, _stopping.Token) is not { } status)
            return refusal;
        if (status.IsOk)
            return refusal;
        own.Slots.Refuse(used);
        return refusal with { Why = $"{refusal.Why} Its status is {status.Status}: {status.WhatToDo}", RetryAfter = status.RetryAfter };
    }

    private async Task WaitAsync(LinkEnd end)
    {
        var wait = _reconnect.Next();
        if (end.RetryAfter is { } asked && asked > wait)
            wait = asked < _options.BackoffMax ? asked : _options.BackoffMax;
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(_stopping.Token);
        _pause = end.Refused || end.RetryAfter is not null ? null : enough;   // another network does not change the server's mind
        _states.Enter(end.ToState(_options.Clock.GetUtcNow() + wait));
        try
        {
            await Task.Delay(wait, _options.Clock, enough.Token);
        }
        catch (OperationCanceledException)
        {
            // Disposed, which the loop sees, or there is reason to try now.
        }

        _pause = null;
    }

    private void OnNetworkChanged(object? sender, EventArgs change)
    {
        // Interfaces come with several addresses, each with an event; and who has no route yet fails at once and must not go round and round.
        var now = _options.Clock.GetTimestamp();
        var last = Volatile.Read(ref _networkChangedAt);
        if (last == 0 || _options.Clock.GetElapsedTime(last, now) >= BetweenNetworkChanges)
        {
            Volatile.Write(ref _networkChangedAt, now);
            TryNow();
        }
    }

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
