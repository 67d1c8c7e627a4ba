using IoTFleet.Broker;
using IoTFleet.Fleet.Telemetry;
using IoTFleet.Server.Mqtt;

namespace IoTFleet.Server;

/// <summary>
/// Stops in the order that keeps promises: first the clients are told and what was accepted from them is committed and acknowledged,
/// then the web host closes its listeners, last the ingest and the sessions' store write what they still hold.
/// </summary>
internal sealed class OrderlyStop(DataFolder data, MqttBroker broker, TelemetryIngest ingest, TelemetryUpkeep upkeep, DbBrokerStore sessions, ILogger<OrderlyStop> logger) : IHostedLifecycleService
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        logger.Stopping();
        data.Withdraw();
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(Patience);
        try
        {
            await broker.StopAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            logger.StopTookTooLong();
        }
    }

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.WhenAll(ingest.StopAsync(), upkeep.StopAsync(), sessions.StopAsync());

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
