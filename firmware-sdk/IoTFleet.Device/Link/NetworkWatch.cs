using System.Net.NetworkInformation;

namespace IoTFleet.Device.Link;

/// <summary>
/// Hears of new addresses of this machine. An interface comes with several, each with an event: the first is told at once, those within the next seconds as one at their
/// end, because the address that matters may be the last; and who has no route yet, fails at once and is told again must not go round and round.
/// </summary>
internal sealed class NetworkWatch : IDisposable
{
    private static readonly TimeSpan Between = TimeSpan.FromSeconds(5);

    private readonly Lock _gate = new();
    private readonly Action _changed;
    private readonly ITimer _timer;
    private bool _isTold;                                      // a few seconds ago
    private bool _hasChangedSince;

    public NetworkWatch(TimeProvider clock, Action changed)
    {
        (_changed, _timer) = (changed, clock.CreateTimer(_ => OnTime(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan));
        NetworkChange.NetworkAddressChanged += OnChanged;
    }

    public void OnChanged(object? sender, EventArgs change)
    {
        lock (_gate)
        {
            _hasChangedSince = _isTold;
            if (_isTold)
                return;
            Rest_NeedsGate();
        }

        _changed();
    }

    public void Dispose()
    {
        NetworkChange.NetworkAddressChanged -= OnChanged;
        _timer.Dispose();
    }

    private void OnTime()
    {
        lock (_gate)
        {
            _isTold = false;
            if (!_hasChangedSince)
                return;
            Rest_NeedsGate();
        }

        _changed();
    }

    private void Rest_NeedsGate()
    {
        (_isTold, _hasChangedSince) = (true, false);
        _timer.Change(Between, Timeout.InfiniteTimeSpan);
    }
}
