using IoTFleet.Device.Link;

namespace IoTFleet.Device;

public sealed partial class DeviceClient
{
    // The client's background task: one connection after the other until it is disposed.
    private async Task StayConnectedAsync()
    {
        while (!_stopping.IsCancellationRequested)
        {
            var end = await ConnectOnceAsync();
            if (!_stopping.IsCancellationRequested)
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
            await using var link = new BrokerLink(_options, await _dial(either.Token), _outbox, _inbox, _doorbell);
            return await link.OpenAsync(either.Token) ?? await RunAsync(link);
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
        _states.Enter(new DeviceState.Connected(_options.Clock.GetUtcNow()));
        var end = await link.RunAsync(_stopping.Token);
        _reconnect.Lived(_options.Clock.GetElapsedTime(connectedAt));
        return end;
    }

    private async Task WaitAsync(LinkEnd end)
    {
        var wait = _reconnect.Next();
        _states.Enter(end.ToState(_options.Clock.GetUtcNow() + wait));
        try
        {
            await Task.Delay(wait, _options.Clock, _stopping.Token);
        }
        catch (OperationCanceledException)
        {
            // Disposed: the loop sees it.
        }
    }
}
