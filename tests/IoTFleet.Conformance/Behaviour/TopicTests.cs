using System.Text;

namespace IoTFleet.Conformance.Behaviour;

/// <summary>Section 4.7: topic names, filters and which match.</summary>
public sealed class TopicTests : ConformanceTest
{
    [Theory]
    [BothVersions("t/#", "t/1/2")]
    [BothVersions("t/#", "t/1")]
    [BothVersions("t/#", "t")]
    [BothVersions("t/+", "t/1")]
    [BothVersions("t/+", "t/")]
    [BothVersions("t/+/+", "t//")]
    [BothVersions("+/t/+", "1/t/2")]
    [BothVersions("+/+/#", "1/2/3/4")]
    [BothVersions("t", "t")]
    [BothVersions("t//x", "t//x")]
    [BothVersions("t/ x", "t/ x")]
    public async Task Filter_matches(ProtocolVersion version, string filter, string topic)
    {
        var client = await SubscriberAsync("a", version, filter);
        await client.PublishAsync(Topic(topic), "x");
        await client.ExpectMessageAsync("x");
    }

    [Theory]
    [BothVersions("t/+", "t")]
    [BothVersions("t/+", "t/1/2")]
    [BothVersions("t/+/x", "t/x")]
    [BothVersions("t", "t/")]
    [BothVersions("t", "T")]
    [BothVersions("t/#", "tt")]
    [BothVersions("t//x", "t/x")]
    [BothVersions("t/x", "t/ x")]
    [BothVersions("\u00E4", "a\u0308")]
    [BothVersions("\uFB01", "fi")]
    [BothVersions("t/x", "t/./x")]
    public async Task Filter_does_not_match(ProtocolVersion version, string filter, string topic)
    {
        var client = await SubscriberAsync("a", version, filter);
        await client.PublishAsync(Topic(topic), "x");
        await client.ExpectNothingAsync();
    }

    [Theory]
    [BothVersions("t/#/x")]
    [BothVersions("t#")]
    [BothVersions("t/#x")]
    [BothVersions("##")]
    public async Task Multi_level_wildcard_out_of_place_is_refused(ProtocolVersion version, string filter) => await ExpectRefusedAsync(version, filter);

    [Theory]
    [BothVersions("t+")]
    [BothVersions("t/+x/y")]
    [BothVersions("++")]
    public async Task Single_level_wildcard_out_of_place_is_refused(ProtocolVersion version, string filter) => await ExpectRefusedAsync(version, filter);

    [Theory, BothVersions]
    public async Task Empty_filter_is_refused(ProtocolVersion version)
    {
        var client = await ConnectAsync("a", version);
        await SendSubscribeAsync(client, "");
        await ExpectRefusedAsync(client);
    }

    [Theory]
    [BothVersions("/")]
    [BothVersions("x")]
    public async Task One_character_is_enough(ProtocolVersion version, string topic)
    {
        var client = await ConnectAsync("a", version);
        Assert.Equal(ReasonCode.Success, await client.SubscribeAsync(topic));
        await client.PublishAsync(topic, Id("x"));
        await client.ExpectMessageAsync(Id("x"));
    }

    [Theory, BothVersions]
    public async Task Topic_is_passed_on_character_by_character(ProtocolVersion version)
    {
        var topic = Topic("\u00E9/e\u0301/\uFB01/\u212B/ /%2F/\U0001F600");
        var client = await SubscriberAsync("a", version, "#");
        await client.PublishAsync(topic, "x");
        Assert.Equal(topic, (await client.ExpectMessageAsync("x")).Topic!.Value);
    }

    private async Task ExpectRefusedAsync(ProtocolVersion version, string filter)
    {
        var client = await ConnectAsync("a", version);
        await SendSubscribeAsync(client, Topic(filter));
        await ExpectRefusedAsync(client);
    }

    private static Task SendSubscribeAsync(RawClient client, string filter) =>
        client.SendAsync(Raw.Packet(0x82, [0, 1], Raw.NoProperties(client.Version), Raw.Text(Encoding.UTF8.GetBytes(filter)), [0]));

    /// <summary>By SUBACK or by the end of the connection.</summary>
    private static async Task ExpectRefusedAsync(RawClient client)
    {
        var answer = await client.ReceiveAsync();
        if (answer is SubAckPacket refused) Assert.True(refused.Reasons.Single() >= ReasonCode.UnspecifiedError);
        else if (answer is DisconnectPacket { Reason: var reason }) Assert.Contains(reason, (ReasonCode[])[ReasonCode.MalformedPacket, ReasonCode.ProtocolError, ReasonCode.TopicFilterInvalid]);
        else Assert.Null(answer);
    }
}
