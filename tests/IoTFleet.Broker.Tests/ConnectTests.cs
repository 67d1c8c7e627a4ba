using IoTFleet.Broker.Connections;

namespace IoTFleet.Broker.Tests;

public sealed class ConnectTests
{
    [Fact]
    public async Task Connect_of_a_3_1_1_client_is_answered_with_four_bytes()
    {
        await using var broker = new InMemoryBroker();
        await using var client = broker.Open(V311);

        await client.SendAsync("10 0F 00 04 4D515454 04 02 003C 0003 612D31");

        await client.ExpectBytesAsync("20 02 00 00");
    }

    [Fact]
    public async Task Connect_of_a_5_0_client_is_told_the_terms()
    {
        await using var broker = new InMemoryBroker(options => options.ReceiveMaximum = 7);
        await using var client = broker.Open(V5);

        var answer = await client.ConnectAsync("a");

        Assert.Equal(
            new PropertyBlock { ReceiveMaximum = 7, MaximumPacketSize = 256 * 1024, TopicAliasMaximum = 16, SharedSubscriptionAvailable = true },
            answer.Properties);
    }

    [Fact]
    public async Task Session_expiry_above_the_longest_is_shortened_and_told()
    {
        await using var broker = new InMemoryBroker(options => options.MaxSessionExpiry = TimeSpan.FromHours(1));
        await using var client = broker.Open(V5);

        var answer = await client.ConnectAsync("a", properties: new PropertyBlock { SessionExpiryInterval = uint.MaxValue });

        Assert.Equal(3600u, answer.Properties.SessionExpiryInterval);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3601)]
    public async Task Keep_alive_of_none_or_too_long_is_replaced_and_told(ushort asked)
    {
        await using var broker = new InMemoryBroker(options => options.MaxKeepAlive = TimeSpan.FromHours(1));
        await using var client = broker.Open(V5);

        var answer = await client.ConnectAsync("a", keepAlive: asked);

        Assert.Equal((ushort)3600, answer.Properties.ServerKeepAlive);
    }

    [Theory, BothVersions]
    public async Task Connect_in_single_bytes_is_accepted(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var client = broker.Open(version);
        var connect = version == V5 ? "10 10 00 04 4D515454 05 02 003C 00 0003 612D31" : "10 0F 00 04 4D515454 04 02 003C 0003 612D31";

        foreach (var one in Convert.FromHexString(connect.Replace(" ", "", StringComparison.Ordinal))) await client.SendAsync(new[] { one });

        Assert.Equal(ReasonCode.Success, (await client.ExpectAsync<ConnAckPacket>()).Reason);
    }

    [Theory, BothVersions]
    public async Task Packets_sent_together_with_connect_are_taken(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var client = broker.Open(version);

        await client.SendAsync(new ConnectPacket { Version = version, ClientId = "a", CleanStart = true }, RawClient.Publish("t", "x", AtLeastOnce, 1));

        await client.ExpectAsync<ConnAckPacket>();
        await client.ExpectAckAsync(1);
    }

    [Theory, BothVersions]
    public async Task First_packet_other_than_connect_closes_without_a_word(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var client = broker.Open(version);

        await client.PublishAsync("t", "x");

        await client.ExpectClosedAsync();
        Assert.Empty(broker.Sink.Messages);
        Assert.Equal("protocol-error", Assert.Single(broker.Refusals.Recent()).Reason);
    }

    [Theory]
    [InlineData("10 0D 00 04 4D515454 07 02 003C 0001 61")]             // level 7
    [InlineData("10 0F 00 06 4D5149736470 03 02 003C 0001 61")]         // MQTT 3.1
    public async Task Unknown_protocol_version_is_refused_in_words_that_any_client_knows(string connect)
    {
        await using var broker = new InMemoryBroker();
        await using var client = broker.Open(V311);

        await client.SendAsync(connect);

        await client.ExpectBytesAsync("20 02 00 01");
        await client.ExpectClosedAsync();
        Assert.Equal("unsupported-protocol-version", Assert.Single(broker.Refusals.Recent()).Reason);
    }

    [Theory]
    [InlineData("10 0D 00 04 4D515454 04 03 003C 0001 61")]             // reserved flag [MQTT-3.1.2-3]
    [InlineData("10 0D 00 04 4D515454 04 02 003C 0009 61")]             // client id runs past the end
    [InlineData("10 06 00 04 4D515454")]                                // ends before its version
    public async Task Malformed_connect_closes_without_a_word(string connect)
    {
        await using var broker = new InMemoryBroker();
        await using var client = broker.Open(V311);

        await client.SendAsync(connect);

        await client.ExpectClosedAsync();
        Assert.Equal("malformed-packet", Assert.Single(broker.Refusals.Recent()).Reason);
    }

    [Theory]
    [InlineData("10 0E 00 04 4D515454 05 03 003C 00 0001 61", ReasonCode.MalformedPacket)]                      // reserved flag [MQTT-3.1.2-3]
    [InlineData("10 0E 00 04 4D515454 05 02 003C 00 0009 61", ReasonCode.MalformedPacket)]                      // client id runs past the end
    [InlineData("10 14 00 04 4D515454 05 02 003C 06 21 0001 21 0001 0001 61", ReasonCode.ProtocolError)]        // Receive Maximum twice
    [InlineData("10 11 00 04 4D515454 05 02 003C 03 21 0000 0001 61", ReasonCode.ProtocolError)]                // Receive Maximum of 0
    public async Task Connect_of_5_0_that_cannot_be_read_is_answered(string connect, ReasonCode reason)
    {
        await using var broker = new InMemoryBroker();
        await using var client = broker.Open(V5);

        await client.SendAsync(connect);

        var answer = await client.ExpectAsync<ConnAckPacket>();
        Assert.Equal(reason, answer.Reason);
        Assert.NotNull(answer.Properties.ReasonString);
        await client.ExpectClosedAsync();
    }

    [Theory, BothVersions]
    public async Task Policy_names_a_client_that_has_no_id(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        broker.Access.Admit = _ => new Admission.Accepted(new NamedPrincipal("service-1"));
        await using var client = broker.Open(version);

        var answer = await client.ConnectAsync("");

        Assert.Equal((ReasonCode.Success, version == V5 ? "service-1" : null), (answer.Reason, answer.Properties.AssignedClientIdentifier));     // [MQTT-3.2.2-16]
        Assert.NotNull(broker.Broker.ConnectedSince("service-1"));
    }

    [Fact]
    public async Task Client_that_has_an_id_is_not_told_one()
    {
        await using var broker = new InMemoryBroker();
        await using var client = broker.Open(V5);

        Assert.Null((await client.ConnectAsync("a")).Properties.AssignedClientIdentifier);
    }

    [Theory, BothVersions]
    public async Task Client_without_an_id_that_the_policy_does_not_name_is_refused(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var client = broker.Open(version);

        Assert.Equal(ReasonCode.ClientIdentifierNotValid, (await client.ConnectAsync("")).Reason);
        await client.ExpectClosedAsync();
    }

    [Fact]
    public async Task Client_of_3_1_1_without_an_id_must_ask_for_a_clean_session()
    {
        await using var broker = new InMemoryBroker();
        broker.Access.Admit = _ => new Admission.Accepted(new NamedPrincipal("service-1"));
        await using var client = broker.Open(V311);

        await client.SendAsync(new ConnectPacket { Version = V311, ClientId = "", CleanStart = false });

        await client.ExpectBytesAsync("20 02 00 02");       // 3.1.1 [MQTT-3.1.3-8]
        await client.ExpectClosedAsync();
    }

    [Fact]
    public async Task Client_of_5_0_without_an_id_may_ask_for_a_session_that_stays()
    {
        await using var broker = new InMemoryBroker();
        broker.Access.Admit = _ => new Admission.Accepted(new NamedPrincipal("service-1"));
        await using var client = broker.Open(V5);

        var answer = await client.ConnectAsync("", cleanStart: false, properties: new PropertyBlock { SessionExpiryInterval = 60 });

        Assert.Equal("service-1", answer.Properties.AssignedClientIdentifier);
    }

    [Theory]
    [InlineData(true, "devices/a/")]
    [InlineData(false, null)]
    [InlineData(null, null)]
    public async Task Response_information_is_given_to_who_asks_for_it(bool? asked, string? expected)
    {
        await using var broker = new InMemoryBroker();
        broker.Access.Admit = connect => new Admission.Accepted(new RespondingPrincipal(connect.ClientId));
        await using var client = broker.Open(V5);

        var answer = await client.ConnectAsync("a", properties: new PropertyBlock { RequestResponseInformation = asked });

        Assert.Equal(expected, answer.Properties.ResponseInformation);      // [MQTT-3.1.2-28]
    }

    [Theory, BothVersions]
    public async Task User_name_and_password_are_ignored(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var client = broker.Open(version);

        await client.SendAsync(new ConnectPacket { Version = version, ClientId = "a", UserName = "somebody else", Password = new byte[] { 1 } });

        Assert.Equal(ReasonCode.Success, (await client.ExpectAsync<ConnAckPacket>()).Reason);
        Assert.NotNull(broker.Broker.ConnectedSince("a"));
    }

    [Theory, BothVersions]
    public async Task Second_connect_ends_the_connection(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectAsync("a", version);

        await client.SendAsync(new ConnectPacket { Version = version, ClientId = "a" });

        await client.ExpectDisconnectAsync(ReasonCode.ProtocolError);
    }

    [Theory]
    [InlineData(V311, V5)]
    [InlineData(V5, V311)]
    public async Task Second_connect_of_another_version_is_answered_in_the_first(ProtocolVersion first, ProtocolVersion second)
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectAsync("a", first);

        await client.SendAsync(new ConnectPacket { Version = second, ClientId = "a" });

        await client.ExpectDisconnectAsync(ReasonCode.ProtocolError);
    }

    [Fact]
    public async Task Second_connect_of_an_unknown_version_is_a_protocol_error()
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectAsync("a", V5);

        await client.SendAsync("10 0D 00 04 4D515454 07 02 003C 0001 61");

        await client.ExpectDisconnectAsync(ReasonCode.ProtocolError);       // 0x84 may not stand in DISCONNECT
    }

    [Theory, BothVersions]
    public async Task No_connect_within_the_deadline_closes(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var client = broker.Open(version);

        await broker.AdvanceUntilAsync(client.Handled);

        await client.ExpectClosedAsync();
        Assert.Equal("connect-timeout", Assert.Single(broker.Refusals.Recent()).Reason);
    }

    [Theory, BothVersions]
    public async Task Half_a_connect_does_not_stretch_the_deadline(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var client = broker.Open(version);
        await client.SendAsync("10 0F 00 04 4D51");

        await broker.AdvanceUntilAsync(client.Handled);

        Assert.Equal("connect-timeout", Assert.Single(broker.Refusals.Recent()).Reason);
    }

    [Theory, BothVersions]
    public async Task Peer_that_goes_before_connect_is_no_refusal(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        var client = broker.Open(version);

        await client.LoseAsync();

        Assert.Empty(broker.Refusals.Recent());
        Assert.Equal(0, broker.Metrics.Connections);
    }

    [Fact]
    public async Task Extended_authentication_is_refused()
    {
        await using var broker = new InMemoryBroker();
        await using var client = broker.Open(V5);

        var answer = await client.ConnectAsync("a", properties: new PropertyBlock { AuthenticationMethod = "SCRAM-SHA-1" });

        Assert.Equal(ReasonCode.BadAuthenticationMethod, answer.Reason);
        await client.ExpectClosedAsync();
    }

    [Theory, BothVersions]
    public async Task Connected_client_can_be_looked_up_until_it_goes(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        Assert.Null(broker.Broker.ConnectedSince("a"));

        await using var client = await broker.ConnectAsync("a", version);
        Assert.Equal(broker.Clock.GetUtcNow(), broker.Broker.ConnectedSince("a"));
        Assert.Equal("a", broker.Broker.ConnectedAs("a")?.ClientId);

        await client.LeaveAsync();
        Assert.Null(broker.Broker.ConnectedSince("a"));
        Assert.Null(broker.Broker.ConnectedAs("a"));
    }

    private sealed class RespondingPrincipal(string clientId) : Principal(clientId)
    {
        public override string ResponseInformation => $"devices/{ClientId}/";
    }
}
