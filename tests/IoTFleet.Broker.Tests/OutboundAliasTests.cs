namespace IoTFleet.Broker.Tests;

public sealed class OutboundAliasTests
{
    [Fact]
    public async Task Topic_is_sent_once_and_then_its_alias()
    {
        await using var broker = new InMemoryBroker();
        await using var client = await TakingAliasesAsync(broker, 10);

        foreach (var payload in new[] { "1", "2", "3" }) broker.Publish("topic/a", payload);

        Assert.Equal(("topic/a", (ushort?)1), await AddressAsync(client));
        Assert.Equal((null, (ushort?)1), await AddressAsync(client));
        Assert.Equal((null, (ushort?)1), await AddressAsync(client));
    }

    [Fact]
    public async Task Client_gets_no_more_aliases_than_it_takes()
    {
        await using var broker = new InMemoryBroker();
        await using var client = await TakingAliasesAsync(broker, 1);

        foreach (var topic in new[] { "topic/a", "topic/b", "topic/b", "topic/a" }) broker.Publish(topic, "x");

        Assert.Equal(("topic/a", (ushort?)1), await AddressAsync(client));
        Assert.Equal(("topic/b", null), await AddressAsync(client));
        Assert.Equal(("topic/b", null), await AddressAsync(client));
        Assert.Equal((null, (ushort?)1), await AddressAsync(client));      // [MQTT-3.1.2-26]
    }

    [Theory]
    [InlineData(0, 16)]
    [InlineData(null, 16)]
    [InlineData(10, 0)]
    public async Task Who_takes_or_is_given_none_sees_the_topic_each_time(int? taken, int given)
    {
        await using var broker = new InMemoryBroker(options => options.TopicAliasMaximum = given);
        await using var client = await TakingAliasesAsync(broker, (ushort?)taken);

        foreach (var payload in new[] { "1", "2" }) broker.Publish("topic/a", payload);

        Assert.Equal(("topic/a", null), await AddressAsync(client));       // [MQTT-3.1.2-27]
        Assert.Equal(("topic/a", null), await AddressAsync(client));
    }

    [Fact]
    public async Task Alias_does_not_make_a_packet_too_large_for_its_client()
    {
        await using var broker = new InMemoryBroker();
        await using var client = await TakingAliasesAsync(broker, 10, new PropertyBlock { MaximumPacketSize = 40 });

        broker.Publish("topic/a", new string('x', 28), AtMostOnce);        // exactly 40 bytes without an alias
        broker.Publish("topic/a", "x", AtMostOnce);

        Assert.Equal(("topic/a", null), await AddressAsync(client));
        Assert.Equal(("topic/a", (ushort?)1), await AddressAsync(client));
    }

    [Fact]
    public async Task Aliases_begin_anew_with_each_connection()
    {
        await using var broker = new InMemoryBroker();
        var properties = new PropertyBlock { TopicAliasMaximum = 10 };
        var client = await broker.ConnectToStayAsync("a", V5, properties);
        await client.SubscribeAsync("#", AtLeastOnce);
        broker.Publish("topic/a", "1");
        broker.Publish("topic/a", "2");
        await client.LoseAsync();

        await using var back = (await broker.ReturnAsync("a", V5, properties)).Client;

        Assert.Equal(("topic/a", (ushort?)1), await AddressAsync(back));
        Assert.Equal((null, (ushort?)1), await AddressAsync(back));
    }

    private static async Task<RawClient> TakingAliasesAsync(InMemoryBroker broker, ushort? maximum, PropertyBlock? properties = null)
    {
        var client = await broker.ConnectAsync("a", V5, properties: (properties ?? PropertyBlock.None) with { TopicAliasMaximum = maximum });
        await client.SubscribeAsync("#", AtLeastOnce);
        return client;
    }

    private static async Task<(string? Topic, ushort? Alias)> AddressAsync(RawClient client)
    {
        var message = await client.ExpectAsync<PublishPacket>();
        return (message.Topic?.Value, message.Properties.TopicAlias);
    }
}
