namespace IoTFleet.Broker.Tests;

/// <summary>What somebody does who means no good: each ends soon, is counted under a name, and holds next to nothing until then.</summary>
public sealed class HostileTests
{
    [Theory]
    [InlineData("30 FF FF 03")]         // PUBLISH of 64 KB, of which nothing follows
    [InlineData("C0")]
    [InlineData("82 0A 00 01")]
    public async Task First_packet_that_is_no_connect_is_refused_at_its_first_byte(string begun)
    {
        await using var broker = new InMemoryBroker();
        await using var client = broker.Open(V5);

        await client.SendAsync(begun);

        await client.ExpectClosedAsync();
        Assert.Equal("protocol-error", Assert.Single(broker.Refusals.Recent()).Reason);
    }

    [Theory, BothVersions]
    public async Task Connect_too_large_is_refused_by_its_header(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var client = broker.Open(version);

        await client.SendAsync("10 80 80 01");      // 16 KiB and its header

        await client.ExpectClosedAsync();
        Assert.Equal("packet-too-large", Assert.Single(broker.Refusals.Recent()).Reason);
    }

    [Theory, BothVersions]
    public async Task Packet_of_268_megabytes_is_refused_by_its_header(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectAsync("a", version);

        await client.SendAsync("30 FF FF FF 7F");

        await client.ExpectDisconnectAsync(ReasonCode.PacketTooLarge);
    }

    [Theory, BothVersions]
    public async Task Connect_a_byte_at_a_time_ends_at_the_deadline(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var client = broker.Open(version);

        await client.SendAsync("10 7F");
        await InMemoryBroker.UntilAsync(() =>
        {
            if (!client.Handled.IsCompleted) client.SendAsync(new byte[1]).Wait();
            broker.Clock.Advance(TimeSpan.FromMilliseconds(100));
            return client.Handled.IsCompleted;
        });

        await client.ExpectClosedAsync();
        Assert.Equal("connect-timeout", Assert.Single(broker.Refusals.Recent()).Reason);
    }

    [Theory, BothVersions]
    public async Task Packet_that_never_ends_is_no_sign_of_life(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectAsync("a", version, keepAlive: 10);
        await client.SendAsync("30 7F 00 01 74");

        for (var second = 0; second < 16; second++)
        {
            await client.SendAsync(new byte[1]);
            broker.Clock.Advance(TimeSpan.FromSeconds(1));
        }

        await client.ExpectDisconnectAsync(ReasonCode.KeepAliveTimeout);       // [MQTT-3.1.2-22] counts packets
    }

    [Theory, BothVersions]
    public async Task Topic_of_sixty_thousand_bytes_is_refused(ProtocolVersion version)
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectAsync("a", version);

        await client.PublishAsync(new string('t', 60_000), "x");

        await client.ExpectDisconnectAsync(ReasonCode.TopicNameInvalid);
    }

    [Fact]
    public async Task User_properties_of_64_kilobytes_are_refused()
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectAsync("a", V5);

        await client.PublishAsync("t", "x", properties: new PropertyBlock { UserProperties = [new UserProperty("a", new string('x', 65_000))] });

        await client.ExpectDisconnectAsync(ReasonCode.QuotaExceeded);
        Assert.Equal("packet-quota-exceeded", Assert.Single(broker.Refusals.Recent()).Reason);
    }

    [Fact]
    public async Task Alias_of_65535_is_refused()
    {
        await using var broker = new InMemoryBroker();
        await using var client = await broker.ConnectAsync("a", V5);

        await client.PublishAsync("t", "x", properties: new PropertyBlock { TopicAlias = 65_535 });

        await client.ExpectDisconnectAsync(ReasonCode.TopicAliasInvalid);
    }

    [Fact]
    public async Task Flood_of_refusals_is_counted_and_not_logged()
    {
        await using var broker = new InMemoryBroker();
        for (var i = 0; i < 10_000; i++) broker.Refusals.Record(RefusalDoor.Handshake, "flood", null, null, "again");

        broker.Clock.Advance(TimeSpan.FromSeconds(1));
        broker.Refusals.Record(RefusalDoor.Handshake, "later", null, null, "another");

        Assert.Equal(10_000, broker.Metrics.RefusalsByReason()["flood"]);
        Assert.Equal(101, broker.Log.Count("Refused"));
        Assert.Equal("later", broker.Refusals.Recent()[0].Reason);
        Assert.Contains(broker.Log.Lines, line => line.Contains("9900 more refusals", StringComparison.Ordinal));
    }
}
