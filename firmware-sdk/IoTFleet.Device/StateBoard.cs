namespace IoTFleet.Device;

/// <summary>
/// Holds the present <see cref="DeviceState"/> and tells who waits for a change. One writer: first the enroller, then the connection's loop.
/// </summary>
internal sealed class StateBoard(Action<DeviceState>? changed)
{
    private volatile Entry _current = new(new DeviceState.Connecting());

    public DeviceState Current => _current.State;

    public void Enter(DeviceState state)
    {
        var before = _current;
        _current = new Entry(state);
        before.Left.TrySetResult();
        try
        {
            changed?.Invoke(state);
        }
        catch (Exception)
        {
            // The application's mistake; a device must not lose its connection over it.
        }
    }

    public async Task WaitConnectedAsync(CancellationToken cancellation)
    {
        while (true)
        {
            var entry = _current;
            if (entry.State is DeviceState.Connected)
                return;
            if (entry.State is DeviceState.Stopped)
                throw new DeviceException(DeviceError.Stopped, "The device client was disposed before it was connected.");
            await entry.Left.Task.WaitAsync(cancellation);
        }
    }

    private sealed class Entry(DeviceState state)
    {
        public DeviceState State { get; } = state;

        public TaskCompletionSource Left { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
