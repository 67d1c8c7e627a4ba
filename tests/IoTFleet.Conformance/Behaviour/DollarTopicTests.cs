namespace IoTFleet.Conformance.Behaviour;

/// <summary>
/// Section 4.7.2: topics that begin with a dollar. Not while other tests run: a subscription to everything sees their messages, and a server that is
/// not strict passes on what our reader refuses.
/// </summary>
[Collection(nameof(DollarTopicTests))]
public sealed class DollarTopicTests : ConformanceTest
{
    [Theory]
    [BothVersions("#")]
    [BothVersions("+/#")]
    [BothVersions("+/{0}")]
    public async Task Leading_wildcard_does_not_match_a_topic_with_a_dollar(ProtocolVersion version, string filter)
    {
        var own = Topic().Replace("/", "", StringComparison.Ordinal);
        filter = filter.Replace("{0}", own, StringComparison.Ordinal);
        var client = await ConnectAsync("a", version);
        Assert.Equal(ReasonCode.Success, await client.SubscribeAsync(filter));
        await client.PublishAsync($"$other/{own}", "not for wildcards");
        await client.PublishAsync($"any/{own}", "last");

        PublishPacket message;
        do
        {
            message = await client.ExpectAsync<PublishPacket>();      // what others retained may come first
            Assert.False(message.Topic!.Value.StartsWith('$'), message.Topic.Value);
        }
        while (message.Topic.Value != $"any/{own}");
    }

    [Theory, BothVersions]
    public async Task Filter_that_names_the_dollar_matches_it(ProtocolVersion version)
    {
        var own = Topic().Replace("/", "", StringComparison.Ordinal);
        var client = await ConnectAsync("a", version);
        var answer = await client.SubscribeAsync($"$other/{own}/#");
        Assert.SkipWhen(answer is ReasonCode.NotAuthorized or ReasonCode.UnspecifiedError, "This server keeps topics that begin with a dollar to itself, as it should (4.7.2).");
        Assert.Equal(ReasonCode.Success, answer);
        await client.PublishAsync($"$other/{own}/1", "x");
        await client.ExpectMessageAsync("x");
    }
}

[CollectionDefinition(nameof(DollarTopicTests), DisableParallelization = true)]
public sealed class AloneCollection;
