using IoTFleet.Device.Renewal;

namespace IoTFleet.Device.Tests;

public sealed class RenewalTimesTests
{
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly TimeSpan Month = TimeSpan.FromDays(30);

    [Fact]
    public void Unadvised_a_fleet_renews_around_two_thirds_of_life_spread_over_a_fifth_of_that()
    {
        var shares = Enumerable.Range(0, 1_000).Select(n => (RenewalTimes.Unadvised($"d-{n}", Start, Start + Month) - Start) / Month).Order().ToArray();

        Assert.InRange(shares[0], 0.6, 0.61);
        Assert.InRange(shares[^1], 0.72, 0.734);
        Assert.InRange(shares.Average(), 0.66, 0.674);
    }

    [Fact]
    public void A_device_keeps_its_place_in_the_servers_window()
    {
        var advice = new RenewalAdvice(Start, Start + TimeSpan.FromHours(1), TimeSpan.FromHours(6));

        Assert.InRange(RenewalTimes.Within(advice, "pump-7"), advice.Start, advice.End);
        Assert.Equal(RenewalTimes.Within(advice, "pump-7"), RenewalTimes.Within(advice, "pump-7"));
        Assert.NotEqual(RenewalTimes.Within(advice, "pump-7"), RenewalTimes.Within(advice, "pump-8"));
    }

    [Fact]
    public void Waits_double_from_an_hour_to_six_while_there_is_time()
    {
        var waits = Enumerable.Range(1, 5).Select(failures => RenewalTimes.Retry(Month, TimeSpan.FromDays(10), failures, asked: null, random: 0.5).TotalHours);

        Assert.Equal([1, 2, 4, 6, 6], waits);
    }

    [Theory]
    [InlineData(0.0)]
    [InlineData(0.999)]
    public void However_long_the_outage_the_next_attempt_comes_before_the_end(double random)
    {
        var remaining = TimeSpan.FromMinutes(7);
        for (var failures = 1; remaining > TimeSpan.FromSeconds(2); failures++)
        {
            var wait = RenewalTimes.Retry(TimeSpan.FromMinutes(10), remaining, failures, asked: null, random);
            Assert.True(wait < remaining, $"attempt {failures}: {wait} of {remaining}");
            remaining -= wait;
        }
    }

    [Fact]
    public void A_turn_that_the_server_gave_is_kept_to_the_second() =>
        Assert.Equal(TimeSpan.FromSeconds(42), RenewalTimes.Retry(Month, TimeSpan.FromDays(10), 3, TimeSpan.FromSeconds(42), random: 0.9));

    [Fact]
    public void After_the_end_attempts_go_on_at_the_pace_of_the_failures() =>
        Assert.Equal(TimeSpan.FromHours(1), RenewalTimes.Retry(Month, TimeSpan.FromDays(-1), 1, asked: null, random: 0.5));
}
