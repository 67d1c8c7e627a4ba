namespace IoTFleet.Device.Link;

/// <summary>
/// How long to wait before the next attempt: exponential with full jitter, so that a fleet cut off at one moment does not come
/// back at one moment.
/// </summary>
/// <param name="least">No wait is shorter.</param>
/// <param name="most">No wait is longer.</param>
/// <param name="random">Uniform in [0, 1).</param>
internal sealed class Reconnect(TimeSpan least, TimeSpan most, Func<double> random)
{
    private static readonly TimeSpan StableAfter = TimeSpan.FromMinutes(1);

    private int _attempts;

    public TimeSpan Next()
    {
        var doublings = Math.Min(++_attempts, 30);
        var ceiling = Math.Min(most.Ticks, least.Ticks * Math.Pow(2, doublings));
        return least + TimeSpan.FromTicks((long)(random() * (ceiling - least.Ticks)));
    }

    /// <summary>A connection that lived is a reason to start from the shortest wait again; one that was refused at once is not.</summary>
    public void Lived(TimeSpan connected)
    {
        if (connected >= StableAfter)
            _attempts = 0;
    }
}
