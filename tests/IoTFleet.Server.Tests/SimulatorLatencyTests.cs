using IoTFleet.Simulator;

namespace IoTFleet.Server.Tests;

public sealed class SimulatorLatencyTests
{
    [Fact]
    public void Histogram_without_values_has_no_percentile() => Assert.Null(new LatencyHistogram().Percentile(0.5));

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(31)]
    [InlineData(32)]
    [InlineData(63)]
    [InlineData(64)]
    [InlineData(1_000_003)]
    [InlineData(86_400_000_000)]
    public void Percentile_is_never_below_the_value_and_at_most_three_percent_above(long microseconds)
    {
        var histogram = new LatencyHistogram();
        histogram.Record(TimeSpan.FromMicroseconds(microseconds));

        Assert.InRange(histogram.Percentile(1)!.Value.TotalMicroseconds, microseconds, microseconds * 1.032);
    }

    [Fact]
    public void Percentiles_split_the_values_where_they_should()
    {
        var histogram = new LatencyHistogram();
        for (var milliseconds = 1; milliseconds <= 100; milliseconds++) histogram.Record(TimeSpan.FromMilliseconds(milliseconds));

        Assert.Equal(100, histogram.Count);
        Assert.InRange(histogram.Percentile(0.50)!.Value.TotalMilliseconds, 50, 51.6);
        Assert.InRange(histogram.Percentile(0.99)!.Value.TotalMilliseconds, 99, 102.2);
    }

    [Fact]
    public void Throughput_is_taken_over_the_last_seconds_only()
    {
        var throughput = new Throughput();

        throughput.Of(At(0, 0));
        Assert.Equal(100, throughput.Of(At(1, 100)));
        throughput.Of(At(5, 500));
        Assert.Equal(0, throughput.Of(At(12, 500)));
    }

    private static Snapshot At(double seconds, long acked) => new()
    {
        Elapsed = TimeSpan.FromSeconds(seconds),
        Acked = acked,
        Devices = 1,
        Connected = 1,
        Sent = acked,
        Refused = 0,
        Late = 0,
        Reconnects = 0,
        AckMedian = null,
        AckP99 = null,
        ServerAnswers = true,
        Stored = 0,
        RefusedByServer = 0,
    };
}
