using System.Text;
using IoTFleet.Broker;
using IoTFleet.Broker.Routing;
using IoTFleet.Broker.Sessions;
using IoTFleet.Fleet.Commands;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Topics;

namespace IoTFleet.Server.Commands;

/// <summary>Publishes a stored command to its device, and says how far it came.</summary>
internal sealed class CommandRelay(MqttBroker broker, CommandSteps steps, TimeProvider clock)
{
    /// <summary>The command's id is in its topic, because 3.1.1 has no other place for it.</summary>
    public static TopicName TopicOf(StoredCommand command) => TopicName.Parse($"devices/{command.DeviceId}/commands/{command.Name}/{command.Id}");

    /// <returns>Whom it reached, when that is stored: a device that is connected, or one that will find it waiting.</returns>
    public async Task<Reach> SendAsync(StoredCommand command)
    {
        var now = clock.GetUtcNow();
        if (now >= command.Deadline) return Reach.Nobody;
        var reach = await broker.PublishAsync(new Message
        {
            Topic = TopicOf(command),
            Payload = Encoding.UTF8.GetBytes(command.Payload),
            Qos = (QualityOfService)command.Qos,
            Properties = PropertiesOf(command, now),
            ReceivedAt = now,
        });
        var ofDevice = OfDevice(command, reach);
        var state = ofDevice == Reach.Nobody ? CommandState.Queued : CommandState.Sent;
        steps.Say(new CommandStep(new CommandKey(command.DeviceId, command.Id), state, now));
        return ofDevice;
    }

    /// <summary>Services may listen to commands, too; what matters is whether the device gets it.</summary>
    private Reach OfDevice(StoredCommand command, Reach reach)
    {
        if (reach.Connected > 0 && broker.ConnectedSince(command.DeviceId) is not null) return new Reach(1, 0);
        return broker.IsOwed(command.DeviceId, TopicOf(command)) ? new Reach(0, 1) : Reach.Nobody;
    }

    private static PropertyBlock PropertiesOf(StoredCommand command, DateTimeOffset now) => new()
    {
        ResponseTopic = TopicName.Parse($"devices/{command.DeviceId}/{AnswerTopic.Name}/{command.Id}"),
        CorrelationData = Encoding.ASCII.GetBytes(command.Id),
        MessageExpiryInterval = (uint)Math.Max(1, Math.Ceiling((command.Deadline - now).TotalSeconds)),
    };
}
