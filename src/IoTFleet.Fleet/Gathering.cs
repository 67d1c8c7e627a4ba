namespace IoTFleet.Fleet;

/// <summary>
/// Lets items gather while they come so fast that the next commit will have several. A commit costs a flush and three wake-ups of threads, whatever
/// is in it: at 5,000 messages a second one for each message or two is most of what they cost, and one for six a part of it.
/// An item that comes alone is never held up.
/// </summary>
/// <param name="window">How long they gather, from one taking to the next: what the commit itself takes counts, so a slow disk makes nobody wait twice.</param>
/// <param name="clock">Tells how fast they come.</param>
public sealed class Gathering(TimeSpan window, TimeProvider clock) : IDisposable
{
    /// <summary>Items that a window must be expected to bring: fewer are not worth making the first of them wait.</summary>
    private const int Worth = 2;

    /// <summary>Items that wait already, and share a commit well enough: full speed knows no window.</summary>
    private const int Enough = 64;

    /// <summary>A wait that does not spin. Nobody is to end it: that would be the wake-up for each item that it is there to save.</summary>
    private readonly ManualResetEvent _never = new(false);
    private long _lastTaken = clock.GetTimestamp();
    private bool _pays;

    /// <summary>The commit takes so many, which came since the last one was told the same.</summary>
    public void Taken(int items)
    {
        var now = clock.GetTimestamp();
        _pays = Pays(items, clock.GetElapsedTime(_lastTaken, now));
        _lastTaken = now;
    }

    /// <summary>After the commit.</summary>
    /// <param name="waiting">Items that have come meanwhile.</param>
    public void Wait(int waiting)
    {
        if (!_pays || waiting >= Enough) return;
        var left = (window - clock.GetElapsedTime(_lastTaken)).TotalMilliseconds;
        if (left > 0) _never.WaitOne((int)Math.Round(left)); // whole milliseconds are what the runtime knows
    }

    internal bool Pays(int items, TimeSpan since) => items * window >= Worth * since && window > TimeSpan.Zero;

    public void Dispose() => _never.Dispose();
}
