using IoTFleet.Mqtt.Topics;

namespace IoTFleet.Mqtt.Tests;

public sealed class FilterCoverTests
{
    [Theory]
    [InlineData("devices/#", "devices/#")]
    [InlineData("devices/#", "devices")]
    [InlineData("devices/#", "devices/+/telemetry")]
    [InlineData("devices/#", "devices/+/#")]
    [InlineData("devices/#", "devices/pump-1/telemetry/a/b")]
    [InlineData("devices/+/telemetry", "devices/pump-1/telemetry")]
    [InlineData("devices/+/telemetry", "devices/+/telemetry")]
    [InlineData("devices/+", "devices/")]
    [InlineData("#", "+")]
    [InlineData("#", "+/+/#")]
    [InlineData("#", "/")]
    [InlineData("+/#", "#")]
    [InlineData("devices/#", "$share/workers/devices/+/telemetry")]
    [InlineData("$share/workers/devices/#", "devices/+")]
    [InlineData("$SYS/#", "$SYS/broker/+")]
    [InlineData("$SYS/#", "$share/g/$SYS/#")]
    public void A_filter_covers_what_asks_for_no_more(string rule, string filter) =>
        Assert.True(TopicFilter.Parse(rule).Covers(TopicFilter.Parse(filter)));

    [Theory]
    [InlineData("devices/#", "#")]
    [InlineData("devices/#", "+/#")]
    [InlineData("devices/#", "+/pump-1")]
    [InlineData("devices/#", "device/pump-1")]
    [InlineData("devices/+", "devices")]
    [InlineData("devices/+", "devices/#")]
    [InlineData("devices/+", "devices/a/b")]
    [InlineData("devices/+/telemetry", "devices/+/+")]
    [InlineData("devices/+/telemetry", "devices/+/telemetry/#")]
    [InlineData("devices/pump-1", "devices/+")]
    [InlineData("devices/a", "devices/A")]
    [InlineData("+/+/#", "#")]
    [InlineData("devices/+/#", "devices/#")]
    [InlineData("#", "$SYS/#")]
    [InlineData("+/broker", "$SYS/broker")]
    [InlineData("#", "$share/g/$SYS/broker")]
    [InlineData("devices/#", "$share/workers/#")]
    public void A_filter_does_not_cover_what_asks_for_more(string rule, string filter) =>
        Assert.False(TopicFilter.Parse(rule).Covers(TopicFilter.Parse(filter)));

    /// <summary>
    /// Every pair of filters of up to three levels, judged by the topics they match. A level that no filter names, and one more of them than
    /// a filter has, are enough to tell any two apart.
    /// </summary>
    [Fact]
    public void Covering_is_matching_whatever_the_other_matches()
    {
        TopicName[] topics = [.. Paths(["a", "b", "other", "", "$s", "$other"], 4).Where(path => path.Length > 0).Select(TopicName.Parse)];
        var filters = Paths(["a", "b", "", "$s", "+"], 3).SelectMany(path => new[] { path, path + "/#" }).Append("#")
            .Where(path => path.Length > 0).Select(TopicFilter.Parse).ToArray();
        var matched = filters.ToDictionary(filter => filter, filter => topics.Where(filter.Matches).ToHashSet());

        foreach (var rule in filters)
        {
            var wrong = filters.FirstOrDefault(filter => rule.Covers(filter) != matched[filter].IsSubsetOf(matched[rule]));
            Assert.True(wrong is null, $"{rule} and {wrong} are judged otherwise by the topics they match");
        }
    }

    /// <summary>Longer ones than can all be tried: what the rule covers, it matches.</summary>
    [Fact]
    public void A_topic_matched_by_what_is_covered_is_matched_by_the_rule()
    {
        var random = new Random(20261121);
        var covered = 0;
        for (var n = 0; n < 200_000; n++)
        {
            var (rule, filter, topic) = (TopicFilter.Parse(Some(random, true)), TopicFilter.Parse(Some(random, true)), TopicName.Parse(Some(random, false)));
            if (!rule.Covers(filter) || !filter.Matches(topic)) continue;
            covered++;
            Assert.True(rule.Matches(topic), $"{rule} covers {filter}, which matches {topic}");
        }
        Assert.True(covered > 1_000, $"only {covered} cases said anything");
    }

    private static IEnumerable<string> Paths(string[] levels, int depth)
    {
        IEnumerable<string> paths = levels;
        foreach (var path in paths) yield return path;
        for (var n = 1; n < depth; n++)
        {
            paths = paths.SelectMany(path => levels.Select(level => $"{path}/{level}")).ToList();
            foreach (var path in paths) yield return path;
        }
    }

    private static string Some(Random random, bool wildcards)
    {
        string[] levels = wildcards ? ["a", "$s", "+", "+", "+"] : ["a", "a", "$s", "b"];
        var path = string.Join('/', Enumerable.Range(0, random.Next(1, 6)).Select(_ => levels[random.Next(levels.Length)]));
        return wildcards && random.Next(3) == 0 ? path + "/#" : path;
    }
}
