namespace IoTFleet.Broker.Tests;

public sealed class WillTests
{
    [Theory, BothVersions]
    public async Task Will_of_a_lost_client_is_stored_and_delivered(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var reader = await ReaderAsync(broker, version);
        await using var client = await broker.ConnectAsync("a", version, will: Clients.Will("w", "gone", AtLeastOnce));

        await client.LoseAsync();

        Assert.Equal(AtLeastOnce, (await reader.ExpectMessageAsync("gone")).Qos);
        Assert.Equal("gone", Assert.Single(broker.Sink.Messages).Text());
    }

    [Theory, BothVersions]
    public async Task Will_is_forgotten_by_a_goodbye(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var reader = await ReaderAsync(broker, version);
        await using var client = await broker.ConnectAsync("a", version, will: Clients.Will("w", "gone"));

        await client.LeaveAsync();

        await reader.ExpectNothingAsync();
        Assert.Empty(broker.Sink.Messages);
    }

    [Theory]
    [InlineData(ReasonCode.DisconnectWithWill)]
    [InlineData(ReasonCode.UnspecifiedError)]
    [InlineData(ReasonCode.QuotaExceeded)]
    public async Task Will_outlives_a_goodbye_for_any_other_reason(ReasonCode reason)
    {
        await using var broker = new InMemoryBroker();
        await using var reader = await ReaderAsync(broker, V5);
        await using var client = await broker.ConnectAsync("a", V5, will: Clients.Will("w", "gone"));

        await client.SendAsync(new DisconnectPacket { Reason = reason });

        await reader.ExpectMessageAsync("gone");        // [MQTT-3.1.2-10]: only reason 0 takes it back
    }

    [Fact]
    public async Task Will_outlives_a_goodbye_that_breaks_the_protocol()
    {
        await using var broker = new InMemoryBroker();
        await using var reader = await ReaderAsync(broker, V5);
        await using var client = await broker.ConnectAsync("a", V5, will: Clients.Will("w", "gone"));

        await client.SendAsync(new DisconnectPacket { Properties = new PropertyBlock { SessionExpiryInterval = 60 } });

        await reader.ExpectMessageAsync("gone");
    }

    [Theory, BothVersions]
    public async Task Will_of_a_silent_client_is_published(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var reader = await broker.ConnectAsync("b", version, keepAlive: 3600);
        await reader.SubscribeAsync("w");
        await using var client = await broker.ConnectAsync("a", version, keepAlive: 10, will: Clients.Will("w", "gone"));

        broker.Clock.Advance(TimeSpan.FromSeconds(20));

        await reader.ExpectMessageAsync("gone");
    }

    [Theory, BothVersions]
    public async Task Will_of_a_client_that_breaks_the_protocol_is_published(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var reader = await ReaderAsync(broker, version);
        await using var client = await broker.ConnectAsync("a", version, will: Clients.Will("w", "gone"));

        await client.SendAsync("00 00");

        await reader.ExpectMessageAsync("gone");
    }

    [Theory, BothVersions]
    public async Task Retained_will_is_kept(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectAsync("a", version, will: Clients.Will("w", "gone", retain: true));
        await client.LoseAsync();

        await using var reader = await ReaderAsync(broker, version);

        Assert.True((await reader.ExpectMessageAsync("gone")).Retain);
    }

    [Theory, BothVersions]
    public async Task Will_that_the_client_may_not_publish_is_refused_with_its_connect(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        broker.Access.PublishAnswer = (_, topic) => topic.Value != "w";
        await using var client = broker.Open(version);

        var answer = await client.ConnectAsync("a", will: Clients.Will("w", "gone"));

        Assert.Equal(ReasonCode.NotAuthorized, answer.Reason);
        await client.ExpectClosedAsync();
        Assert.Equal("will-not-authorized", Assert.Single(broker.Refusals.Recent()).Reason);
    }

    [Theory, BothVersions]
    public async Task Refused_client_leaves_no_will(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        broker.Access.StillAdmittedAnswer = _ => false;
        await using var client = broker.Open(version);

        await client.ConnectAsync("a", will: Clients.Will("w", "gone"));
        await client.Handled;

        Assert.Empty(broker.Sink.Messages);
    }

    [Theory, BothVersions]
    public async Task Will_comes_after_the_last_messages_of_its_client(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var reader = await ReaderAsync(broker, version);
        await using var client = await broker.ConnectAsync("a", version, will: Clients.Will("w", "gone"));
        broker.Sink.HoldCommits = true;
        await client.PublishAsync("w", "last words");
        await broker.Sink.WhenGivenAsync(1);
        broker.Sink.HoldCommits = false;

        await client.LoseAsync();
        await reader.ExpectNothingAsync();
        broker.Sink.Commit("last words");

        await reader.ExpectMessageAsync("last words");
        await reader.ExpectMessageAsync("gone");
    }

    [Theory, BothVersions]
    public async Task Connection_ends_although_its_will_finds_no_room(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var reader = await ReaderAsync(broker, version);
        await using var client = await broker.ConnectAsync("a", version, will: Clients.Will("w", "gone"));
        broker.Sink.TakeRoom();

        await client.LoseAsync();       // waits for the broker to be done with the connection
        await reader.ExpectNothingAsync();
        broker.Sink.GiveRoom();

        await reader.ExpectMessageAsync("gone");
    }

    [Theory, BothVersions]
    public async Task Will_that_finds_no_room_for_long_is_given_up_and_logged(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker { ExpectedEvents = ["WillFailed"] };
        await using var client = await broker.ConnectAsync("a", version, will: Clients.Will("w", "gone"));
        broker.Sink.TakeRoom();
        await client.LoseAsync();

        await InMemoryBroker.UntilAsync(() =>
        {
            broker.Clock.Advance(TimeSpan.FromSeconds(1));
            return broker.Log.Count("WillFailed") == 1;
        });

        Assert.Empty(broker.Sink.Messages);
    }

    [Theory, BothVersions]
    public async Task Will_that_cannot_be_stored_is_logged_and_not_delivered(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker { ExpectedEvents = ["WillFailed"] };
        await using var reader = await ReaderAsync(broker, version);
        await using var client = await broker.ConnectAsync("a", version, will: Clients.Will("w", "gone"));
        broker.Sink.Refuse = _ => throw new IOException("disk full");

        await client.LoseAsync();

        await InMemoryBroker.UntilAsync(() => broker.Log.Count("WillFailed") == 1);
        await reader.ExpectNothingAsync();
    }

    [Theory, BothVersions]
    public async Task Will_that_the_sink_refuses_is_a_refusal(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectAsync("a", version, will: Clients.Will("w", "gone"));
        broker.Sink.Refuse = _ => Routing.Acceptance.Refused(ReasonCode.PayloadFormatInvalid, "not JSON");

        await client.LoseAsync();

        await InMemoryBroker.UntilAsync(() => broker.Refusals.Recent().Count == 1);
        Assert.Equal("payload-refused", broker.Refusals.Recent()[0].Reason);
    }

    [Fact]
    public async Task Delayed_will_comes_when_its_delay_is_over()
    {
        await using var broker = new InMemoryBroker();
        await using var reader = await ReaderAsync(broker, V5);
        await using var client = await broker.ConnectToStayAsync("a", V5, will: Delayed(30));
        await client.LoseAsync();

        broker.Clock.Advance(TimeSpan.FromSeconds(29));
        await reader.ExpectNothingAsync();
        broker.Clock.Advance(TimeSpan.FromSeconds(2));

        await reader.ExpectMessageAsync("gone");
    }

    [Fact]
    public async Task Delayed_will_is_forgotten_when_its_client_is_back_in_time()
    {
        await using var broker = new InMemoryBroker();
        await using var reader = await ReaderAsync(broker, V5);
        await using var client = await broker.ConnectToStayAsync("a", V5, will: Delayed(30));
        await client.LoseAsync();

        await using var back = await broker.ConnectToStayAsync("a", V5);
        broker.Clock.Advance(TimeSpan.FromSeconds(40));

        await reader.ExpectNothingAsync();
    }

    [Theory]
    [InlineData(10u)]       // the session is shorter than the delay
    [InlineData(0u)]        // there is none
    public async Task Delayed_will_comes_when_its_session_ends(uint sessionExpiry)
    {
        await using var broker = new InMemoryBroker();
        await using var reader = await ReaderAsync(broker, V5);
        await using var client = await broker.ConnectAsync("a", V5, properties: new PropertyBlock { SessionExpiryInterval = sessionExpiry }, will: Delayed(300));
        await client.LoseAsync();

        broker.Clock.Advance(TimeSpan.FromSeconds(11));

        await reader.ExpectMessageAsync("gone");
    }

    [Fact]
    public async Task Delayed_will_comes_when_its_client_starts_a_clean_session()
    {
        await using var broker = new InMemoryBroker();
        await using var reader = await ReaderAsync(broker, V5);
        await using var client = await broker.ConnectToStayAsync("a", V5, will: Delayed(300));

        await using var fresh = await broker.ConnectAsync("a", V5, cleanStart: true);
        broker.Clock.Advance(TimeSpan.FromSeconds(1));

        await reader.ExpectMessageAsync("gone");
    }

    [Fact]
    public async Task Delayed_will_comes_when_the_host_ends_its_session()
    {
        await using var broker = new InMemoryBroker();
        await using var reader = await ReaderAsync(broker, V5);
        await using var client = await broker.ConnectToStayAsync("a", V5, will: Delayed(300));
        await client.LoseAsync();

        broker.Broker.Disconnect("a", ReasonCode.AdministrativeAction, "revoked");
        broker.Clock.Advance(TimeSpan.FromSeconds(1));

        await reader.ExpectMessageAsync("gone");
    }

    [Fact]
    public async Task Lifetime_of_a_delayed_will_begins_when_it_is_published()
    {
        await using var broker = new InMemoryBroker();
        await using var reader = await broker.ConnectAsync("b", V5, keepAlive: 3600);
        await reader.SubscribeAsync("w", AtLeastOnce);
        await using var client = await broker.ConnectToStayAsync("a", V5, will:
            Clients.Will("w", "gone", AtLeastOnce, properties: new PropertyBlock { WillDelayInterval = 30, MessageExpiryInterval = 10 }));
        await client.LoseAsync();

        broker.Clock.Advance(TimeSpan.FromSeconds(31));

        Assert.Equal(10u, (await reader.ExpectMessageAsync("gone")).Properties.MessageExpiryInterval);
    }

    private static async Task<RawClient> ReaderAsync(InMemoryBroker broker, ProtocolVersion version)
    {
        var reader = await broker.ConnectAsync("reader", version, keepAlive: 3600);
        await reader.SubscribeAsync("w", AtLeastOnce);
        return reader;
    }

    private static WillMessage Delayed(uint seconds) => Clients.Will("w", "gone", properties: new PropertyBlock { WillDelayInterval = seconds });
}
