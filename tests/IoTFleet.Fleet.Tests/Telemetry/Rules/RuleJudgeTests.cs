using System.Text;
using IoTFleet.Fleet.Telemetry.Formats;
using IoTFleet.Fleet.Telemetry.Rules;

namespace IoTFleet.Fleet.Tests.Telemetry.Rules;

/// <summary>Each kind of rule, reading by reading: a line says at which second which body arrived, and which alerts open or close by it.</summary>
public sealed class RuleJudgeTests
{
    private static readonly DateTimeOffset Noon = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);
    private static readonly RuleSettings Hot = new() { Kind = RuleKind.Threshold, Metric = "t", Direction = RuleDirection.Above, Limit = 80 };

    private readonly RuleJudge _judge = new();
    private readonly WatchedDevice _device = new("pump-1") { Active = true, HeardUs = EpochTime.ToMicroseconds(Noon) };

    [Fact]
    public void A_threshold_opens_beyond_its_limit_and_not_on_it()
    {
        Follow(Hot);

        Assert.Equal(["", "opens 80.5", "", "closes 80"], [At(0, """{"t":80}"""), At(1, """{"t":80.5}"""), At(2, """{"t":99}"""), At(3, """{"t":80}""")]);
    }

    [Fact]
    public void One_below_opens_on_the_other_side()
    {
        Follow(Hot with { Direction = RuleDirection.Below, Limit = 5 });

        Assert.Equal(["", "opens 4.9", "closes 5"], [At(0, """{"t":5}"""), At(1, """{"t":4.9}"""), At(2, """{"t":5}""")]);
    }

    [Fact]
    public void With_hysteresis_it_closes_only_at_the_clear_limit()
    {
        Follow(Hot with { ClearLimit = 75 });

        Assert.Equal(["opens 81", "", "", "closes 75", ""], [At(0, """{"t":81}"""), At(1, """{"t":79}"""), At(2, """{"t":75.1}"""), At(3, """{"t":75}"""), At(4, """{"t":79}""")]);
    }

    [Fact]
    public void With_a_duration_it_opens_when_that_is_over_and_not_a_microsecond_before()
    {
        Follow(Hot with { ForSeconds = 60 });

        Assert.Equal(["", "", "opens 83"], [At(0, """{"t":81}"""), At(59.999999, """{"t":82}"""), At(60, """{"t":83}""")]);
    }

    [Fact]
    public void A_duration_that_is_interrupted_begins_anew()
    {
        Follow(Hot with { ForSeconds = 60, ClearLimit = 70 });

        Assert.Equal(["", "", "", "", "opens 81"], [At(0, """{"t":81}"""), At(50, """{"t":80}"""), At(60, """{"t":81}"""), At(119, """{"t":81}"""), At(120, """{"t":81}""")]);
    }

    [Fact]
    public void What_comes_late_says_nothing_about_now()
    {
        Follow(Hot);

        Assert.Equal(["", "", "opens 81", ""], [At(10, """{"t":70}"""), At(5, """{"t":99}"""), At(11, """{"t":81}"""), At(10.5, """{"t":70}""")]);
    }

    [Fact]
    public void Readings_of_one_message_are_judged_one_after_the_other()
    {
        Follow(Hot);

        Assert.Equal("opens 90, closes 70, opens 95", Text(Message((0, """{"t":90}"""), (1, """{"t":70}"""), (2, """{"t":95}"""))));
    }

    [Fact]
    public void A_clock_that_is_far_ahead_does_not_make_all_that_follows_late()
    {
        Follow(Hot);
        var ahead = Message((86_400, """{"t":70}""")) with { ReceivedAt = Noon };

        Assert.Equal(["", "opens 90"], [Text(ahead), At(1, """{"t":90}""")]);
    }

    [Fact]
    public void A_boolean_is_zero_or_one_and_a_text_is_nothing()
    {
        Follow(Hot with { Metric = "door.open", Limit = 0.5 });

        Assert.Equal(["", "opens 1", "", "closes 0"],
            [At(0, """{"door":{"open":false}}"""), At(1, """{"door":{"open":true}}"""), At(2, """{"door":{"open":"shut"}}"""), At(3, """{"door":{"open":false}}""")]);
    }

    [Fact]
    public void Another_stream_or_metric_is_another_matter()
    {
        Follow(Hot with { Stream = "motor" });

        Assert.Equal(["", "", "opens 90"], [At(0, """{"t":90}"""), Text(Message((1, """{"u":90}""")) with { Stream = "motor" }), Text(Message((2, """{"t":90}""")) with { Stream = "motor" })]);
    }

    [Fact]
    public void A_rate_is_by_the_minute()
    {
        Follow(new() { Kind = RuleKind.Rate, Metric = "t", Direction = RuleDirection.Above, Limit = 6, OverSeconds = 10 });

        Assert.Equal(["", "", "opens 6.6", "closes 0"], [At(0, """{"t":20}"""), At(10, """{"t":21}"""), At(20, """{"t":22.1}"""), At(30, """{"t":22.1}""")]);
    }

    [Fact]
    public void Readings_closer_together_than_its_span_are_not_compared()
    {
        Follow(new() { Kind = RuleKind.Rate, Metric = "t", Direction = RuleDirection.Either, Limit = 6, OverSeconds = 60 });

        Assert.Equal(["", "", "", "opens -7"], [At(0, """{"t":20}"""), At(1, """{"t":40}"""), At(59, """{"t":0}"""), At(60, """{"t":13}""")]);
    }

    [Fact]
    public void A_silence_opens_when_its_time_is_over_and_closes_with_the_next_message_whatever_its_own_time()
    {
        Follow(new() { Kind = RuleKind.Silence, ForSeconds = 300 });

        Assert.Equal(["", "opens 0", ""], [Silent(299.999999), Silent(300), Silent(301)]);
        Assert.Equal("closes 0", Text(Message((-5_000, """{"t":1}""")) with { ReceivedAt = Noon.AddSeconds(400) }));
        Assert.Equal(["", "opens 0"], [Silent(699), Silent(700)]);
    }

    [Fact]
    public void A_silence_of_a_metric_is_not_broken_by_others()
    {
        Follow(new() { Kind = RuleKind.Silence, Metric = "t", ForSeconds = 300 });

        Assert.Equal(["", "", "opens 0", "", "closes 0"], [At(0, """{"t":1}"""), At(299, """{"u":1}"""), Silent(300), At(301, """{"u":1}"""), At(302, """{"t":1}""")]);
    }

    [Fact]
    public void A_rule_that_was_changed_keeps_its_alert_and_judges_by_its_new_limit()
    {
        Follow(Hot);
        var opened = At(0, """{"t":90}""");

        _judge.Follow(_device, new RuleBook([(Hot with { Limit = 95 }).ApplyTo("r", Noon, Noon.AddSeconds(1))]).Of("pump-1", "default"));

        Assert.Equal(("opens 90", "closes 90"), (opened, At(0, """{"t":90}""")));
    }

    [Fact]
    public void Of_a_hundred_rules_only_those_for_the_device_and_its_group_are_its_own()
    {
        var rules = Enumerable.Range(0, 100).Select(i => (Hot with { GroupId = i % 2 == 0 ? "plant" : "other", DeviceIds = i < 10 ? ["pump-1"] : i < 20 ? ["pump-2"] : [] }).ApplyTo($"r{i}", Noon, Noon));

        var set = new RuleBook([.. rules]).Of("pump-1", "plant");

        Assert.Equal(Enumerable.Range(0, 100).Where(i => i % 2 == 0 && i is < 10 or >= 20 && i % 2 == 0).Select(i => $"r{i}"), set.Rules.Select(rule => rule.Rule.Id));
    }

    private void Follow(RuleSettings settings)
    {
        Assert.Null(settings.FindProblem());
        _judge.Follow(_device, new RuleBook([settings.ApplyTo("r", Noon, Noon)]).Of("pump-1", "default"));
    }

    private string At(double second, string body) => Text(Message((second, body)));

    private string Text(TelemetryMessage message)
    {
        _judge.Stored(_device, message);
        return Changes();
    }

    private string Silent(double second)
    {
        _judge.Silent(_device, EpochTime.ToMicroseconds(Noon.AddSeconds(second)));
        return Changes();
    }

    private string Changes() => string.Join(", ", _judge.TakeChanges().Select(change =>
        FormattableString.Invariant($"{change.Verdict.Turn.ToString().ToLowerInvariant()} {Math.Round(change.Verdict.Value, 6)}")));

    private static TelemetryMessage Message(params (double Second, string Body)[] readings)
    {
        var all = readings.Select(reading => new Reading(Noon.AddTicks((long)(reading.Second * TimeSpan.TicksPerSecond)), true, Encoding.UTF8.GetBytes(reading.Body))).ToList();
        return new TelemetryMessage("pump-1", "", all[^1].Time, null, null, all[0].Body, all);
    }
}
