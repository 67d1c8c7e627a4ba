namespace IoTFleet.Conformance.Packets;

/// <summary>Section 3.14, DISCONNECT.</summary>
public sealed class DisconnectTests : ConformanceTest
{
    [Theory]
    [BothVersions("E1 00")]
    [BothVersions("E8 00")]
    public async Task Reserved_flags_end_the_connection_as_malformed(ProtocolVersion version, string packet)
    {
        var watching = await SubscriberAsync("b", version);
        var client = await ConnectAsync("a", version, will: Will("not a goodbye"));
        await client.SendAsync(packet);
        await ExpectEndAsync(client, ReasonCode.MalformedPacket);
        await watching.ExpectMessageAsync("not a goodbye");
    }

    [Theory]
    [OnlyVersion(V5, 0x01)]
    [OnlyVersion(V5, 0x92)]
    [OnlyVersion(V5, 0xFF)]
    public async Task Reason_code_of_another_packet_ends_the_connection_as_malformed(ProtocolVersion version, int reason)
    {
        var client = await ConnectAsync("a", version);
        await client.SendAsync(new byte[] { 0xE0, 0x01, (byte)reason });
        await ExpectEndAsync(client, ReasonCode.MalformedPacket, ReasonCode.ProtocolError);
    }

    [Theory]
    [OnlyVersion(V5, "reserved type", "00 00")]
    [OnlyVersion(V5, "reserved flags", "62 02 00 00 80 00 00 00")]
    [OnlyVersion(V5, "second CONNECT", "10 0E 00 04 4D 51 54 54 05 02 00 3C 00 00 01 61")]
    public async Task Server_that_says_why_it_ends_the_connection_says_it_once_and_closes(ProtocolVersion version, string what, string packet)
    {
        Assert.NotEmpty(what);
        var client = await ConnectAsync("a", version);
        await client.SendAsync(packet);
        await ExpectEndAsync(client, ReasonCode.MalformedPacket, ReasonCode.ProtocolError);
    }

    [Theory, OnlyVersion(V5)]
    public async Task DISCONNECT_of_the_server_names_no_session_expiry(ProtocolVersion version)
    {
        var client = await ConnectToStayAsync("a", version);
        await client.SendAsync("00 00");
        Assert.Null((await client.ExpectAsync<DisconnectPacket>()).Properties.SessionExpiryInterval);
    }

    [Theory, OnlyVersion(V5)]
    public async Task Reason_string_of_DISCONNECT_fits_into_the_clients_largest_packet(ProtocolVersion version)
    {
        var detail = new string('x', 200);
        var broker = Target.InProcess("disconnect a client").Broker;
        var roomy = await ConnectAsync("a", version);
        broker.Disconnect(Id("a"), ReasonCode.AdministrativeAction, detail);
        Assert.Equal(detail, (await roomy.ExpectAsync<DisconnectPacket>()).Properties.ReasonString);

        var narrow = await ConnectAsync("b", version, properties: new PropertyBlock { MaximumPacketSize = 100 });
        broker.Disconnect(Id("b"), ReasonCode.AdministrativeAction, detail);
        await narrow.ExpectBytesAsync("E0 01 98");
    }

    [Theory, BothVersions]
    public async Task Before_CONNACK_the_server_sends_no_DISCONNECT(ProtocolVersion version)
    {
        foreach (var first in (string[])["C0 00", "30 FF FF FF 7F", "00 00", "10 02 00 00"])
        {
            var client = await SendFirstAsync(version, Raw.Hex(first));
            var answer = await client.ReceiveBytesAsync(1);
            if (answer.Length > 0) Assert.NotEqual(0xE0, answer[0]);
        }
    }

    [Theory, BothVersions]
    public async Task Nothing_follows_the_servers_last_packet(ProtocolVersion version)
    {
        var client = await SubscriberAsync("a", version);
        var publisher = await ConnectAsync("b", version);
        for (var i = 0; i < 20; i++) await publisher.PublishAsync(Topic(), "x");
        await client.SendAsync("00 00");
        for (var i = 0; i < 20; i++) await publisher.PublishAsync(Topic(), "x");
        while (await client.ReceiveAsync() is { } packet)
        {
            if (packet is PublishPacket) continue;
            Assert.IsType<DisconnectPacket>(packet);
            break;
        }

        await client.ExpectClosedAsync();
    }

    [Theory, BothVersions]
    public async Task Nothing_behind_a_goodbye_is_processed(ProtocolVersion version)
    {
        var watching = await SubscriberAsync("b", version);
        var client = await ConnectAsync("a", version);
        await client.SendAsync(new DisconnectPacket(), RawClient.Publish(Topic(), "too late"));
        await client.ExpectClosedAsync();
        await ExpectNothingElseAsync(watching, await ConnectAsync("c", version));
    }

    [Theory, OnlyVersion(V5)]
    public async Task Session_expiry_can_be_changed_with_the_goodbye(ProtocolVersion version)
    {
        var client = await ConnectToStayAsync("a", version);
        await client.SendAsync(new DisconnectPacket { Properties = new PropertyBlock { SessionExpiryInterval = 0 } });
        await client.ExpectClosedAsync();
        Assert.False((await ReturnAsync("a", version)).Answer.SessionPresent);
    }

    [Theory, OnlyVersion(V5)]
    public async Task Session_that_ends_with_its_connection_cannot_be_prolonged_with_the_goodbye(ProtocolVersion version)
    {
        var client = await ConnectAsync("a", version);
        await client.SendAsync(new DisconnectPacket { Properties = new PropertyBlock { SessionExpiryInterval = 60 } });
        await ExpectEndAsync(client, ReasonCode.ProtocolError);
    }
}
