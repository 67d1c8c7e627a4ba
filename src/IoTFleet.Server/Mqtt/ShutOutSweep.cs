using IoTFleet.Broker;
using IoTFleet.Fleet.Authorities;
using IoTFleet.Fleet.Certificates;
using IoTFleet.Pki;

namespace IoTFleet.Server.Mqtt;

/// <summary>
/// What a revocation does not name itself. An authority that is believed no more ends the connections of its devices; and of devices that are away, those that
/// have no certificate left to come back with lose their stored session, with the commands in it. Apart from <see cref="RevocationWatch"/>, which has no time for questions to the database.
/// </summary>
internal sealed class ShutOutSweep(
    MqttBroker broker, RevocationWatch watch, FleetAccessPolicy policy, FindShutOut find, AuthorityDirectory authorities, ILogger<ShutOutSweep> logger) : BackgroundService
{
    private const string Why = "no certificate of it is believed any more";

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        while (!stoppingToken.IsCancellationRequested)
        {
            var changed = authorities.Changed;      // before the sweep, so that none is missed
            try
            {
                watch.SweepByFacts();
                await EndAbsentAsync(stoppingToken);        // at the start, too: a node may have died before
            }
            catch (Exception error) when (error is not OperationCanceledException)
            {
                logger.AbsentNotSwept(error);
            }

            await Task.WhenAny(changed, watch.WideChanges.WaitToReadAsync(stoppingToken).AsTask());
            watch.WideChanges.TryRead(out _);
        }
    }

    private async Task EndAbsentAsync(CancellationToken stoppingToken)
    {
        var devices = broker.Absent().Where(client => DeviceName.IsValid(client));        // a service's sessions go with the service
        foreach (var device in await find.RunAsync(devices, policy.IsRemoved, stoppingToken))
        {
            if (broker.EndAbsent(device)) logger.SessionSwept(device, Why);
        }
    }
}
