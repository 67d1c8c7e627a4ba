using IoTFleet.Fleet.Services;
using IoTFleet.Mqtt.Topics;

namespace IoTFleet.Fleet.Tests.Services;

public sealed class TopicRulesTests
{
    [Fact]
    public void Nothing_is_allowed_by_no_rules()
    {
        var rules = Rules([], []);
        Assert.False(rules.MayPublish(TopicName.Parse("devices/pump-1/commands/open")));
        Assert.False(rules.MaySubscribe(TopicFilter.Parse("devices/pump-1/telemetry")));
    }

    [Fact]
    public void A_right_to_subscribe_is_none_to_publish()
    {
        var rules = Rules(publish: ["devices/+/commands/#"], subscribe: ["devices/#"]);
        Assert.True(rules.MayPublish(TopicName.Parse("devices/pump-1/commands/open")));
        Assert.False(rules.MayPublish(TopicName.Parse("devices/pump-1/telemetry")));
        Assert.True(rules.MaySubscribe(TopicFilter.Parse("devices/+/telemetry")));
        Assert.True(rules.MaySubscribe(TopicFilter.Parse("$share/workers/devices/#")));
        Assert.False(rules.MaySubscribe(TopicFilter.Parse("#")));
    }

    [Theory]
    [InlineData("#")]
    [InlineData("+/#")]
    [InlineData("devices/#")]
    public void The_brokers_own_topics_take_a_rule_for_them(string rule)
    {
        Assert.False(Rules([], [rule]).MaySubscribe(TopicFilter.Parse("$SYS/#")));
        Assert.True(Rules([], [rule, "$SYS/#"]).MaySubscribe(TopicFilter.Parse("$SYS/broker/uptime")));
    }

    [Theory]
    [InlineData("")]
    [InlineData("devices/#/x")]
    [InlineData("devices/a+")]
    [InlineData("$share/workers/devices/#")]
    [InlineData("devices/\n")]
    public void A_rule_that_is_no_plain_filter_is_refused(string rule)
    {
        Assert.False(TopicRules.TryParse([rule], [], out _, out _));
        Assert.False(TopicRules.TryParse([], [rule], out _, out _));
    }

    [Theory]
    [InlineData("$SYS/#")]
    [InlineData("$fleet/x")]
    public void Nobody_gets_a_rule_to_publish_what_is_the_servers(string rule) => Assert.False(TopicRules.TryParse([rule], [], out _, out _));

    [Fact]
    public void Rules_are_bounded_in_number_and_length()
    {
        Assert.False(TopicRules.TryParse([.. Enumerable.Range(0, TopicRules.MaxRules + 1).Select(n => $"t/{n}")], [], out _, out _));
        Assert.False(TopicRules.TryParse([], [new string('a', TopicRules.MaxLength + 1)], out _, out _));
    }

    private static TopicRules Rules(string[] publish, string[] subscribe)
    {
        Assert.True(TopicRules.TryParse(publish, subscribe, out var rules, out var problem), problem);
        return rules;
    }
}
