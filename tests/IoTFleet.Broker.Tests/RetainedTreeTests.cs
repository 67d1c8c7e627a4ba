using IoTFleet.Broker.Routing;

namespace IoTFleet.Broker.Tests;

public sealed class RetainedTreeTests
{
    private static readonly string[] Levels = ["a", "b", "", "$a", "ä"];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Tree_agrees_with_each_filter_by_itself(int seed)
    {
        var random = new Random(seed);
        var (tree, kept) = (new RetainedTree(), new Dictionary<TopicName, Message>());
        for (var step = 0; step < 500; step++)
        {
            var message = Message(RandomText(random, Levels));
            tree.Set(message);
            kept[message.Topic] = message;
            if (random.Next(3) == 0) Remove(tree, kept, random);

            var filter = TopicFilter.Parse(RandomText(random, [.. Levels, "+", "+", "+"]) + (random.Next(3) == 0 ? "/#" : ""));
            var matching = new List<Message>();
            tree.Match(filter, matching);
            Assert.Equal(kept.Values.Where(message => filter.Matches(message.Topic)).Select(message => message.Topic.Value).Order(), matching.Select(message => message.Topic.Value).Order());
            Assert.Same(kept.GetValueOrDefault(message.Topic), tree.Find(message.Topic));
        }
    }

    [Theory]
    [InlineData("#", 3)]
    [InlineData("+/b", 1)]
    [InlineData("$a/#", 1)]
    [InlineData("$a/b", 1)]
    [InlineData("a/#", 2)]
    public void Wildcards_at_the_first_level_do_not_see_topics_of_the_server(string filter, int count)
    {
        var tree = new RetainedTree();
        foreach (var topic in new[] { "a", "a/b", "c", "$a/b" }) tree.Set(Message(topic));

        var matching = new List<Message>();
        tree.Match(TopicFilter.Parse(filter), matching);

        Assert.Equal(count, matching.Count);
    }

    [Fact]
    public void Nothing_is_left_of_what_was_removed()
    {
        var (tree, random) = (new RetainedTree(), new Random(4));
        var kept = new Dictionary<TopicName, Message>();
        for (var n = 0; n < 300; n++)
        {
            var message = Message(RandomText(random, Levels));
            tree.Set(message);
            kept[message.Topic] = message;
        }

        while (kept.Count > 0) Remove(tree, kept, random);

        Assert.True(tree.IsEmpty);
    }

    private static void Remove(RetainedTree tree, Dictionary<TopicName, Message> kept, Random random)
    {
        var topic = kept.Keys.ElementAt(random.Next(kept.Count));
        tree.Remove(topic);
        kept.Remove(topic);
    }

    private static string RandomText(Random random, string[] levels)
    {
        while (true)
        {
            if (string.Join('/', random.GetItems(levels, random.Next(1, 5))) is { Length: > 0 } text) return text;
        }
    }

    private static Message Message(string topic) => new() { Topic = TopicName.Parse(topic), Payload = new byte[] { 1 }, ReceivedAt = DateTimeOffset.UnixEpoch };
}
