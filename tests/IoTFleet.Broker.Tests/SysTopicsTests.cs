using System.Text;
using IoTFleet.Broker.Connections;
using IoTFleet.Broker.Figures;

namespace IoTFleet.Broker.Tests;

public sealed class SysTopicsTests
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    [Theory, BothVersions]
    public async Task Subscriber_gets_each_figure_at_once_as_retained(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectAsync("a", version);

        await client.SubscribeAsync("$SYS/broker/clients/+");

        var figures = new Dictionary<string, string>();
        for (var n = 0; n < 5; n++)
        {
            var message = await client.ExpectAsync<PublishPacket>();
            Assert.True(message.Retain);
            figures[message.Topic!.Value["$SYS/broker/clients/".Length..]] = Encoding.UTF8.GetString(message.Payload.Span);
        }

        await client.ExpectNothingAsync();
        Assert.Equal(new() { ["connected"] = "1", ["disconnected"] = "0", ["total"] = "1", ["maximum"] = "1", ["expired"] = "0" }, figures);
    }

    [Theory, BothVersions]
    public async Task Figures_come_again_each_interval(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectAsync("a", version);
        await client.SubscribeAsync("$SYS/broker/uptime");
        await client.ExpectMessageAsync("0 seconds");

        broker.Clock.Advance(Interval);
        await client.ExpectMessageAsync("10 seconds");
        broker.Clock.Advance(Interval);
        await client.ExpectMessageAsync("20 seconds");
    }

    [Theory]
    [InlineData("publish/messages/received", "1")]
    [InlineData("publish/messages/sent", "1")]
    [InlineData("publish/messages/dropped", "0")]
    [InlineData("messages/received", "5")]              // CONNECT, SUBSCRIBE twice, PUBLISH, and the SUBSCRIBE that asks
    [InlineData("messages/sent", "5")]                  // CONNACK, SUBACK twice, PUBACK, PUBLISH
    [InlineData("subscriptions/count", "2")]            // the one that asks comes after
    [InlineData("shared_subscriptions/count", "1")]
    public async Task Figure_counts_what_its_name_says(string figure, string value)
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectAsync("a", V5);
        await client.SubscribeAsync("t");
        await client.SubscribeAsync("$share/g/u");
        await client.PublishAsync("t", "heard", AtLeastOnce, 1);
        await client.ExpectAckAsync(1);
        await client.ExpectMessageAsync("heard");

        await client.SubscribeAsync($"$SYS/broker/{figure}");

        await client.ExpectMessageAsync(value);
    }

    [Fact]
    public async Task Nothing_is_published_while_nobody_subscribes()
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectAsync("a", V5, keepAlive: 600);
        await client.SubscribeAsync("#");

        broker.Clock.Advance(Interval * 3);

        await client.ExpectNothingAsync();
        Assert.Equal(0, broker.Metrics.RetainedMessages);
    }

    [Theory]
    [InlineData("#")]
    [InlineData("+/broker/uptime")]
    public async Task Wildcard_at_the_first_level_does_not_see_them(string filter)
    {
        await using var broker = new InMemoryBroker();
        await using var watching = await broker.ConnectAsync("a", V5, keepAlive: 600);
        await watching.SubscribeAsync("$SYS/broker/uptime");
        await using var other = await broker.ConnectAsync("b", V5, keepAlive: 600);
        await other.SubscribeAsync(filter);

        broker.Clock.Advance(Interval);

        await other.ExpectNothingAsync();       // [MQTT-4.7.2-1]
    }

    [Fact]
    public async Task Who_may_not_subscribe_gets_none()
    {
        await using var broker = new InMemoryBroker();
        broker.Access.SubscribeAnswer = (_, filter) => !filter.Path.StartsWith("$SYS", StringComparison.Ordinal);
        await using var client = await broker.ConnectAsync("a", V5);

        Assert.Equal(ReasonCode.NotAuthorized, await client.SubscribeAsync("$SYS/#"));

        await client.ExpectNothingAsync();
    }

    [Theory]
    [InlineData("$SYS/broker/uptime")]
    [InlineData("$SYS")]
    public async Task No_client_publishes_there_whatever_the_policy(string topic)
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectAsync("a", V5);
        await using var leaving = broker.Open(V5);

        await client.PublishAsync(topic, "forged", AtLeastOnce, 1);

        Assert.Equal(ReasonCode.NotAuthorized, (await client.ExpectAsync<PubAckPacket>()).Reason);
        Assert.Equal(ReasonCode.NotAuthorized, (await leaving.ConnectAsync("b", will: Clients.Will(topic, "forged"))).Reason);
    }

    [Fact]
    public async Task Interval_of_zero_turns_them_off()
    {
        await using var broker = new InMemoryBroker(options => options.SysInterval = TimeSpan.Zero);
        await using var client = await broker.ConnectAsync("a", V5, keepAlive: 600);
        await client.SubscribeAsync("$SYS/#");

        broker.Clock.Advance(Interval * 3);

        await client.ExpectNothingAsync();
    }

    [Fact]
    public async Task Figures_need_no_room_among_the_retained_messages()
    {
        await using var broker = new InMemoryBroker(options => options.MaxRetainedMessages = 1);
        await using var client = await broker.ConnectAsync("a", V5);

        await client.SubscribeAsync("$SYS/#");

        Assert.Empty(broker.Refusals.Recent());
        for (var n = 0; n < 40; n++) await client.ExpectAsync<PublishPacket>();
    }

    [Fact]
    public void Rate_comes_near_the_present_one_the_sooner_the_shorter_it_looks_back()
    {
        var rate = new MovingRate();

        for (var total = 100; total <= 600; total += 100) rate.Update(total, TimeSpan.FromSeconds(10));      // 600 a minute, for one minute

        Assert.Equal(600 * (1 - Math.Exp(-1)), rate.OneMinute, 6);
        Assert.Equal(600 * (1 - Math.Exp(-1.0 / 5)), rate.FiveMinutes, 6);
        Assert.Equal(600 * (1 - Math.Exp(-1.0 / 15)), rate.FifteenMinutes, 6);
    }
}
