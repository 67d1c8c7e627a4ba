using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Topics;

namespace IoTFleet.Device.Tests.Support;

internal static class Commands
{
    public static PublishPacket Packet(string name, ushort packetId) => new()
    {
        Topic = TopicName.Parse($"devices/{Devices.Id}/commands/{name}"),
        Payload = Devices.Json($"\"{name}\""),
        Qos = packetId == 0 ? QualityOfService.AtMostOnce : QualityOfService.AtLeastOnce,
        PacketId = packetId,
    };

    public static async Task<DeviceCommand> TakeAsync(DeviceClient device)
    {
        using var deadline = new CancellationTokenSource(Devices.Patience);
        await foreach (var command in device.CommandsAsync(deadline.Token))
            return command;
        throw new InvalidOperationException("The device has stopped.");
    }
}
