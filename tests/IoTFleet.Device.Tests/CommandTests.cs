using IoTFleet.Device.Tests.Support;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;

namespace IoTFleet.Device.Tests;

public sealed class CommandTests
{
    [Fact]
    public async Task Device_subscribes_to_its_own_commands_at_QoS_1()
    {
        await using var broker = new ScriptedBroker();
        await using var device = broker.StartDevice();
        var link = await broker.AcceptAsync();

        var connect = await link.ExpectAsync<ConnectPacket>();
        await link.SendAsync(new ConnAckPacket { Reason = ReasonCode.Success });
        var request = Assert.Single((await link.ExpectAsync<SubscribePacket>()).Subscriptions);

        Assert.Equal((Devices.Id, (ushort?)64), (connect.ClientId, connect.Properties.ReceiveMaximum));
        Assert.Equal(($"devices/{Devices.Id}/commands/#", QualityOfService.AtLeastOnce), (request.Filter.Value, request.MaximumQos));
    }

    [Fact]
    public async Task Command_is_acknowledged_when_the_application_takes_it_and_not_before()
    {
        await using var broker = new ScriptedBroker();
        await using var device = broker.StartDevice();
        var link = await broker.AcceptDeviceAsync();
        await link.SendCommandAsync("fan/speed", 7);
        await link.SendAsync(PingRespPacket.Instance);
        _ = device.PublishAsync(null, Devices.Json("{}"));
        await link.ExpectAsync<PublishPacket>();               // the device speaks, but does not acknowledge

        var command = await device.TakeCommandAsync();

        Assert.Equal(("fan/speed", "\"fan/speed\""), (command.Name, System.Text.Encoding.UTF8.GetString(command.Payload.Span)));
        Assert.Equal(7, (await link.ExpectAsync<PubAckPacket>()).PacketId);
    }

    [Fact]
    public async Task Command_taken_after_a_cut_is_not_acknowledged_on_the_new_connection()
    {
        await using var broker = new ScriptedBroker();
        await using var device = broker.StartDevice();
        var first = await broker.AcceptDeviceAsync();
        await first.SendCommandAsync("reboot", 1);
        _ = device.PublishAsync(null, Devices.Json("{}"));
        await first.AcknowledgeAsync(await first.ExpectAsync<PublishPacket>());
        await first.DisposeAsync();
        var second = await broker.AcceptDeviceAsync();

        Assert.Equal("reboot", (await device.TakeCommandAsync()).Name);
        await second.SendCommandAsync("status", 2);
        await device.TakeCommandAsync();

        Assert.Equal(2, (await second.ExpectAsync<PubAckPacket>()).PacketId);
    }

    [Fact]
    public async Task Full_inbox_drops_QoS_0_commands_and_counts_them()
    {
        await using var broker = new ScriptedBroker();
        await using var device = broker.StartDevice();
        var link = await broker.AcceptDeviceAsync();

        for (var n = 0; n < 65; n++)
            await link.SendCommandAsync($"c{n}", 0);
        var publishing = device.PublishAsync(null, Devices.Json("{}"));
        await link.AcknowledgeAsync(await link.ExpectAsync<PublishPacket>());
        await publishing.WaitAsync(Devices.Patience);          // so the commands before it were read

        Assert.Equal(1, device.CommandsDropped);
        Assert.Equal("c0", (await device.TakeCommandAsync()).Name);
    }

    [Fact]
    public async Task Commands_end_when_the_device_is_disposed()
    {
        await using var broker = new ScriptedBroker();
        var device = broker.StartDevice();
        var reading = Assert.ThrowsAsync<InvalidOperationException>(device.TakeCommandAsync);

        await device.DisposeAsync();

        await reading.WaitAsync(Devices.Patience);
    }
}
