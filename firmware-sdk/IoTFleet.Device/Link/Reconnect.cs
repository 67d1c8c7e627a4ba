using IoTFleet.Mqtt;

namespace IoTFleet.Device.Link;

/// <summary>
/// How long to wait before the next attempt: exponential with full jitter, so that a fleet cut off at one moment does not come
/// back at one moment; longer where the server has said so.
/// </summary>
/// <param name="least">No wait is shorter.</param>
/// <param name="most">No wait is longer, unless the server asks for it.</param>
/// <param name="random">Uniform in [0, 1).</param>
internal sealed class Reconnect(TimeSpan least, TimeSpan most, Func<double> random)
{
    /// <summary>Two clients with one identity throw each other out so often; a person who tries something with a device's key for a moment does not.</summary>
    public const int TakeoversInARow = 3;

    public static readonly TimeSpan AfterTakeovers = TimeSpan.FromHours(1);

    private const int BusyFactor = 10;

    private static readonly TimeSpan StableAfter = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan LongestAsked = TimeSpan.FromDays(1);     // a mistake in a header must not lose a device for good

    private int _attempts;
    private int _takeovers;

    public TimeSpan Next()
    {
        var doublings = Math.Min(++_attempts, 30);
        var ceiling = Math.Min(most.Ticks, least.Ticks * Math.Pow(2, doublings));
        return least + Spread(TimeSpan.FromTicks((long)ceiling) - least);
    }

    /// <summary>The wait after a connection's end, and that end with what the server may not have said in words.</summary>
    public (TimeSpan Wait, LinkEnd End) After(LinkEnd end)
    {
        var wait = Next();
        if (end.IsBusy)
            wait = Later(wait, least * BusyFactor + Spread(least * BusyFactor));
        if (end.RetryAfter is { } asked)
            wait = Later(wait, Asked(asked));
        if (end.Code != ReasonCode.SessionTakenOver || ++_takeovers < TakeoversInARow)
            return (wait, end);
        var why = $"{end.Why} Another client connects as this device, again and again: find it and give it an identity of its own. Until then this one tries once an hour, or when it is started anew.";
        return (AfterTakeovers + Spread(AfterTakeovers / 10), end with { Why = why });
    }

    /// <summary>What a server has asked for, a little spread, because it may have asked many.</summary>
    public TimeSpan Asked(TimeSpan asked)
    {
        var wait = asked < LongestAsked ? asked : LongestAsked;
        return wait + Spread(wait < most ? wait / 10 : most / 10);
    }

    /// <summary>
    /// A connection that lived for a minute is a reason to start from the shortest wait again; one that was refused at once is not. An hour in peace makes up for one takeover.
    /// </summary>
    public void Lived(TimeSpan connected)
    {
        if (connected >= StableAfter)
            _attempts = 0;
        _takeovers = (int)Math.Max(0, _takeovers - Math.Floor(connected / AfterTakeovers));
    }

    private TimeSpan Spread(TimeSpan range) => range * random();

    private static TimeSpan Later(TimeSpan one, TimeSpan other) => one > other ? one : other;
}
