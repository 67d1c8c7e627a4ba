using IoTFleet.Broker;
using IoTFleet.Fleet.Certificates;
using IoTFleet.Mqtt;

namespace IoTFleet.Server.Mqtt;

/// <summary>
/// Follows the revocation feed: puts each entry into <see cref="RevokedSet"/>, then sweeps the sessions it concerns (invariant 4).
/// Woken by this node's own changes at once, and by its poll for what others did.
/// </summary>
internal sealed class RevocationWatch(RevokedSet revoked, MqttBroker broker, ILogger<RevocationWatch> logger) : BackgroundService
{
    private static readonly TimeSpan Poll = TimeSpan.FromSeconds(2);

    private readonly SemaphoreSlim _oneAtATime = new(1);
    private RevocationReader? _feed;

    /// <summary>Loads who is shut out; before the first connection is taken (invariant 9).</summary>
    public async Task LoadAsync(CancellationToken cancellationToken) => _feed = await revoked.LoadAsync(cancellationToken);

    /// <summary>When this returns, every revocation committed before the call is in force on this node.</summary>
    public async Task CatchUpAsync(CancellationToken cancellationToken)
    {
        await _oneAtATime.WaitAsync(cancellationToken);
        try
        {
            var entries = await _feed!.ReadAsync(cancellationToken);
            if (entries.Count == 0) return;
            revoked.Apply(entries);
            foreach (var entry in entries) Sweep(entry);
        }
        finally
        {
            _oneAtATime.Release();
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await _feed!.WaitAsync(Poll, stoppingToken);
                await CatchUpAsync(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception error)
            {
                // The database may be away for a while; until it answers, what is known stays in force. CONNECT asks the database itself.
                logger.RevocationFeedUnread(error, Poll.TotalSeconds);
            }
        }
    }

    private void Sweep(RevocationEntry entry)
    {
        if (entry.Kind == RevocationKind.ServiceRevoked) SweepService(entry.Subject);
        else if (entry.Kind != RevocationKind.DeviceResumed) SweepDevice(entry);
    }

    private void SweepService(string name)
    {
        const string Why = "the service was revoked";
        if (broker.DisconnectAll(ServicePrincipal.SessionsOf(name), ReasonCode.AdministrativeAction, Why) > 0) logger.SessionSwept(name, Why);
    }

    private void SweepDevice(RevocationEntry entry)
    {
        if (entry.Kind == RevocationKind.CertificateRevoked && broker.ConnectedAs(entry.Subject) is DevicePrincipal device && device.Serial != entry.Serial) return;
        var why = entry.Kind switch
        {
            RevocationKind.DeviceRevoked => "the device was revoked",
            RevocationKind.DeviceSuspended => "the device was suspended",
            _ => "its certificate was revoked",
        };
        if (broker.Disconnect(entry.Subject, ReasonCode.AdministrativeAction, why)) logger.SessionSwept(entry.Subject, why);
    }
}
