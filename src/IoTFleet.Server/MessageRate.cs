using IoTFleet.Broker;

namespace IoTFleet.Server;

/// <summary>Messages a second over the last few seconds, for people to look at.</summary>
internal sealed class MessageRate : IDisposable
{
    private const int Seconds = 5;

    private readonly Lock _gate = new();
    private readonly Queue<(long Timestamp, long Messages)> _samples = new();
    private readonly BrokerMetrics _metrics;
    private readonly TimeProvider _clock;
    private readonly ITimer _timer;

    public MessageRate(BrokerMetrics metrics, TimeProvider clock)
    {
        (_metrics, _clock) = (metrics, clock);
        _timer = clock.CreateTimer(static rate => ((MessageRate)rate!).Sample(), this, TimeSpan.Zero, TimeSpan.FromSeconds(1));
    }

    public double PerSecond
    {
        get
        {
            lock (_gate)
            {
                if (!_samples.TryPeek(out var first)) return 0;
                var seconds = _clock.GetElapsedTime(first.Timestamp).TotalSeconds;
                return seconds < 0.5 ? 0 : (_metrics.MessagesReceived - first.Messages) / seconds;
            }
        }
    }

    public void Dispose() => _timer.Dispose();

    private void Sample()
    {
        lock (_gate)
        {
            _samples.Enqueue((_clock.GetTimestamp(), _metrics.MessagesReceived));
            if (_samples.Count > Seconds) _samples.Dequeue();
        }
    }
}
