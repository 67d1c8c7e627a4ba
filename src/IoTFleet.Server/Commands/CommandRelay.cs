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
internal sealed class CommandRelay(MqttBroker broker, CommandSteps steps, TimeProvider clock, ILogger<CommandRelay> logger)
{
    /// <summary>The command's id is in its topic, because 3.1.1 has no other place for it.</summary>
    public static TopicName TopicOf(StoredCommand command) => TopicName.Parse($"devices/{command.DeviceId}/commands/{command.Name}/{command.Id}");

    /// <returns>Whom it reached, when that is stored: a device that is connected, or one that will find it waiting.</returns>
    public async Task<Reach> SendAsync(StoredCommand command)
    {
        var now = clock.GetUtcNow();
        if (now >= command.Deadline) return Reach.Nobody;
        var ofDevice = OfDevice(command, await PublishAsync(command, now));
        var state = ofDevice == Reach.Nobody ? CommandState.Queued : CommandState.Sent;
        steps.Say(new CommandStep(new CommandKey(command.DeviceId, command.Id), state, now));
        return ofDevice;
    }

    private async Task<Reach> PublishAsync(StoredCommand command, DateTimeOffset now)
    {
        try
        {
            return await broker.PublishAsync(new Message
            {
                Topic = TopicOf(command),
                Payload = Encoding.UTF8.GetBytes(command.Payload),
                Qos = (QualityOfService)command.Qos,
                Properties = PropertiesOf(command, now),
                ReceivedAt = now,
            });
        }
        catch (Exception error) // whatever the sessions' store said; the command itself is stored, and tried again
        {
            logger.CommandsNotSentAgain(error, command.DeviceId);
            return Reach.Nobody;
        }
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
