namespace IoTFleet.Broker.Figures;

/// <summary>How much of something happens in a minute, averaged over the last 1, 5 and 15 minutes, older ones counting ever less: mosquitto's "load".</summary>
internal sealed class MovingRate
{
    private static readonly TimeSpan[] Spans = [TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(5), TimeSpan.FromMinutes(15)];

    private readonly double[] _averages = new double[Spans.Length];
    private long _total;

    public double OneMinute => _averages[0];

    public double FiveMinutes => _averages[1];

    public double FifteenMinutes => _averages[2];

    /// <param name="total">How much there has been altogether, <paramref name="elapsed"/> after the last time.</param>
    public void Update(long total, TimeSpan elapsed)
    {
        var perMinute = (total - _total) / elapsed.TotalMinutes;
        _total = total;
        for (var i = 0; i < Spans.Length; i++)
        {
            var kept = Math.Exp(-(elapsed / Spans[i]));
            _averages[i] = perMinute + kept * (_averages[i] - perMinute);
        }
    }
}
