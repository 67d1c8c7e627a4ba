using IoTFleet.Broker.Connections;
using IoTFleet.Broker.Routing;

namespace IoTFleet.Broker.Tests;

public sealed class RefusalTests
{
    [Theory]
    [InlineData(AtLeastOnce)]
    [InlineData(ExactlyOnce)]
    public async Task Publish_where_it_may_not_is_answered_with_the_reason(QualityOfService qos)
    {
        await using var broker = Forbidding();
        await using var client = await broker.ConnectAsync("a", V5);

        await client.PublishAsync("forbidden", "x", qos, 1);

        AckPacket answer = qos == AtLeastOnce ? await client.ExpectAsync<PubAckPacket>() : await client.ExpectAsync<PubRecPacket>();
        Assert.Equal((1, ReasonCode.NotAuthorized), (answer.PacketId, answer.Reason));
        Assert.Contains("forbidden", answer.Properties.ReasonString, StringComparison.Ordinal);
        await client.ExpectNothingAsync();
        Assert.Empty(broker.Sink.Messages);
    }

    [Theory]
    [InlineData(AtLeastOnce)]
    [InlineData(ExactlyOnce)]
    public async Task Publish_where_it_may_not_closes_a_3_1_1_client(QualityOfService qos)
    {
        await using var broker = Forbidding();
        await using var client = await broker.ConnectAsync("a", V311);

        await client.PublishAsync("forbidden", "x", qos, 1);

        await client.ExpectClosedAsync();       // 3.1.1 has no word for it, and an ack would say that the message was taken
        Assert.Empty(broker.Sink.Messages);
    }

    [Theory, BothVersions]
    public async Task Publish_at_qos0_where_it_may_not_is_just_not_taken(ProtocolVersion version)
    {
        await using var broker = Forbidding();
        await using var client = await broker.ConnectAsync("a", version);

        await client.PublishAsync("forbidden", "x");

        await client.ExpectNothingAsync();
        Assert.Empty(broker.Sink.Messages);
        Assert.Equal(1, broker.Metrics.MessagesRefused);
    }

    [Fact]
    public async Task Payload_that_the_sink_refuses_is_answered_with_its_reason()
    {
        await using var broker = new InMemoryBroker();
        broker.Sink.Refuse = _ => Acceptance.Refused(ReasonCode.PayloadFormatInvalid, "not JSON");
        await using var client = await broker.ConnectAsync("a", V5);
        await client.SubscribeAsync("t", AtLeastOnce);

        await client.PublishAsync("t", "x", AtLeastOnce, 1);

        var answer = await client.ExpectAsync<PubAckPacket>();
        Assert.Equal((ReasonCode.PayloadFormatInvalid, "not JSON"), (answer.Reason, answer.Properties.ReasonString));
        await client.ExpectNothingAsync();      // and it is not routed
        Assert.Equal(0, broker.Metrics.MessagesAcked);
    }

    [Theory]
    [InlineData(AtLeastOnce)]
    [InlineData(ExactlyOnce)]
    public async Task Payload_that_the_sink_refuses_is_acknowledged_to_3_1_1_which_would_send_it_for_ever(QualityOfService qos)
    {
        await using var broker = new InMemoryBroker();
        broker.Sink.Refuse = _ => Acceptance.Refused(ReasonCode.PayloadFormatInvalid, "not JSON", "payload-not-json");
        await using var client = await broker.ConnectAsync("a", ProtocolVersion.V311);
        await client.SubscribeAsync("t", AtLeastOnce);

        await client.PublishAsync("t", "x", qos, 1);

        await client.ExpectBytesAsync(qos == AtLeastOnce ? "40 02 00 01" : "50 02 00 01");
        await client.ExpectNothingAsync();      // and it is not routed
        Assert.Equal(1, broker.Metrics.RefusalsByReason()["payload-not-json"]);
    }

    [Fact]
    public async Task Client_that_wants_no_explanation_gets_none()
    {
        await using var broker = Forbidding();
        await using var client = await broker.ConnectAsync("a", V5, properties: new PropertyBlock { RequestProblemInformation = false });

        await client.PublishAsync("forbidden", "x", AtLeastOnce, 1);

        await client.ExpectBytesAsync("40 03 00 01 87");        // [MQTT-3.1.2-29]
    }

    [Fact]
    public async Task Explanation_that_does_not_fit_the_clients_packets_is_left_out()
    {
        await using var broker = Forbidding();
        await using var client = await broker.ConnectAsync("a", V5, properties: new PropertyBlock { MaximumPacketSize = 600 });

        await client.PublishAsync("forbidden/" + new string('x', 700), "x", AtLeastOnce, 1);

        await client.ExpectBytesAsync("40 03 00 01 87");        // [MQTT-3.4.2-2]
    }

    [Fact]
    public async Task Explanation_that_no_packet_can_hold_is_left_out()
    {
        await using var broker = new InMemoryBroker();
        broker.Sink.Refuse = _ => Acceptance.Refused(ReasonCode.PayloadFormatInvalid, new string('x', 70_000));
        await using var client = await broker.ConnectAsync("a", V5);

        await client.PublishAsync("t", "x", AtLeastOnce, 1);

        await client.ExpectBytesAsync("40 03 00 01 99");
    }

    [Fact]
    public async Task Suback_says_in_words_what_was_wrong_with_the_first_refused_filter()
    {
        await using var broker = Forbidding();
        await using var client = await broker.ConnectAsync("a", V5);

        var answer = await client.SubscribeAsync(null,
            new SubscriptionRequest(TopicFilter.Parse("t"), AtMostOnce), new SubscriptionRequest(TopicFilter.Parse("forbidden/1"), AtMostOnce), new SubscriptionRequest(TopicFilter.Parse("forbidden/2"), AtMostOnce));

        Assert.Equal("Filter forbidden/1 is not this client's to subscribe.", answer.Properties.ReasonString);
    }

    [Fact]
    public async Task Suback_says_nothing_in_words_to_who_wants_no_explanation()
    {
        await using var broker = Forbidding();
        await using var client = await broker.ConnectAsync("a", V5, properties: new PropertyBlock { RequestProblemInformation = false });

        var answer = await client.SubscribeAsync(null, new SubscriptionRequest(TopicFilter.Parse("forbidden"), AtMostOnce));

        Assert.Null(answer.Properties.ReasonString);         // [MQTT-3.1.2-29]
    }

    [Theory, BothVersions]
    public async Task Refusals_are_counted_by_reason_and_the_latest_are_kept(ProtocolVersion version)
    {
        await using var broker = Forbidding();
        await using var client = await broker.ConnectAsync("a", version);

        for (var n = 1; n <= 1_080; n++)
        {
            await client.PublishAsync($"forbidden/{n}", "x");
            if (n % 90 != 0) continue;
            await client.ExpectNothingAsync();
            broker.Clock.Advance(TimeSpan.FromSeconds(1));      // a hundred a second are kept
        }
        await client.SubscribeAsync("forbidden/#");

        Assert.Equal(1_080, broker.Metrics.RefusalsByReason()["publish-not-authorized"]);
        Assert.Equal(1, broker.Metrics.RefusalsByReason()["subscribe-not-authorized"]);
        var recent = broker.Refusals.Recent();
        Assert.Equal(1_000, recent.Count);
        Assert.Equal((RefusalDoor.Subscribe, "a"), (recent[0].Door, recent[0].ClientId));
        Assert.Contains("forbidden/1080", recent[1].Detail, StringComparison.Ordinal);
    }

    [Theory, BothVersions]
    public async Task Each_refusal_has_a_line_in_the_log_that_names_reason_client_and_address(ProtocolVersion version)
    {
        await using var broker = Forbidding();
        await using var client = await broker.ConnectAsync("pump-7", version);

        await client.PublishAsync("forbidden/topic", "x");
        await client.ExpectNothingAsync();

        var line = Assert.Single(broker.Log.Lines, line => line.Contains("Refused", StringComparison.Ordinal));
        Assert.All(new[] { "publish-not-authorized", "pump-7", "127.0.0.1", "forbidden/topic" }, part => Assert.Contains(part, line, StringComparison.Ordinal));
    }

    [Theory, BothVersions]
    public async Task Refused_client_cannot_forge_or_fill_the_log(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        broker.Access.Admit = connect => new Admission.Refused(ReasonCode.ClientIdentifierNotValid, "client-id-mismatch", $"Not '{connect.ClientId}'.");
        await using var client = broker.Open(version);

        await client.ConnectAsync("x\nError: all is lost" + new string('x', 10_000));

        var refusal = Assert.Single(broker.Refusals.Recent());
        Assert.StartsWith("x?Error", refusal.ClientId, StringComparison.Ordinal);
        Assert.All(broker.Log.Lines, line => Assert.True(line.Length < 1_000 && !line.Contains('\n')));
    }

    private static InMemoryBroker Forbidding()
    {
        var broker = new InMemoryBroker();
        broker.Access.PublishAnswer = (_, topic) => !topic.Value.StartsWith("forbidden", StringComparison.Ordinal);
        broker.Access.SubscribeAnswer = (_, filter) => !filter.Value.StartsWith("forbidden", StringComparison.Ordinal);
        return broker;
    }
}
