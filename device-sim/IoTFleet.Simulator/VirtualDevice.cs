using IoTFleet.Device;

namespace IoTFleet.Simulator;

/// <summary>
/// One simulated device: a real SDK client with its own key, certificate and connection. Sends on schedule whatever the server does
/// (open loop), up to a bound of messages outstanding, and remembers which the server acknowledged.
/// </summary>
internal sealed class VirtualDevice(string id, FleetTally tally, TimeProvider clock) : IAsyncDisposable
{
    /// <summary>Messages outstanding on a schedule: a server may be away for that many periods before sending waits for it.</summary>
    public const int ScheduledWindow = 1000;

    /// <summary>Messages outstanding when the acks set the pace: enough to keep the SDK's own window full.</summary>
    public const int FlatOutWindow = 64;

    /// <summary>How much after its time a message may be sent without counting as late; timers and two busy cores need some.</summary>
    public static readonly TimeSpan Tolerance = TimeSpan.FromMilliseconds(100);

    private readonly Lock _gate = new();
    private readonly List<long> _acked = [];
    private readonly TaskCompletionSource<string> _refused = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _settled = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private DeviceClient? _client;
    private long _unsettled = 1; // the stream itself, then one for each message without an answer

    public string Id => id;

    /// <summary>Numbers below this belong to earlier runs: the SDK numbers a start's messages from the clock, in microseconds.</summary>
    public long FirstSequence { get; private set; }

    /// <summary>The earliest time the server may have filed one of this run's messages under.</summary>
    public DateTimeOffset EarliestTime { get; private set; }

    public bool IsConnected => _client?.State is DeviceState.Connected;

    public bool IsRefused => _client?.State is DeviceState.Refused;

    public long Reconnects => _client?.Reconnects ?? 0;

    /// <summary>Completes when the stream has ended and each of its messages has an answer.</summary>
    public Task Settled => _settled.Task;

    /// <summary>The numbers of the acknowledged messages.</summary>
    public long[] AckedSequences
    {
        get { lock (_gate) return [.. _acked]; }
    }

    /// <summary>Enrols if needed and connects.</summary>
    /// <exception cref="DeviceException">The device cannot run as configured, or the server refuses to enrol it.</exception>
    /// <exception cref="SimulatorException">The server turns the enrolled device away.</exception>
    public async Task StartAsync(DeviceOptions options, CancellationToken cancellationToken)
    {
        EarliestTime = clock.GetUtcNow().AddMinutes(-1); // the server's clock may be a little behind ours
        FirstSequence = (clock.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;
        _client = await DeviceClient.StartAsync(options with { StateChanged = OnState }, cancellationToken);
        var connected = _client.WaitConnectedAsync(cancellationToken);
        if (await Task.WhenAny(connected, _refused.Task) == _refused.Task)
            throw new SimulatorException($"The server turns {id} away: {await _refused.Task}");
        await connected;
    }

    /// <summary>Sends the messages, each when it is due, until they end or <paramref name="stop"/>.</summary>
    public async Task StreamAsync(IEnumerable<Measurement> measurements, int window, long started, CancellationToken stop)
    {
        var room = new SemaphoreSlim(window);
        try
        {
            foreach (var measurement in measurements)
            {
                if (measurement.Due is { } due) await WaitUntilAsync(due, started, stop);
                await room.WaitAsync(stop);
                CountLateness(measurement, started);
                _ = SendAsync(measurement, room); // outcomes are counted there; the window bounds how many run
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested) { } // how an endless stream ends
        finally { Settle(); }
    }

    public async ValueTask DisposeAsync()
    {
        if (_client is not null) await _client.DisposeAsync();
    }

    private async Task WaitUntilAsync(TimeSpan due, long started, CancellationToken stop)
    {
        var wait = due - clock.GetElapsedTime(started);
        if (wait > TimeSpan.Zero) await Task.Delay(wait, clock, stop);
        else stop.ThrowIfCancellationRequested();
    }

    private void CountLateness(Measurement measurement, long started)
    {
        if (measurement.Due is { } due && clock.GetElapsedTime(started) - due > Tolerance) tally.CountLate();
        if (measurement.Time < EarliestTime) EarliestTime = measurement.Time.Value;
    }

    private async Task SendAsync(Measurement measurement, SemaphoreSlim room)
    {
        Interlocked.Increment(ref _unsettled);
        tally.CountSent();
        var sent = clock.GetTimestamp();
        try
        {
            var receipt = await _client!.PublishAsync(null, measurement.Body, CancellationToken.None);
            lock (_gate) _acked.Add(receipt.Sequence);
            tally.CountAcked(clock.GetElapsedTime(sent));
        }
        catch (DeviceException e) when (e.Error == DeviceError.PublishRefused) { tally.CountRefused(); }
        catch (DeviceException e) when (e.Error == DeviceError.Stopped) { } // abandoned: stays unacked
        finally
        {
            room.Release();
            Settle();
        }
    }

    private void Settle()
    {
        if (Interlocked.Decrement(ref _unsettled) == 0) _settled.TrySetResult();
    }

    private void OnState(DeviceState state)
    {
        if (state is DeviceState.Refused refused) _refused.TrySetResult(refused.Reason);
    }
}
