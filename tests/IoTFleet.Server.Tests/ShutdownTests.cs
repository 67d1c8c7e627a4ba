using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Topics;

namespace IoTFleet.Server.Tests;

public sealed class ShutdownTests
{
    [Fact]
    public async Task Stopping_says_so_to_v5_clients_and_keeps_what_was_acked()
    {
        await using var server = await RunningServer.StartAsync();
        using var certificate = await server.EnrolAsync("pump-7");
        await using var device = await server.ConnectAsync("pump-7", certificate);
        await device.SendAsync(new PublishPacket
        {
            Topic = TopicName.Parse("devices/pump-7/telemetry"),
            Payload = "{\"last\":1}"u8.ToArray(),
            Qos = QualityOfService.AtLeastOnce,
            PacketId = 1,
        });
        Assert.Equal(ReasonCode.Success, (await device.ExpectAsync<PubAckPacket>()).Reason);

        var restart = server.RestartAsync();
        Assert.Equal(ReasonCode.ServerShuttingDown, (await device.ExpectAsync<DisconnectPacket>()).Reason);
        await restart;

        Assert.Equal("{\"last\":1}", (await server.Client.GetLatestTelemetryAsync("pump-7")).Body.GetRawText());
    }
}
