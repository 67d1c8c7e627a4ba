using IoTFleet.Fleet.Certificates;
using IoTFleet.Testing;

namespace IoTFleet.Fleet.Tests.Certificates;

public sealed class RenewalWindowTests
{
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly RenewalOptions Options = new();

    [Theory]
    [InlineData(30 * 24 * 60, 2 / 3.0)]     // a month: two thirds
    [InlineData(150, 0.6)]                  // two and a half hours: what is left outlasts an hour
    [InlineData(10, 1 / 4.0)]               // ten minutes: as much of the hour as three quarters of life allow
    public void Fleets_renew_at_two_thirds_or_as_much_sooner_as_an_outage_takes(int minutes, double share)
    {
        var life = new CertificateLife(Start, Start.AddMinutes(minutes));
        var starts = Enumerable.Range(0, 2_000).Select(n => (RenewalWindow.Regular($"d-{n}", life, Options, Start).Start - Start) / life.Length).ToArray();

        Assert.InRange(starts.Average(), share * 0.995, share * 1.005);
        Assert.InRange(starts.Min(), share * 0.9, share * 0.901);
        Assert.InRange(starts.Max(), share * 1.099, share * 1.1);
    }

    [Fact]
    public void Backdating_never_makes_a_renewed_certificate_due_at_once()
    {
        var life = CertificateLife.Of(Start - TimeSpan.FromMinutes(5), Start.AddMinutes(5), TimeSpan.FromHours(1));

        Assert.True(RenewalWindow.Regular("pump-7", life, Options, Start).Start > Start);
    }

    [Fact]
    public void What_an_operator_asks_for_is_spread_over_the_interval()
    {
        var life = new CertificateLife(Start, Start.AddDays(30));
        var asked = Start.AddDays(2);
        var starts = Enumerable.Range(0, 6_000).Select(n => RenewalWindow.Urgent($"d-{n}", life, asked, Options, asked).Start - asked).ToArray();

        Assert.All(starts, start => Assert.InRange(start, TimeSpan.Zero, Options.Spread));
        Assert.All(starts.CountBy(start => (int)start.TotalMinutes), minute => Assert.InRange(minute.Value, 50, 160));      // 100 a minute
    }

    [Fact]
    public void Asked_for_too_late_the_regular_window_stands()
    {
        var life = new CertificateLife(Start, Start.AddDays(30));
        var regular = RenewalWindow.Regular("pump-7", life, Options, Start);

        Assert.Equal(regular.Start, RenewalWindow.Urgent("pump-7", life, regular.Start.AddHours(1), Options, Start).Start);
    }

    [Fact]
    public void Asking_again_is_due_with_the_window_or_after_six_hours()
    {
        var life = new CertificateLife(Start, Start.AddDays(30));
        var start = RenewalWindow.Regular("pump-7", life, Options, Start).Start;

        Assert.Equal(TimeSpan.FromHours(6), RenewalWindow.Regular("pump-7", life, Options, Start).RetryAfter);
        Assert.Equal(TimeSpan.FromHours(2), RenewalWindow.Regular("pump-7", life, Options, start.AddHours(-2)).RetryAfter);
    }
}

public sealed class RenewalTurnsTests
{
    private static readonly TimeSpan Days = TimeSpan.FromDays(10);

    private readonly FakeClock _clock = new();

    [Fact]
    public void Who_is_one_too_many_gets_a_turn_of_his_own_and_is_let_in_when_it_comes()
    {
        var turns = new RenewalTurns(new RenewalOptions { MaxPerSecond = 10 }, _clock);
        var waits = Enumerable.Range(0, 100).Select(n => turns.Ask($"d-{n}", Days)).ToArray();

        Assert.Equal(11, waits.Count(wait => wait is null));
        Assert.Equal(TimeSpan.FromSeconds(9), waits[^1]);

        _clock.Advance(TimeSpan.FromSeconds(9));
        Assert.Null(turns.Ask("d-99", Days));
    }

    [Fact]
    public void Who_comes_before_his_turn_is_told_the_same_again()
    {
        var turns = new RenewalTurns(new RenewalOptions { MaxPerSecond = 1 }, _clock);
        for (var n = 0; n < 20; n++) turns.Ask($"d-{n}", Days);

        var wait = turns.Ask("d-19", Days);
        _clock.Advance(TimeSpan.FromSeconds(2));

        Assert.Equal(wait - TimeSpan.FromSeconds(2), turns.Ask("d-19", Days));
    }

    [Fact]
    public void Who_would_not_live_to_see_his_turn_goes_first()
    {
        var turns = new RenewalTurns(new RenewalOptions { MaxPerSecond = 1 }, _clock);
        for (var n = 0; n < 100; n++) turns.Ask($"d-{n}", Days);

        Assert.Null(turns.Ask("dying", TimeSpan.FromSeconds(90)));
    }

    [Fact]
    public void Pace_is_twice_what_the_fleet_needs()
    {
        var turns = new RenewalTurns(new RenewalOptions(), _clock);
        turns.Expect(133);

        Assert.Equal(266, turns.PerSecond);
    }
}
