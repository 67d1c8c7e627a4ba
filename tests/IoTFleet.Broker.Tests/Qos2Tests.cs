namespace IoTFleet.Broker.Tests;

public sealed class Qos2Tests
{
    [Theory, BothVersions]
    public async Task Publish_qos2_is_received_released_and_completed(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var device = await broker.ConnectAsync("a", version);

        await device.PublishAsync("t", "x", ExactlyOnce, 5);
        await device.ExpectBytesAsync("50 02 00 05");
        await device.SendAsync(new PubRelPacket { PacketId = 5 });
        await device.ExpectBytesAsync("70 02 00 05");
    }

    [Fact]
    public async Task Client_of_3_1_1_that_releases_nothing_is_stopped()
    {
        await using var broker = new InMemoryBroker(options => options.MaxUnreleased = 100);
        await using var client = await broker.ConnectAsync("a", V311);
        for (ushort id = 1; id <= 100; id++)
        {
            await client.PublishAsync("t", "x", ExactlyOnce, id);
            await client.ExpectAsync<PubRecPacket>();
        }

        await client.PublishAsync("t", "x", ExactlyOnce, 101);

        await client.ExpectClosedAsync();
        Assert.Equal("receive-maximum-exceeded", Assert.Single(broker.Refusals.Recent()).Reason);
        Assert.Equal(100, broker.Sink.Messages.Count);
    }

    [Theory, BothVersions]
    public async Task Publish_qos2_is_not_received_until_committed(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var device = await broker.ConnectAsync("a", version);
        broker.Sink.HoldCommits = true;

        await device.PublishAsync("t", "x", ExactlyOnce, 5);
        await broker.Sink.WhenGivenAsync(1);
        await device.ExpectNothingAsync();

        broker.Sink.Commit("x");
        await device.ExpectAsync<PubRecPacket>();
    }

    [Theory, BothVersions]
    public async Task Message_sent_again_before_its_release_is_received_again_and_stored_once(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var device = await broker.ConnectAsync("a", version);
        await using var reader = await broker.ConnectAsync("b", version);
        await reader.SubscribeAsync("t");

        await device.PublishAsync("t", "x", ExactlyOnce, 5);
        await device.PublishAsync("t", "x", ExactlyOnce, 5, duplicate: true);

        await device.ExpectAsync<PubRecPacket>();
        await device.ExpectAsync<PubRecPacket>();
        await reader.ExpectMessageAsync("x");
        await reader.ExpectNothingAsync();
        Assert.Single(broker.Sink.Messages);
    }

    [Theory, BothVersions]
    public async Task Message_sent_again_on_a_new_connection_is_stored_once(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var device = await broker.ConnectToStayAsync("a", version);
        broker.Sink.HoldCommits = true;
        await device.PublishAsync("t", "x", ExactlyOnce, 5);
        await broker.Sink.WhenGivenAsync(1);
        await device.LoseAsync();

        await using var back = await broker.ConnectToStayAsync("a", version);
        await back.PublishAsync("t", "x", ExactlyOnce, 5, duplicate: true);
        await back.ExpectNothingAsync();
        broker.Sink.Commit("x");

        Assert.Equal(5, (await back.ExpectAsync<PubRecPacket>()).PacketId);
        Assert.Single(broker.Sink.Messages);
    }

    [Theory, BothVersions]
    public async Task Released_id_names_a_new_message(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var device = await broker.ConnectAsync("a", version);

        foreach (var payload in new[] { "x", "y" })
        {
            await device.PublishAsync("t", payload, ExactlyOnce, 5);
            await device.ExpectAsync<PubRecPacket>();
            await device.SendAsync(new PubRelPacket { PacketId = 5 });
            await device.ExpectAsync<PubCompPacket>();
        }

        Assert.Equal(["x", "y"], broker.Sink.Messages.Select(Clients.Text));
    }

    [Theory, BothVersions]
    public async Task Id_of_an_ended_session_names_a_new_message(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var device = await broker.ConnectToStayAsync("a", version);
        await device.PublishAsync("t", "x", ExactlyOnce, 5);
        await device.ExpectAsync<PubRecPacket>();

        await using var fresh = await broker.ConnectAsync("a", version, cleanStart: true);
        await fresh.PublishAsync("t", "y", ExactlyOnce, 5);
        await fresh.ExpectAsync<PubRecPacket>();

        Assert.Equal(["x", "y"], broker.Sink.Messages.Select(Clients.Text));
    }

    [Theory, BothVersions]
    public async Task Release_of_an_unknown_id_is_completed_all_the_same(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var device = await broker.ConnectAsync("a", version);

        await device.SendAsync(new PubRelPacket { PacketId = 9 });

        var answer = await device.ExpectAsync<PubCompPacket>();
        Assert.Equal(version == V5 ? ReasonCode.PacketIdentifierNotFound : ReasonCode.Success, answer.Reason);
    }

    [Theory, BothVersions]
    public async Task Release_before_the_commit_breaks_the_protocol(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var device = await broker.ConnectAsync("a", version);
        broker.Sink.HoldCommits = true;

        await device.PublishAsync("t", "x", ExactlyOnce, 5);
        await device.SendAsync(new PubRelPacket { PacketId = 5 });

        await device.ExpectDisconnectAsync(ReasonCode.ProtocolError);
    }

    [Theory, BothVersions]
    public async Task Id_of_a_message_that_was_not_stored_is_free_again(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker { ExpectedEvents = ["CommitFailed"] };
        await using var device = await broker.ConnectToStayAsync("a", version);
        broker.Sink.HoldCommits = true;
        await device.PublishAsync("t", "x", ExactlyOnce, 5);
        await broker.Sink.WhenGivenAsync(1);
        broker.Sink.Commit("x", new IOException("disk full"));
        await device.ExpectDisconnectAsync(ReasonCode.ServerBusy);
        broker.Sink.HoldCommits = false;

        await using var back = await broker.ConnectToStayAsync("a", version);
        await back.PublishAsync("t", "x", ExactlyOnce, 5, duplicate: true);

        Assert.Equal(5, (await back.ExpectAsync<PubRecPacket>()).PacketId);
        Assert.Equal(2, broker.Sink.Messages.Count);
    }

    [Fact]
    public async Task Messages_that_were_not_stored_do_not_use_up_the_receive_maximum()
    {
        await using var broker = new InMemoryBroker(options => options.ReceiveMaximum = 2) { ExpectedEvents = ["CommitFailed"] };
        await using var device = await broker.ConnectToStayAsync("a", V5);
        broker.Sink.HoldCommits = true;
        await device.PublishAsync("t", "1", ExactlyOnce, 1);
        await device.PublishAsync("t", "2", ExactlyOnce, 2);
        await broker.Sink.WhenGivenAsync(2);
        broker.Sink.Commit("1", new IOException("disk full"));
        broker.Sink.Commit("2", new IOException("disk full"));
        await device.ExpectDisconnectAsync(ReasonCode.ServerBusy);
        broker.Sink.HoldCommits = false;

        await using var back = await broker.ConnectToStayAsync("a", V5);
        await back.PublishAsync("t", "3", ExactlyOnce, 3);

        Assert.Equal(3, (await back.ExpectAsync<PubRecPacket>()).PacketId);
    }

    [Theory, BothVersions]
    public async Task Delivery_is_released_and_completed(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var reader = await broker.ConnectToStayAsync("b", version);
        await reader.SubscribeAsync("t", ExactlyOnce);

        broker.Publish("t", "x", ExactlyOnce);
        var id = (await reader.ExpectMessageAsync("x")).PacketId;
        await reader.SendAsync(new PubRecPacket { PacketId = id });
        Assert.Equal((id, ReasonCode.Success), await ReleaseAsync(reader));
        await reader.SendAsync(new PubCompPacket { PacketId = id });
        await reader.ExpectNothingAsync();

        await using var back = await broker.ConnectToStayAsync("b", version);
        await back.ExpectNothingAsync();
    }

    [Theory, BothVersions]
    public async Task Delivery_not_received_is_sent_again_as_duplicate(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var reader = await broker.ConnectToStayAsync("b", version);
        await reader.SubscribeAsync("t", ExactlyOnce);
        broker.Publish("t", "x", ExactlyOnce);
        var id = (await reader.ExpectMessageAsync("x")).PacketId;
        await reader.LoseAsync();

        await using var back = await broker.ConnectToStayAsync("b", version);

        var again = await back.ExpectMessageAsync("x");
        Assert.Equal((id, true), (again.PacketId, again.Duplicate));
    }

    [Theory, BothVersions]
    public async Task Delivery_received_is_released_again_and_not_sent_again(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var reader = await broker.ConnectToStayAsync("b", version);
        await reader.SubscribeAsync("t", ExactlyOnce);
        broker.Publish("t", "x", ExactlyOnce);
        var id = (await reader.ExpectMessageAsync("x")).PacketId;
        await reader.SendAsync(new PubRecPacket { PacketId = id });
        await ReleaseAsync(reader);
        await reader.LoseAsync();

        await using var back = await broker.ConnectToStayAsync("b", version);

        Assert.Equal((id, ReasonCode.Success), await ReleaseAsync(back));
        await back.SendAsync(new PubCompPacket { PacketId = id });
        await back.ExpectNothingAsync();
    }

    [Fact]
    public async Task Delivery_that_the_client_refuses_is_given_up()
    {
        await using var broker = new InMemoryBroker();
        await using var reader = await broker.ConnectToStayAsync("b", V5);
        await reader.SubscribeAsync("t", ExactlyOnce);
        broker.Publish("t", "x", ExactlyOnce);
        var id = (await reader.ExpectMessageAsync("x")).PacketId;

        await reader.SendAsync(new PubRecPacket { PacketId = id, Reason = ReasonCode.QuotaExceeded });
        await reader.ExpectNothingAsync();

        await using var back = await broker.ConnectToStayAsync("b", V5);
        await back.ExpectNothingAsync();
    }

    [Theory, BothVersions]
    public async Task Reception_of_an_unknown_id_is_released_all_the_same(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var reader = await broker.ConnectAsync("b", version);

        await reader.SendAsync(new PubRecPacket { PacketId = 9 });

        Assert.Equal(((ushort)9, version == V5 ? ReasonCode.PacketIdentifierNotFound : ReasonCode.Success), await ReleaseAsync(reader));
    }

    [Theory, BothVersions]
    public async Task Puback_does_not_complete_a_qos2_delivery(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var reader = await broker.ConnectToStayAsync("b", version);
        await reader.SubscribeAsync("t", ExactlyOnce);
        broker.Publish("t", "x", ExactlyOnce);
        var id = (await reader.ExpectMessageAsync("x")).PacketId;

        await reader.SendAsync(new PubAckPacket { PacketId = id }, new PubCompPacket { PacketId = id });
        await reader.ExpectNothingAsync();

        await using var back = await broker.ConnectToStayAsync("b", version);
        await back.ExpectMessageAsync("x");
    }

    private static async Task<(ushort PacketId, ReasonCode Reason)> ReleaseAsync(RawClient client)
    {
        var release = await client.ExpectAsync<PubRelPacket>();
        return (release.PacketId, release.Reason);
    }
}
