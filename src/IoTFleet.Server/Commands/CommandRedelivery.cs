using System.Threading.Channels;
using IoTFleet.Broker;
using IoTFleet.Fleet.Commands;
using IoTFleet.Mqtt.Topics;
using IoTFleet.Server.Mqtt;

namespace IoTFleet.Server.Commands;

/// <summary>
/// Sends a device its open commands when it subscribes to them: it was away, its session is gone, or it has lost what it had taken. What its session still
/// holds is not sent beside that. A command of QoS 2 that has reached a session is not sent again: its sender would rather lose it.
/// </summary>
internal sealed class CommandRedelivery(MqttBroker broker, CommandBook book, CommandRelay relay, WaitingDevices waiting, TimeProvider clock, ILogger<CommandRedelivery> logger)
    : BackgroundService, ISubscriptionWatch
{
    private const int MaxWaiting = 10_000;
    private static readonly TimeSpan OnItsWay = TimeSpan.FromSeconds(10);

    private readonly Channel<Turn> _turns = Channel.CreateBounded<Turn>(new BoundedChannelOptions(MaxWaiting) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true });

    public void Subscribed(string deviceId, IReadOnlyList<TopicFilter> filters)
    {
        if (waiting.Contains(deviceId)) _turns.Writer.TryWrite(new Turn(deviceId, filters));
    }

    /// <summary>What has reached nobody is tried again where its device is connected now: its subscription may have been missed.</summary>
    public void TryAgain(IReadOnlyList<string> devices)
    {
        foreach (var device in devices.Where(device => broker.ConnectedSince(device) is not null)) _turns.Writer.TryWrite(new Turn(device, null));
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await foreach (var turn in _turns.Reader.ReadAllAsync(stoppingToken))
        {
            try
            {
                foreach (var command in await book.OpenOfAsync(turn.DeviceId, stoppingToken))
                {
                    if (IsDue(turn, command)) await relay.SendAsync(command);
                }
            }
            catch (Exception error) when (error is not OperationCanceledException)
            {
                logger.CommandsNotSentAgain(error, turn.DeviceId);       // the next look tries again what has reached nobody
            }
        }
    }

    private bool IsDue(Turn turn, StoredCommand command)
    {
        var topic = CommandRelay.TopicOf(command);
        var wanted = turn.Filters is { } filters
            ? (command.Qos == 1 || command.State == CommandState.Queued) && filters.Any(filter => filter.Matches(topic))
            : command.State == CommandState.Queued && command.CreatedAt < clock.GetUtcNow() - OnItsWay;
        return wanted && !broker.IsOwed(command.DeviceId, topic);
    }

    /// <param name="DeviceId">Whose commands.</param>
    /// <param name="Filters">What it has subscribed to; null: nothing just now.</param>
    private readonly record struct Turn(string DeviceId, IReadOnlyList<TopicFilter>? Filters);
}
