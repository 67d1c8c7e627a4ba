namespace IoTFleet.Conformance.Packets;

/// <summary>Section 3.2, CONNACK.</summary>
public sealed class ConnackTests : ConformanceTest
{
    [Theory, BothVersions]
    public async Task First_packet_of_the_server_is_CONNACK(ProtocolVersion version)
    {
        var client = await OpenAsync(version);
        await client.SendAsync(
            new ConnectPacket { Version = version, ClientId = Id("a"), CleanStart = true, KeepAlive = 60 },
            PingReqPacket.Instance,
            new SubscribePacket { PacketId = 1, Subscriptions = [new(TopicFilter.Parse(Topic()), AtMostOnce)] });
        await client.ExpectAsync<ConnAckPacket>();
        await client.ExpectAsync<PingRespPacket>();
        await client.ExpectAsync<SubAckPacket>();
        await client.ExpectNothingAsync();
    }

    [Theory, BothVersions]
    public async Task CONNACK_comes_before_what_waits_for_the_client(ProtocolVersion version)
    {
        var client = await ConnectToStayAsync("a", version);
        await SubscribeAsync(client, qos: AtLeastOnce);
        await LeaveAsync(client);
        var publisher = await ConnectAsync("b", version);
        await publisher.PublishAsync(Topic(), "x", AtLeastOnce, 1);
        await publisher.ExpectAsync<PubAckPacket>();
        await SettleAsync(publisher);

        var (back, answer) = await ReturnAsync("a", version);       // fails on any other packet
        Assert.True(answer.SessionPresent);
        await back.ExpectMessageAsync("x");
    }

    [Theory, BothVersions]
    public async Task Acceptance_is_a_code_of_zero_and_clean_flags(ProtocolVersion version)
    {
        var client = await OpenAsync(version);
        await client.SendAsync(Raw.Connect(version, 0x02, Raw.Text(Id("a"))));
        var bytes = await client.ReceiveBytesAsync(4);
        Assert.Equal((0x20, 0x00, 0x00), (bytes[0], bytes[2], bytes[3]));
    }

    [Theory, BothVersions]
    public async Task Clean_start_has_no_session_present(ProtocolVersion version)
    {
        await LeaveAsync(await ConnectToStayAsync("a", version));
        var client = await OpenAsync(version);
        var answer = await client.ConnectAsync(Id("a"), cleanStart: true);
        Assert.Equal((ReasonCode.Success, false), (answer.Reason, answer.SessionPresent));
    }

    [Theory, BothVersions]
    public async Task Stored_session_is_present(ProtocolVersion version)
    {
        await LeaveAsync(await ConnectToStayAsync("a", version));
        Assert.True((await ReturnAsync("a", version)).Answer.SessionPresent);
    }

    [Theory, BothVersions]
    public async Task Session_that_was_never_there_is_not_present(ProtocolVersion version) =>
        Assert.False((await ReturnAsync("a", version)).Answer.SessionPresent);

    [Theory, BothVersions]
    public async Task Refusal_has_no_session_present_and_closes(ProtocolVersion version)
    {
        var broker = Target.InProcess("refuse a client that has a session");
        await LeaveAsync(await ConnectToStayAsync("a", version));
        broker.Access.Admit = _ => new Broker.Connections.Admission.Refused(ReasonCode.NotAuthorized, "test", "Not today.");
        var client = await OpenAsync(version);
        await client.SendAsync(Raw.Connect(version, 0, Raw.Text(Id("a"))));
        var bytes = await client.ReceiveBytesAsync(4);
        Assert.Equal((0, version == V5 ? 0x87 : 5), (bytes[2], bytes[3]));
        await client.ReceiveBytesAsync(int.MaxValue);       // returns when the server has closed
    }

    [Theory, OnlyVersion(V5)]
    public async Task Refusal_of_a_protocol_level_has_no_session_present_and_closes(ProtocolVersion version)
    {
        var client = await OpenAsync(version);
        await client.SendAsync(Raw.Packet(0x10, Raw.Text("MQTT"), [7, 2, 0, 60, 0], Raw.Text(Id("a"))));
        var answer = await client.ReceiveBytesAsync(4);
        if (answer.Length > 0) Assert.Equal((0x20, 0x00), (answer[0], answer[2]));
        await client.ReceiveBytesAsync(int.MaxValue);       // returns when the server has closed
    }

    [Theory, OnlyVersion(V5)]
    public async Task All_QoS_levels_and_retained_messages_are_offered(ProtocolVersion version)
    {
        var client = await OpenAsync(version);
        var terms = (await client.ConnectAsync(Id("a"))).Properties;
        Assert.Null(terms.MaximumQos);
        Assert.NotEqual(false, terms.RetainAvailable);
        Assert.NotEqual(false, terms.WildcardSubscriptionAvailable);
        Assert.NotEqual(false, terms.SubscriptionIdentifiersAvailable);
        Assert.NotEqual(false, terms.SharedSubscriptionAvailable);
    }

    [Theory, OnlyVersion(V5)]
    public async Task Reason_string_is_left_out_where_it_would_be_too_large(ProtocolVersion version)
    {
        var detail = new string('x', 200);
        Target.InProcess("refuse a client").Access.Admit = _ => new Broker.Connections.Admission.Refused(ReasonCode.NotAuthorized, "test", detail);
        var roomy = await OpenAsync(version);
        Assert.Equal(detail, (await roomy.ConnectAsync(Id("a"))).Properties.ReasonString);
        var narrow = await OpenAsync(version);
        Assert.Null((await narrow.ConnectAsync(Id("b"), properties: new PropertyBlock { MaximumPacketSize = 100 })).Properties.ReasonString);
    }

    [Theory, OnlyVersion(V5)]
    public async Task Packet_larger_than_the_server_takes_ends_the_connection(ProtocolVersion version)
    {
        var client = await OpenAsync(version);
        var limit = (await client.ConnectAsync(Id("a"))).Properties.MaximumPacketSize;
        Assert.SkipWhen(limit is null or > 10_000_000, "This server names no limit.");
        await client.SendAsync(Raw.Packet(0x30, Raw.Text(Topic()), [0], new byte[limit.Value]).AsMemory(0, 64));      // the announcement is enough
        await ExpectEndAsync(client, ReasonCode.PacketTooLarge);
    }

    [Theory, OnlyVersion(V5)]
    public async Task Without_being_asked_the_server_gives_no_response_information(ProtocolVersion version)
    {
        foreach (var asked in (bool?[])[null, false])
        {
            var client = await OpenAsync(version);
            var answer = await client.ConnectAsync(Id("a"), properties: new PropertyBlock { RequestResponseInformation = asked });
            Assert.Null(answer.Properties.ResponseInformation);
        }
    }

    [Theory, OnlyVersion(V5)]
    public async Task Assigned_identifiers_are_given_to_nobody_else(ProtocolVersion version)
    {
        HashSet<string?> given = [null, ""];
        for (var i = 0; i < 20; i++)
        {
            var client = await OpenAsync(version);
            Assert.True(given.Add((await client.ConnectAsync("")).Properties.AssignedClientIdentifier));
        }
    }
}
