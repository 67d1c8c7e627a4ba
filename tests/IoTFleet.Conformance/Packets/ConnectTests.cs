using System.Text;

namespace IoTFleet.Conformance.Packets;

/// <summary>Section 3.1, CONNECT: what the first packet must be like, and who is let in.</summary>
public sealed class ConnectTests : ConformanceTest
{
    private const int CleanStart = 0x02;
    private const int PasswordFlag = 0x40;
    private const int UserNameFlag = 0x80;

    [Theory]
    [BothVersions("PINGREQ", "C0 00")]
    [BothVersions("DISCONNECT", "E0 00")]
    [BothVersions("PUBLISH", "30 04 00 01 61 78")]
    public async Task First_packet_other_than_CONNECT_ends_the_connection(ProtocolVersion version, string what, string packet)
    {
        Assert.NotEmpty(what);
        var client = await SendFirstAsync(version, Raw.Hex(packet));
        await ExpectEndAsync(client, ReasonCode.ProtocolError);
    }

    [Theory, BothVersions]
    public async Task Second_CONNECT_ends_the_connection(ProtocolVersion version)
    {
        var client = await ConnectAsync("a", version);
        await client.SendAsync(new ConnectPacket { Version = version, ClientId = Id("a"), CleanStart = true });
        var last = await client.ReceiveAsync();
        Assert.True(last is null or DisconnectPacket { Reason: ReasonCode.ProtocolError }, $"Got {last?.GetType().Name}.");     // and no second CONNACK
        if (last is not null) await client.ExpectClosedAsync();
    }

    [Theory, BothVersions]
    public async Task Other_protocol_name_is_not_let_in(ProtocolVersion version)
    {
        var client = await SendFirstAsync(version, Raw.Packet(0x10, Raw.Text("MQTX"), [(byte)version, CleanStart, 0, 60], Raw.NoProperties(version), Raw.Text(Id("a"))));
        await ExpectNotSpokenAsync(client);
    }

    [Theory]
    [OnlyVersion(V311, "MQTT", 3)]
    [OnlyVersion(V311, "MQIsdp", 3)]
    [OnlyVersion(V311, "MQTT", 2)]
    public async Task Older_protocol_level_is_refused_in_its_own_words(ProtocolVersion version, string name, int level)
    {
        var client = await SendFirstAsync(version, Raw.Packet(0x10, Raw.Text(name), [(byte)level, CleanStart, 0, 60], Raw.Text(Id("a"))));
        await client.ExpectBytesAsync("20 02 00 01");
        await client.ExpectClosedAsync();
    }

    [Theory]
    [OnlyVersion(V5, 6)]
    [OnlyVersion(V5, 99)]
    public async Task Newer_protocol_level_is_refused(ProtocolVersion version, int level)
    {
        var client = await SendFirstAsync(version, Raw.Packet(0x10, Raw.Text("MQTT"), [(byte)level, CleanStart, 0, 60, 0], Raw.Text(Id("a"))));
        await ExpectNotSpokenAsync(client);
    }

    [Theory, BothVersions]
    public async Task Reserved_connect_flag_ends_the_connection(ProtocolVersion version)
    {
        var client = await SendFirstAsync(version, Raw.Connect(version, CleanStart | 1, Raw.Text(Id("a"))));
        await ExpectEndAsync(client, ReasonCode.MalformedPacket);
    }

    [Theory, BothVersions]
    public async Task Client_identifier_is_required(ProtocolVersion version)
    {
        var client = await SendFirstAsync(version, Raw.Connect(version, CleanStart));
        await ExpectEndAsync(client, ReasonCode.MalformedPacket);
    }

    [Theory]
    [BothVersions("FF")]
    [BothVersions("61 ED A0 80")]
    [BothVersions("61 00")]
    public async Task Ill_formed_client_identifier_ends_the_connection(ProtocolVersion version, string hex)
    {
        var client = await SendFirstAsync(version, Raw.Connect(version, CleanStart, Raw.Text(Raw.Hex(hex))));
        await ExpectEndAsync(client, ReasonCode.MalformedPacket, ReasonCode.ClientIdentifierNotValid);
    }

    [Theory]
    [BothVersions("z")]
    [BothVersions("0123456789abcdefghijklm")]
    [BothVersions("nopqrstuvwxyzABCDEFGHIJ")]
    [BothVersions("KLMNOPQRSTUVWXYZ")]
    public async Task Client_identifiers_that_every_server_must_take_are_taken(ProtocolVersion version, string clientId)
    {
        var client = await OpenAsync(version);
        Assert.Equal(ReasonCode.Success, (await client.ConnectAsync(clientId)).Reason);
    }

    [Theory, OnlyVersion(V5)]
    public async Task Empty_client_identifier_is_replaced_by_one_of_the_servers(ProtocolVersion version)
    {
        var client = await OpenAsync(version);
        var answer = await client.ConnectAsync("", properties: new PropertyBlock { SessionExpiryInterval = 60 });
        Assert.Equal(ReasonCode.Success, answer.Reason);
        var assigned = answer.Properties.AssignedClientIdentifier;
        Assert.NotEmpty(assigned!);
        await LeaveAsync(client);

        var again = await OpenAsync(version);       // as if the client had chosen it: its session is found by it
        Assert.True((await again.ConnectAsync(assigned!, cleanStart: false)).SessionPresent);
    }

    [Theory, OnlyVersion(V311)]
    public async Task Empty_client_identifier_is_taken_with_a_clean_session(ProtocolVersion version)
    {
        var client = await OpenAsync(version);
        Assert.Equal(ReasonCode.Success, (await client.ConnectAsync("")).Reason);
        await SubscribeAsync(client);
        await client.PublishAsync(Topic(), "x");
        await client.ExpectMessageAsync("x");
    }

    [Theory, BothVersions]
    public async Task Clients_without_an_identifier_do_not_get_into_each_others_way(ProtocolVersion version)
    {
        var (one, two) = (await OpenAsync(version), await OpenAsync(version));
        var (first, second) = (await one.ConnectAsync(""), await two.ConnectAsync(""));
        Assert.Equal((ReasonCode.Success, ReasonCode.Success), (first.Reason, second.Reason));
        if (version == V5) Assert.NotEqual(first.Properties.AssignedClientIdentifier, second.Properties.AssignedClientIdentifier);
        await one.ExpectNothingAsync();
        await two.ExpectNothingAsync();
    }

    [Theory, OnlyVersion(V311)]
    public async Task Empty_client_identifier_without_a_clean_session_is_refused(ProtocolVersion version)
    {
        var client = await SendFirstAsync(version, Raw.Connect(version, 0, Raw.Text("")));
        await client.ExpectBytesAsync("20 02 00 02");
        await client.ExpectClosedAsync();
    }

    [Theory, BothVersions]
    public async Task Client_identifier_that_the_server_rejects_is_answered_and_closed(ProtocolVersion version)
    {
        Target.InProcess("reject a client identifier").Access.Admit =
            _ => new Broker.Connections.Admission.Refused(ReasonCode.ClientIdentifierNotValid, "test", "Not this one.");
        var client = await OpenAsync(version);
        Assert.Equal(ReasonCode.ClientIdentifierNotValid, (await client.ConnectAsync(Id("a"))).Reason);
        await client.ExpectClosedAsync();
    }

    [Theory]
    [BothVersions(ReasonCode.NotAuthorized)]
    [BothVersions(ReasonCode.BadUserNameOrPassword)]
    [BothVersions(ReasonCode.ServerUnavailable)]
    [BothVersions(ReasonCode.Banned)]
    public async Task Client_that_is_refused_is_told_so_and_closed(ProtocolVersion version, ReasonCode reason)
    {
        Target.InProcess("refuse a client").Access.Admit = _ => new Broker.Connections.Admission.Refused(reason, "test", "Not today.");
        var client = await OpenAsync(version);
        var answer = await client.ConnectAsync(Id("a"));
        Assert.Equal(version == V311 && reason == ReasonCode.Banned ? ReasonCode.NotAuthorized : reason, answer.Reason);
        await client.ExpectClosedAsync();
    }

    [Theory, BothVersions]
    public async Task Nothing_behind_a_refused_CONNECT_is_processed(ProtocolVersion version)
    {
        var watching = await SubscriberAsync("b", version);
        var refused = Raw.Packet(0x10, Raw.Text("MQTT"), [99, CleanStart, 0, 60, 0], Raw.Text(Id("a")));
        var client = await SendFirstAsync(version, [.. refused, .. Raw.Publish(version, Encoding.UTF8.GetBytes(Topic()))]);
        await ExpectNotSpokenAsync(client);
        await ExpectNothingElseAsync(watching, await ConnectAsync("c", version));
    }

    [Theory, OnlyVersion(V311)]
    public async Task Malformed_CONNECT_is_closed_without_a_CONNACK(ProtocolVersion version)
    {
        var client = await SendFirstAsync(version, Raw.Connect(version, CleanStart | 1, Raw.Text(Id("a"))));
        await client.ExpectClosedAsync();
    }

    [Theory]
    [BothVersions("user name without its flag", CleanStart)]
    [BothVersions("password without its flag", CleanStart | UserNameFlag, "user")]
    public async Task Field_without_its_flag_ends_the_connection(ProtocolVersion version, string what, int flags, params string[] announced)
    {
        Assert.NotEmpty(what);
        byte[][] payload = [Raw.Text(Id("a")), .. announced.Select(Raw.Text), Raw.Text("one too many")];
        var client = await SendFirstAsync(version, Raw.Connect(version, flags, payload));
        await ExpectEndAsync(client, ReasonCode.MalformedPacket);
    }

    [Theory, BothVersions]
    public async Task User_name_flag_without_a_user_name_ends_the_connection(ProtocolVersion version)
    {
        var client = await SendFirstAsync(version, Raw.Connect(version, CleanStart | UserNameFlag, Raw.Text(Id("a"))));
        await ExpectEndAsync(client, ReasonCode.MalformedPacket);
    }

    [Theory, BothVersions]
    public async Task Password_flag_without_a_password_ends_the_connection(ProtocolVersion version)
    {
        var client = await SendFirstAsync(version, Raw.Connect(version, CleanStart | UserNameFlag | PasswordFlag, Raw.Text(Id("a")), Raw.Text("user")));
        await ExpectEndAsync(client, ReasonCode.MalformedPacket);
    }

    [Theory, OnlyVersion(V311)]
    public async Task Password_without_a_user_name_ends_the_connection(ProtocolVersion version)
    {
        var client = await SendFirstAsync(version, Raw.Connect(version, CleanStart | PasswordFlag, Raw.Text(Id("a")), Raw.Text("secret")));
        await ExpectEndAsync(client, ReasonCode.MalformedPacket);
    }

    [Theory, OnlyVersion(V5)]
    public async Task Password_without_a_user_name_is_allowed(ProtocolVersion version)
    {
        var client = await SendFirstAsync(version, Raw.Connect(version, CleanStart | PasswordFlag, Raw.Text(Id("a")), Raw.Text("secret")));
        Assert.Equal(ReasonCode.Success, (await client.ExpectAsync<ConnAckPacket>()).Reason);
    }

    [Theory, BothVersions]
    public async Task Ill_formed_user_name_ends_the_connection(ProtocolVersion version)
    {
        var client = await SendFirstAsync(version, Raw.Connect(version, CleanStart | UserNameFlag, Raw.Text(Id("a")), Raw.Text(Raw.Hex("C0 80"))));
        await ExpectEndAsync(client, ReasonCode.MalformedPacket, ReasonCode.BadUserNameOrPassword);
    }

    [Theory, BothVersions]
    public async Task Fields_are_read_in_their_order(ProtocolVersion version)
    {
        const int WillFlag = 0x04;
        var watching = await SubscriberAsync("b", version);
        var client = await SendFirstAsync(version, Raw.Connect(version, CleanStart | WillFlag | UserNameFlag | PasswordFlag,
            Raw.Text(Id("a")), Raw.NoProperties(version), Raw.Text(Topic()), Raw.Text("will"), Raw.Text("user"), Raw.Text("secret")));
        Assert.Equal(ReasonCode.Success, (await client.ExpectAsync<ConnAckPacket>()).Reason);
        await Target.LoseAsync(client);
        await watching.ExpectMessageAsync("will");
    }

    [Theory, BothVersions]
    public async Task CONNECT_with_a_byte_too_many_ends_the_connection(ProtocolVersion version)
    {
        var client = await SendFirstAsync(version, Raw.Connect(version, CleanStart, Raw.Text(Id("a")), [0]));
        await ExpectEndAsync(client, ReasonCode.MalformedPacket);
    }

    [Theory]
    [OnlyVersion(V5, "Receive Maximum of 0", "21 00 00")]
    [OnlyVersion(V5, "Maximum Packet Size of 0", "27 00 00 00 00")]
    [OnlyVersion(V5, "Session Expiry Interval twice", "11 00 00 00 01 11 00 00 00 01")]
    [OnlyVersion(V5, "Request Problem Information of 2", "17 02")]
    [OnlyVersion(V5, "a property of PUBLISH", "23 00 01")]
    [OnlyVersion(V5, "an unknown property", "7F 00")]
    public async Task Property_that_may_not_be_ends_the_connection(ProtocolVersion version, string what, string property)
    {
        Assert.NotEmpty(what);
        var client = await SendFirstAsync(version, Raw.Packet(0x10, Raw.Text("MQTT"), [(byte)version, CleanStart, 0, 60], Raw.Properties(version, Raw.Hex(property)), Raw.Text(Id("a"))));
        await ExpectEndAsync(client, ReasonCode.MalformedPacket, ReasonCode.ProtocolError);
    }

    [Theory, BothVersions]
    public async Task Newer_connection_of_a_client_ends_the_older(ProtocolVersion version)
    {
        var older = await ConnectAsync("a", version);
        var newer = await ConnectAsync("a", version);
        await older.ExpectDisconnectAsync(ReasonCode.SessionTakenOver);
        await newer.ExpectNothingAsync();
    }

    /// <summary>In the words of 3.1.1 or of 5.0, or without any: nobody knows which of them such a client understands.</summary>
    private static async Task ExpectNotSpokenAsync(RawClient client)
    {
        var answer = await client.ReceiveBytesAsync(4);
        if (answer.Length == 0) return;
        Assert.Equal((0x20, 0x00), (answer[0], answer[2]));
        Assert.Contains(answer[3], (byte[])[0x01, (byte)ReasonCode.UnsupportedProtocolVersion]);
        await client.ReceiveBytesAsync(int.MaxValue);       // returns when the server has closed
    }
}
