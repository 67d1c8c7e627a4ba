using System.Text;

namespace IoTFleet.Conformance.Packets;

/// <summary>Sections 3.1.2.5 to 3.1.2.7 and 3.1.3.2: the will.</summary>
public sealed class WillTests : ConformanceTest
{
    private const int CleanStart = 0x02;
    private const int WillFlag = 0x04;
    private const int WillRetain = 0x20;

    [Theory, BothVersions]
    public async Task Will_is_published_when_the_connection_is_lost(ProtocolVersion version)
    {
        var watching = await SubscriberAsync("b", version);
        var client = await ConnectAsync("a", version, will: Will("gone"));
        await Target.LoseAsync(client);
        await watching.ExpectMessageAsync("gone");
    }

    [Theory, BothVersions]
    public async Task Will_is_published_when_the_client_breaks_the_protocol(ProtocolVersion version)
    {
        var watching = await SubscriberAsync("b", version);
        var client = await ConnectAsync("a", version, will: Will("gone"));
        await client.SendAsync("00 00");
        await watching.ExpectMessageAsync("gone");
    }

    [Theory, BothVersions]
    public async Task Will_is_published_when_a_newer_connection_ends_the_older(ProtocolVersion version)
    {
        var watching = await SubscriberAsync("b", version);
        await ConnectToStayAsync("a", version, will: Will("gone"));
        await ConnectToStayAsync("a", version);
        await watching.ExpectMessageAsync("gone");
    }

    [Theory]
    [BothVersions(0)]
    [OnlyVersion(V5, 600)]
    public async Task Will_is_published_when_a_clean_start_ends_its_session(ProtocolVersion version, int delay)
    {
        var watching = await SubscriberAsync("b", version);
        await ConnectToStayAsync("a", version, will: Will("gone", properties: new PropertyBlock { WillDelayInterval = (uint)delay }));
        await ConnectAsync("a", version);
        await Target.PassAsync(Seconds(2));     // a server may look for what is due now and then
        await watching.ExpectMessageAsync("gone");
    }

    [Theory, BothVersions]
    public async Task Will_is_published_once(ProtocolVersion version)
    {
        var watching = await SubscriberAsync("b", version);
        await Target.LoseAsync(await ConnectToStayAsync("a", version, will: Will("gone")));
        await watching.ExpectMessageAsync("gone");

        var back = await ConnectToStayAsync("a", version);
        await Target.LoseAsync(back);
        await ExpectNothingElseAsync(watching, await ConnectAsync("c", version));
    }

    [Theory, BothVersions]
    public async Task Will_is_discarded_when_the_client_says_goodbye(ProtocolVersion version)
    {
        var watching = await SubscriberAsync("b", version);
        await LeaveAsync(await ConnectAsync("a", version, will: Will("gone")));
        await ExpectNothingElseAsync(watching, await ConnectAsync("c", version));
    }

    [Theory]
    [OnlyVersion(V5, ReasonCode.DisconnectWithWill)]
    [OnlyVersion(V5, ReasonCode.UnspecifiedError)]
    public async Task Will_is_published_when_the_goodbye_has_another_reason(ProtocolVersion version, ReasonCode reason)
    {
        var watching = await SubscriberAsync("b", version);
        var client = await ConnectAsync("a", version, will: Will("gone"));
        await client.SendAsync(new DisconnectPacket { Reason = reason });
        await watching.ExpectMessageAsync("gone");
    }

    [Theory, BothVersions]
    public async Task Client_without_a_will_leaves_none(ProtocolVersion version)
    {
        var watching = await ConnectAsync("b", version);
        await SubscribeAsync(watching, "#");
        await Target.LoseAsync(await ConnectAsync("a", version));
        var other = await ConnectAsync("c", version);
        await other.PublishAsync(Topic(), "first");
        await watching.ExpectMessageAsync("first");
    }

    [Theory]
    [BothVersions(AtMostOnce)]
    [BothVersions(AtLeastOnce)]
    [BothVersions(ExactlyOnce)]
    public async Task Will_has_the_QoS_of_the_flags(ProtocolVersion version, QualityOfService qos)
    {
        var watching = await SubscriberAsync("b", version, qos: ExactlyOnce);
        await Target.LoseAsync(await ConnectAsync("a", version, will: Will("gone", qos)));
        Assert.Equal(qos, (await watching.ExpectMessageAsync("gone")).Qos);
    }

    [Theory]
    [BothVersions(true)]
    [BothVersions(false)]
    public async Task Will_is_retained_as_the_flags_say(ProtocolVersion version, bool retain)
    {
        var watching = await SubscriberAsync("b", version);
        await Target.LoseAsync(await ConnectAsync("a", version, will: Will("gone", retain: retain)));
        await watching.ExpectMessageAsync("gone");

        var later = await SubscriberAsync("c", version);
        if (retain) Assert.True((await later.ExpectMessageAsync("gone")).Retain);
        await later.ExpectNothingAsync();
    }

    [Theory]
    [BothVersions("no topic")]
    [BothVersions("no payload", "topic")]
    public async Task Will_flag_without_its_fields_ends_the_connection(ProtocolVersion version, string what, params string[] fields)
    {
        Assert.NotEmpty(what);
        byte[][] payload = [Raw.Text(Id("a")), Raw.NoProperties(version), .. fields.Select(Raw.Text)];
        var client = await SendFirstAsync(version, Raw.Connect(version, CleanStart | WillFlag, payload));
        await ExpectEndAsync(client, ReasonCode.MalformedPacket, ReasonCode.TopicNameInvalid);
    }

    [Theory, BothVersions]
    public async Task Will_fields_without_the_flag_end_the_connection(ProtocolVersion version)
    {
        var client = await SendFirstAsync(version, Raw.Connect(version, CleanStart, Raw.Text(Id("a")), Raw.NoProperties(version), Raw.Text(Topic()), Raw.Text("gone")));
        await ExpectEndAsync(client, ReasonCode.MalformedPacket);
    }

    [Theory]
    [BothVersions("will QoS 1", 0x08)]
    [BothVersions("will QoS 2", 0x10)]
    [BothVersions("will retain", WillRetain)]
    public async Task Will_options_without_the_flag_end_the_connection(ProtocolVersion version, string what, int flags)
    {
        Assert.NotEmpty(what);
        var client = await SendFirstAsync(version, Raw.Connect(version, CleanStart | flags, Raw.Text(Id("a"))));
        await ExpectEndAsync(client, ReasonCode.MalformedPacket);
    }

    [Theory, BothVersions]
    public async Task Will_QoS_of_three_ends_the_connection(ProtocolVersion version)
    {
        var client = await SendFirstAsync(version, Raw.Connect(version, CleanStart | WillFlag | 0x18, Raw.Text(Id("a")), Raw.NoProperties(version), Raw.Text(Topic()), Raw.Text("gone")));
        await ExpectEndAsync(client, ReasonCode.MalformedPacket);
    }

    [Theory]
    [BothVersions("C0 80")]
    [BothVersions("61 00")]
    public async Task Ill_formed_will_topic_ends_the_connection(ProtocolVersion version, string hex)
    {
        var client = await SendFirstAsync(version, Raw.Connect(version, CleanStart | WillFlag, Raw.Text(Id("a")), Raw.NoProperties(version), Raw.Text(Raw.Hex(hex)), Raw.Text("gone")));
        await ExpectEndAsync(client, ReasonCode.MalformedPacket, ReasonCode.TopicNameInvalid);
    }

    [Theory, OnlyVersion(V5)]
    public async Task Will_waits_for_its_delay(ProtocolVersion version)
    {
        var watching = await SubscriberAsync("b", version);
        var other = await ConnectAsync("c", version);
        await Target.LoseAsync(await ConnectToStayAsync("a", version, will: Will("gone", properties: new PropertyBlock { WillDelayInterval = 3 })));
        await ExpectNothingElseAsync(watching, other);
        await Target.PassAsync(Seconds(4));
        await watching.ExpectMessageAsync("gone");
    }

    [Theory, OnlyVersion(V5)]
    public async Task Will_is_published_with_the_end_of_its_session_at_the_latest(ProtocolVersion version)
    {
        var watching = await SubscriberAsync("b", version);
        await Target.LoseAsync(await ConnectToStayAsync("a", version, new PropertyBlock { SessionExpiryInterval = 1 }, Will("gone", properties: new PropertyBlock { WillDelayInterval = 600 })));
        await Target.PassAsync(Seconds(3));
        await watching.ExpectMessageAsync("gone");
    }

    [Theory, OnlyVersion(V5)]
    public async Task Will_is_not_published_when_the_client_is_back_before_its_delay(ProtocolVersion version)
    {
        var watching = await SubscriberAsync("b", version);
        await Target.LoseAsync(await ConnectToStayAsync("a", version, will: Will("gone", properties: new PropertyBlock { WillDelayInterval = 3 })));
        var back = await ConnectToStayAsync("a", version);
        await Target.PassAsync(Seconds(4));
        await ExpectNothingElseAsync(watching, back);
    }

    [Theory, OnlyVersion(V5)]
    public async Task Will_keeps_its_properties_and_their_order(ProtocolVersion version)
    {
        UserProperty[] user = [new("b", "2"), new("a", "1"), new("b", "1")];
        var properties = new PropertyBlock { UserProperties = user, ContentType = "text/plain", PayloadFormatIndicator = 1, CorrelationData = "c"u8.ToArray() };
        var watching = await SubscriberAsync("b", version);
        await Target.LoseAsync(await ConnectAsync("a", version, will: Will("gone", properties: properties)));

        var will = (await watching.ExpectMessageAsync("gone")).Properties;
        Assert.Equal(user, will.UserProperties);
        Assert.Equal(("text/plain", (byte?)1, "c"), (will.ContentType, will.PayloadFormatIndicator, Encoding.UTF8.GetString(will.CorrelationData!.Value.Span)));
    }
}
