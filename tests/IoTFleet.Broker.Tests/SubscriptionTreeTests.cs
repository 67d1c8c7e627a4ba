using IoTFleet.Broker.Routing;
using IoTFleet.Broker.Sessions;

namespace IoTFleet.Broker.Tests;

public sealed class SubscriptionTreeTests : IDisposable
{
    private static readonly string[] TopicLevels = ["a", "b", "c", "", "$a", "ä"];

    private readonly BrokerMetrics _metrics = new();

    public void Dispose() => _metrics.Dispose();

    [Theory]
    [InlineData("a/b", "a/b", true)]
    [InlineData("a/b", "a/b/c", false)]
    [InlineData("a/+", "a/b", true)]
    [InlineData("a/+", "a/", true)]
    [InlineData("a/+", "a", false)]
    [InlineData("+", "/a", false)]
    [InlineData("+/+", "/a", true)]
    [InlineData("a/#", "a", true)]
    [InlineData("a/#", "a/b/c", true)]
    [InlineData("a/+/#", "a", false)]
    [InlineData("#", "a/b/c", true)]
    [InlineData("#", "$fleet/a", false)]
    [InlineData("+/a", "$fleet/a", false)]
    [InlineData("$fleet/#", "$fleet/a", true)]
    [InlineData("A", "a", false)]
    public void Filter_matches_as_the_standard_says(string filter, string topic, bool matches)
    {
        var tree = new SubscriptionTree();
        tree.Add(Subscription(NewSession(), filter));

        Assert.Equal(matches ? 1 : 0, Match(tree, topic).Count);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void Tree_agrees_with_each_filter_by_itself(int seed)
    {
        var random = new Random(seed);
        var tree = new SubscriptionTree();
        var sessions = Enumerable.Range(0, 20).Select(_ => NewSession()).ToArray();
        var present = new HashSet<(Session Session, TopicFilter Filter)>();

        for (var step = 0; step < 1_000; step++)
        {
            var (session, filter) = (random.GetItems(sessions, 1)[0], RandomFilter(random));
            if (random.Next(3) == 0)
            {
                tree.Remove(filter, session);
                present.Remove((session, filter));
            }
            else
            {
                tree.Add(Subscription(session, filter.Value));
                present.Add((session, filter));
            }

            var topic = RandomTopic(random);
            Assert.Equal(
                present.Where(entry => entry.Filter.Matches(topic)).ToHashSet(),
                Match(tree, topic.Value).Select(match => (match.Session, match.Request.Filter)).ToHashSet());
        }
    }

    [Fact]
    public void Session_appears_once_for_a_filter_it_subscribed_twice()
    {
        var (tree, session) = (new SubscriptionTree(), NewSession());

        tree.Add(Subscription(session, "a/+", AtMostOnce));
        tree.Add(Subscription(session, "a/+", ExactlyOnce));

        Assert.Equal(ExactlyOnce, Assert.Single(Match(tree, "a/b")).Request.MaximumQos);
    }

    [Fact]
    public void Removing_one_sessions_filter_leaves_the_others()
    {
        var (tree, one, other) = (new SubscriptionTree(), NewSession(), NewSession());
        foreach (var session in new[] { one, other }) tree.Add(Subscription(session, "a/b/#"));
        tree.Add(Subscription(one, "a/b/c"));

        tree.Remove(TopicFilter.Parse("a/b/#"), one);
        tree.Remove(TopicFilter.Parse("a/b"), one);             // never added

        Assert.Equal([other, one], Match(tree, "a/b/c").Select(match => match.Session));
    }

    [Fact]
    public void Nothing_is_left_of_what_was_removed()
    {
        var (tree, session, random) = (new SubscriptionTree(), NewSession(), new Random(5));
        var filters = Enumerable.Range(0, 500).Select(_ => RandomFilter(random)).ToArray();

        foreach (var filter in filters) tree.Add(Subscription(session, filter.Value));
        Assert.False(tree.IsEmpty);
        random.Shuffle(filters);
        foreach (var filter in filters) tree.Remove(filter, session);

        Assert.True(tree.IsEmpty);
    }

    [Fact]
    public async Task Readers_never_miss_a_subscription_that_stays()
    {
        var tree = new SubscriptionTree();
        var staying = NewSession();
        foreach (var filter in new[] { "d/1/commands/#", "d/+/commands/x", "#" }) tree.Add(Subscription(staying, filter));
        using var done = new CancellationTokenSource();

        var writers = Enumerable.Range(0, 2).Select(writer => Task.Run(() => ComeAndGo(tree, NewSession(), writer, done.Token))).ToList();
        var readers = Enumerable.Range(0, 2).Select(_ => Task.Run(() =>
        {
            for (var n = 0; n < 20_000; n++) Assert.Equal(3, Match(tree, "d/1/commands/x").Count(match => match.Session == staying));
        })).ToList();

        await Task.WhenAll(readers);
        await done.CancelAsync();
        await Task.WhenAll(writers);
        Assert.Equal(3, Match(tree, "d/1/commands/x").Count);
    }

    [Fact]
    public async Task Writers_at_once_leave_what_they_added()
    {
        var tree = new SubscriptionTree();
        await Parallel.ForAsync(0, 100, (device, _) =>
        {
            var session = NewSession();
            for (var n = 0; n < 50; n++)
            {
                tree.Add(Subscription(session, $"d/{device}/commands/#"));
                tree.Remove(TopicFilter.Parse($"d/{device}/commands/#"), session);
                tree.Add(Subscription(session, $"d/{device}/twin/{n}"));
            }

            return ValueTask.CompletedTask;
        });

        for (var device = 0; device < 100; device++)
        {
            Assert.Empty(Match(tree, $"d/{device}/commands/x"));
            for (var n = 0; n < 50; n++) Assert.Single(Match(tree, $"d/{device}/twin/{n}"));
        }
    }

    private static void ComeAndGo(SubscriptionTree tree, Session session, int writer, CancellationToken done)
    {
        string[] filters = ["d/1/commands/#", "d/1/commands/x", "d/1/+/x", $"d/1/commands/{writer}", "+/1/#"];
        while (!done.IsCancellationRequested)
        {
            foreach (var filter in filters) tree.Add(Subscription(session, filter));
            foreach (var filter in filters) tree.Remove(TopicFilter.Parse(filter), session);
        }
    }

    private static List<Subscription> Match(SubscriptionTree tree, string topic)
    {
        var matches = new List<Subscription>();
        tree.Match(TopicName.Parse(topic), matches);
        return matches;
    }

    private static TopicName RandomTopic(Random random)
    {
        while (true)
        {
            if (TopicName.TryParse(string.Join('/', random.GetItems(TopicLevels, random.Next(1, 5))), out var topic)) return topic;
        }
    }

    private static TopicFilter RandomFilter(Random random)
    {
        while (true)
        {
            var levels = random.GetItems([.. TopicLevels, "+", "+", "+"], random.Next(1, 5));
            if (random.Next(4) == 0) levels[^1] = "#";
            if (TopicFilter.TryParse(string.Join('/', levels), out var filter)) return filter;
        }
    }

    private static Subscription Subscription(Session session, string filter, QualityOfService qos = AtMostOnce) =>
        new(session, new SubscriptionRequest(TopicFilter.Parse(filter), qos), null);

    private Session NewSession() => new(1, "client", durable: false, new SessionParts(new BrokerOptions(), new InMemoryBrokerStore(), new QueueBudget(long.MaxValue), _metrics, new ClientSignals(), TimeProvider.System));
}
