using System.Threading.Channels;
using IoTFleet.Broker;
using IoTFleet.Fleet;
using IoTFleet.Fleet.Commands;

namespace IoTFleet.Server.Commands;

/// <summary>
/// Writes down how far commands have come, many in a transaction and nobody waiting for it. What is lost, by a crash or because the database is away, leaves a
/// command behind where it is: it may then be sent once more, which its id makes harmless.
/// </summary>
internal sealed class CommandSteps(MqttBroker broker, CommandBook book, TimeProvider clock, ILogger<CommandSteps> logger) : BackgroundService
{
    private const int MaxWaiting = 10_000;
    private const int MaxAtOnce = 200;

    private readonly Channel<CommandStep> _steps = Channel.CreateBounded<CommandStep>(new BoundedChannelOptions(MaxWaiting) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true });

    public void Say(CommandStep step) => _steps.Writer.TryWrite(step);

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.WhenAll(HearDevicesAsync(stoppingToken), WriteAsync(stoppingToken));

    /// <summary>The device itself: a service may listen to commands, too.</summary>
    private async Task HearDevicesAsync(CancellationToken stoppingToken)
    {
        await foreach (var (clientId, topic) in broker.RequestsTaken.ReadAllAsync(stoppingToken))
        {
            if (topic.Value.Split('/') is ["devices", var device, "commands", _, var id] && device == clientId) Say(new CommandStep(new CommandKey(device, id), CommandState.Delivered, clock.GetUtcNow()));
        }
    }

    private async Task WriteAsync(CancellationToken stoppingToken)
    {
        var batch = new List<CommandStep>(MaxAtOnce);
        while (await _steps.Reader.WaitToReadAsync(stoppingToken))
        {
            while (batch.Count < MaxAtOnce && _steps.Reader.TryRead(out var step)) batch.Add(step);
            try
            {
                await book.StepAsync(batch, stoppingToken);
            }
            catch (FleetStoppingException)
            {
                return;
            }
            catch (Exception error) when (error is not OperationCanceledException)
            {
                logger.CommandStepsNotStored(error, batch.Count);
            }

            batch.Clear();
        }
    }
}
