using IoTFleet.Mqtt.Topics;

namespace IoTFleet.Mqtt.Tests;

public sealed class TopicTests
{
    [Theory]
    [InlineData("sport/tennis/player1/#", "sport/tennis/player1", true)]
    [InlineData("sport/tennis/player1/#", "sport/tennis/player1/ranking", true)]
    [InlineData("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true)]
    [InlineData("sport/tennis/player1/#", "sport/tennis/player2", false)]
    [InlineData("sport/tennis/player1/#", "sport/tennis/player10", false)]
    [InlineData("sport/#", "sport", true)]
    [InlineData("sport/#", "sports", false)]
    [InlineData("sport/#", "sport/", true)]
    [InlineData("#", "sport/tennis", true)]
    [InlineData("#", "/", true)]
    [InlineData("sport/tennis/+", "sport/tennis/player1", true)]
    [InlineData("sport/tennis/+", "sport/tennis/player1/ranking", false)]
    [InlineData("sport/+", "sport", false)]
    [InlineData("sport/+", "sport/", true)]
    [InlineData("+/+", "/finance", true)]
    [InlineData("/+", "/finance", true)]
    [InlineData("+", "/finance", false)]
    [InlineData("+", "finance", true)]
    [InlineData("+/tennis/#", "sport/tennis", true)]
    [InlineData("+/tennis/#", "sport/golf", false)]
    [InlineData("a/+/c", "a/b/c", true)]
    [InlineData("a/+/c", "a//c", true)]
    [InlineData("a/+/c", "a/b/d", false)]
    [InlineData("a/+/c", "a/c", false)]
    [InlineData("a/+/+/#", "a/b", false)]
    [InlineData("a/+/+/#", "a/b/c", true)]
    [InlineData("a/b", "a/b", true)]
    [InlineData("a/b", "A/b", false)]
    [InlineData("a/b", "a/b/", false)]
    [InlineData("a/b", "a", false)]
    [InlineData("#", "$SYS/uptime", false)]
    [InlineData("+/uptime", "$SYS/uptime", false)]
    [InlineData("$SYS/#", "$SYS/uptime", true)]
    [InlineData("$SYS/+", "$SYS/uptime", true)]
    [InlineData("a/#", "a/$SYS", true)]
    [InlineData("$share/group/a/+", "a/b", true)]
    [InlineData("$share/group/a/+", "$share/group/a/b", false)]
    [InlineData("$share/group/#", "$SYS/uptime", false)]
    [InlineData("$share/group/#", "a", true)]
    [InlineData("$share", "$share", true)]
    [InlineData("ä/+", "ä/🚀", true)]
    public void A_filter_matches_as_the_standard_says(string filter, string topic, bool matches) =>
        Assert.Equal(matches, TopicFilter.Parse(filter).Matches(TopicName.Parse(topic)));

    [Theory]
    [InlineData("")]
    [InlineData("a#")]
    [InlineData("a/#b")]
    [InlineData("#/a")]
    [InlineData("a/#/b")]
    [InlineData("##")]
    [InlineData("a+")]
    [InlineData("+a")]
    [InlineData("a/+b/c")]
    [InlineData("a/b+/c")]
    [InlineData("++")]
    [InlineData("a\0b")]
    [InlineData("$share/")]
    [InlineData("$share//a")]
    [InlineData("$share/g")]
    [InlineData("$share/g/")]
    [InlineData("$share/g+/a")]
    [InlineData("$share/#/a")]
    [InlineData("$share/g/a+")]
    public void A_filter_against_the_standard_is_not_parsed(string filter)
    {
        Assert.False(TopicFilter.TryParse(filter, out _));
        Assert.Throws<FormatException>(() => TopicFilter.Parse(filter));
    }

    [Theory]
    [InlineData("a/b", null, "a/b", false)]
    [InlineData("a/+", null, "a/+", true)]
    [InlineData("#", null, "#", true)]
    [InlineData("$share/g/a/+", "g", "a/+", true)]
    [InlineData("$share/g/a", "g", "a", false)]
    [InlineData("$share/g//", "g", "/", false)]
    [InlineData("$SHARE/g/a", null, "$SHARE/g/a", false)]
    public void A_filter_is_taken_apart(string value, string? shareName, string path, bool hasWildcards)
    {
        var filter = TopicFilter.Parse(value);

        Assert.Equal((value, shareName, path, hasWildcards), (filter.Value, filter.ShareName, filter.Path, filter.HasWildcards));
    }

    [Theory]
    [InlineData("")]
    [InlineData("a/#")]
    [InlineData("+")]
    [InlineData("a\0")]
    public void A_name_against_the_standard_is_not_parsed(string name)
    {
        Assert.False(TopicName.TryParse(name, out _));
        Assert.Throws<FormatException>(() => TopicName.Parse(name));
    }

    [Fact] // not a theory: an attribute cannot hold half a surrogate pair
    public void Half_a_surrogate_pair_is_not_parsed()
    {
        Assert.False(TopicName.TryParse("a\uD83D", out _));
        Assert.False(TopicName.TryParse("\uDE80a", out _));
        Assert.False(TopicFilter.TryParse("a/\uDE80\uD83D", out _));
    }

    [Fact]
    public void A_name_has_at_most_65535_bytes()
    {
        Assert.True(TopicName.TryParse(new string('a', 65_535), out var longest));
        Assert.Equal(65_535, longest.Utf8.Length);
        Assert.False(TopicName.TryParse(new string('ä', 32_768), out _));
        Assert.False(TopicFilter.TryParse(new string('a', 65_536), out _));
    }

    [Fact]
    public void Names_and_filters_are_equal_by_their_characters()
    {
        Assert.Equal(TopicName.Parse("a/b"), TopicName.Parse("a/b"));
        Assert.Equal(TopicName.Parse("a/b").GetHashCode(), TopicName.Parse("a/b").GetHashCode());
        Assert.NotEqual(TopicName.Parse("a/b"), TopicName.Parse("a/B"));
        Assert.Equal(TopicFilter.Parse("a/+"), TopicFilter.Parse("a/+"));
        Assert.NotEqual(TopicFilter.Parse("$share/g/a"), TopicFilter.Parse("a"));
    }

    [Fact]
    public void Characters_outside_the_basic_plane_are_kept() =>
        Assert.Equal("F09F9A80", Bytes.Hex(TopicName.Parse("🚀").Utf8.Span));
}
