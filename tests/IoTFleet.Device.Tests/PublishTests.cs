using IoTFleet.Device.Tests.Support;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Testing;

namespace IoTFleet.Device.Tests;

public sealed class PublishTests
{
    [Fact]
    public async Task Publish_completes_when_it_is_acknowledged_and_not_before()
    {
        await using var broker = new ScriptedBroker();
        await using var device = broker.StartDevice();
        var link = await broker.AcceptDeviceAsync();

        var publishing = device.PublishAsync("vibration", Devices.Json("{\"x\":1}"));
        var publish = await link.ExpectAsync<PublishPacket>();
        Assert.False(publishing.IsCompleted);
        await link.AcknowledgeAsync(publish);

        var receipt = await publishing.WaitAsync(Devices.Patience);
        Assert.Equal($"devices/{Devices.Id}/telemetry/vibration", publish.Topic!.Value);
        Assert.Equal("{\"x\":1}", publish.Text());
        Assert.Equal(publish.Sequence(), $"{receipt.Sequence}");
        Assert.Equal((1, 1), (device.Sent, device.Acked));
    }

    [Fact]
    public async Task Unacknowledged_messages_are_sent_again_after_a_cut_in_order_and_with_the_same_number()
    {
        await using var broker = new ScriptedBroker();
        await using var device = broker.StartDevice();
        var first = await broker.AcceptDeviceAsync();
        var publishing = Enumerable.Range(1, 3).Select(n => device.PublishAsync(null, Devices.Json($"{{\"n\":{n}}}"))).ToArray();
        var sent = await first.ExpectPublishesAsync(3);
        await first.AcknowledgeAsync(sent[0]);
        await publishing[0].WaitAsync(Devices.Patience);

        await first.DisposeAsync();
        var second = await broker.AcceptDeviceAsync();
        var again = await second.ExpectPublishesAsync(2);
        foreach (var publish in again)
            await second.AcknowledgeAsync(publish);

        await Task.WhenAll(publishing).WaitAsync(Devices.Patience);
        Assert.Equal(sent[1..].Select(p => (p.Sequence(), p.Text())), again.Select(p => (p.Sequence(), p.Text())));
        Assert.Equal(1, device.Reconnects);
    }

    [Theory]
    [InlineData(ReasonCode.NotAuthorized)]
    [InlineData(ReasonCode.PayloadFormatInvalid)]
    public async Task Refused_message_throws_with_the_reason_and_the_next_one_goes_through(ReasonCode reason)
    {
        await using var broker = new ScriptedBroker();
        await using var device = broker.StartDevice();
        var link = await broker.AcceptDeviceAsync();

        var refused = device.PublishAsync(null, Devices.Json("[]"));
        await link.AcknowledgeAsync(await link.ExpectAsync<PublishPacket>(), reason);
        var error = await Assert.ThrowsAsync<DeviceException>(() => refused.WaitAsync(Devices.Patience));
        var stored = device.PublishAsync(null, Devices.Json("{}"));
        await link.AcknowledgeAsync(await link.ExpectAsync<PublishPacket>());

        await stored.WaitAsync(Devices.Patience);
        Assert.Equal((DeviceError.PublishRefused, reason), (error.Error, error.Reason));
    }

    [Fact]
    public async Task No_more_messages_are_on_their_way_than_the_server_can_receive()
    {
        await using var broker = new ScriptedBroker();
        await using var device = broker.StartDevice();
        var link = await broker.AcceptDeviceAsync(terms: new PropertyBlock { ReceiveMaximum = 3 });
        for (var n = 0; n < 10; n++)
            _ = device.PublishAsync(null, Devices.Json($"{{\"n\":{n}}}"));

        var first = await link.ExpectAsync<PublishPacket>();
        await link.ExpectAsync<PublishPacket>();
        await link.ExpectAsync<PublishPacket>();
        await ExpectSilenceAsync(device, link);
        await link.AcknowledgeAsync(first);

        Assert.Equal("{\"n\":3}", (await link.ExpectAsync<PublishPacket>()).Text());
        await ExpectSilenceAsync(device, link);
    }

    [Fact]
    public async Task Message_larger_than_the_server_takes_is_refused_without_sending_it()
    {
        await using var broker = new ScriptedBroker();
        await using var device = broker.StartDevice();
        var link = await broker.AcceptDeviceAsync(terms: new PropertyBlock { MaximumPacketSize = 100 });

        var large = device.PublishAsync(null, new byte[200]);
        var error = await Assert.ThrowsAsync<DeviceException>(() => large.WaitAsync(Devices.Patience));
        _ = device.PublishAsync(null, Devices.Json("{}"));

        Assert.Equal(ReasonCode.PacketTooLarge, error.Reason);
        Assert.Equal("{}", (await link.ExpectAsync<PublishPacket>()).Text());
    }

    [Fact]
    public async Task Publish_without_a_connection_waits_for_one()
    {
        await using var broker = new ScriptedBroker();
        await using var device = broker.StartDevice();
        var publishing = device.PublishAsync(null, Devices.Json("{\"n\":1}"));

        var link = await broker.AcceptDeviceAsync();
        var publish = await link.ExpectAsync<PublishPacket>();
        await link.AcknowledgeAsync(publish);

        await publishing.WaitAsync(Devices.Patience);
        Assert.Equal("{\"n\":1}", publish.Text());
    }

    [Fact]
    public async Task Readings_carry_the_time_they_were_published_at()
    {
        await using var broker = new ScriptedBroker();
        var clock = new FakeClock();
        await using var device = broker.StartDevice(Devices.Quick() with { Clock = clock });
        var takenAt = clock.GetUtcNow().ToUnixTimeMilliseconds();
        _ = device.PublishAsync(null, new Dictionary<string, double> { ["temperature"] = 21.5 });
        clock.Advance(TimeSpan.FromSeconds(5));
        _ = device.PublishAsync(null, new Dictionary<string, double> { ["temperature"] = 22, ["ts"] = 7 });

        var link = await broker.AcceptDeviceAsync();

        Assert.Equal($"{{\"ts\":{takenAt},\"temperature\":21.5}}", (await link.ExpectAsync<PublishPacket>()).Text());
        Assert.Equal("{\"temperature\":22,\"ts\":7}", (await link.ExpectAsync<PublishPacket>()).Text());
    }

    [Theory]
    [InlineData("")]
    [InlineData("a+b")]
    [InlineData("#")]
    public async Task Stream_name_that_is_no_topic_is_refused_at_once(string stream)
    {
        await using var broker = new ScriptedBroker();
        await using var device = broker.StartDevice();

        await Assert.ThrowsAsync<ArgumentException>(() => device.PublishAsync(stream, Devices.Json("{}")));
    }

    [Fact]
    public async Task Reading_that_is_no_number_is_refused_at_once()
    {
        await using var broker = new ScriptedBroker();
        await using var device = broker.StartDevice();

        await Assert.ThrowsAsync<ArgumentException>(() => device.PublishAsync(null, new Dictionary<string, double> { ["x"] = double.NaN }));
    }

    [Fact]
    public async Task Full_outbox_makes_publish_wait_for_room_until_cancelled()
    {
        await using var broker = new ScriptedBroker();
        await using var device = broker.StartDevice(Devices.Quick() with { Outbox = new OutboxOptions { MaxMessages = 1 } });
        using var cancel = new CancellationTokenSource();
        var held = device.PublishAsync(null, Devices.Json("{\"n\":1}"));
        var waiting = device.PublishAsync(null, Devices.Json("{\"n\":2}"), cancel.Token);
        var next = device.PublishAsync(null, Devices.Json("{\"n\":3}"));
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);

        var link = await broker.AcceptDeviceAsync();
        await link.AcknowledgeAsync(await link.ExpectAsync<PublishPacket>());
        await held.WaitAsync(Devices.Patience);

        Assert.Equal("{\"n\":3}", (await link.ExpectAsync<PublishPacket>()).Text());
        Assert.False(next.IsCompleted);
    }

    [Fact]
    public async Task Dispose_fails_what_is_not_stored_and_says_goodbye()
    {
        await using var broker = new ScriptedBroker();
        var device = broker.StartDevice(Devices.Quick() with { Outbox = new OutboxOptions { MaxMessages = 1 } });
        var link = await broker.AcceptDeviceAsync();
        var inFlight = device.PublishAsync(null, Devices.Json("{}"));
        var withoutRoom = new[] { device.PublishAsync(null, Devices.Json("{}")), device.PublishAsync(null, Devices.Json("{}")) };
        await link.ExpectAsync<PublishPacket>();

        await device.DisposeAsync();

        Assert.Equal(ReasonCode.Success, (await link.ExpectAsync<DisconnectPacket>()).Reason);
        foreach (var publishing in withoutRoom.Append(inFlight))
            Assert.Equal(DeviceError.Stopped, (await Assert.ThrowsAsync<DeviceException>(() => publishing.WaitAsync(Devices.Patience))).Error);
        Assert.IsType<DeviceState.Stopped>(device.State);
    }

    [Fact]
    public async Task Sequence_numbers_rise_and_a_restarted_device_continues_above()
    {
        await using var broker = new ScriptedBroker();
        var numbers = new List<long>();
        for (var run = 0; run < 2; run++)
        {
            await using var device = broker.StartDevice();
            var link = await broker.AcceptDeviceAsync();
            for (var n = 0; n < 3; n++)
            {
                var publishing = device.PublishAsync(null, Devices.Json("{}"));
                await link.AcknowledgeAsync(await link.ExpectAsync<PublishPacket>());
                numbers.Add((await publishing.WaitAsync(Devices.Patience)).Sequence);
            }
        }

        Assert.Equal(numbers.Distinct().Order(), numbers);
    }

    [Fact]
    public async Task Mqtt_311_publishes_too()
    {
        await using var broker = new ScriptedBroker();
        await using var device = broker.StartDevice(Devices.Quick() with { Protocol = ProtocolVersion.V311 });
        var link = await broker.AcceptDeviceAsync(ProtocolVersion.V311);

        var publishing = device.PublishAsync(null, Devices.Json("{}"));
        await link.AcknowledgeAsync(await link.ExpectAsync<PublishPacket>());

        Assert.Equal(ReasonCode.Success, (await publishing.WaitAsync(Devices.Patience)).Reason);
    }

    // A device writes due acknowledgements before messages, so two commands acknowledged one after the other with nothing in between
    // prove that it has nothing more that it may send.
    private static async Task ExpectSilenceAsync(DeviceClient device, BrokerEnd link)
    {
        for (ushort id = 1; id <= 2; id++)
        {
            await link.SendCommandAsync("ping", id);
            await device.TakeCommandAsync();
            Assert.Equal(id, (await link.ExpectAsync<PubAckPacket>()).PacketId);
        }
    }
}
