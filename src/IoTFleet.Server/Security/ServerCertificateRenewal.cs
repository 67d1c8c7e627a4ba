using IoTFleet.Fleet.Authorities;
using IoTFleet.Pki;

namespace IoTFleet.Server.Security;

/// <summary>
/// Puts a new server certificate in place before the present one ends, or when its authority is no longer the active one; listeners use it from the
/// next handshake on, open connections stay. Each is recorded.
/// </summary>
internal sealed class ServerCertificateRenewal(
    FleetIdentity identity, AuthorityDirectory authorities, RecordServerCertificate record, DeviceTls tls, TimeProvider clock, ILogger<ServerCertificateRenewal> logger) : BackgroundService
{
    private static readonly TimeSpan Every = TimeSpan.FromMinutes(10);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        using var timer = new PeriodicTimer(Every, clock);
        do await LookAsync(stoppingToken);
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private async Task LookAsync(CancellationToken stoppingToken)
    {
        try
        {
            if (authorities.FindActive(AuthorityPurpose.Servers) is { } servers && identity.RenewIfDue(servers) is { } renewed)
            {
                tls.UseServerCertificate(renewed.Certificate);
                logger.ServerCertificateRenewed(identity.ServerCertificateEnd);
            }

            await record.RunAsync(identity.Server.Certificate, stoppingToken);
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            logger.ServerCertificateNotRenewed(error, identity.ServerCertificateEnd);
        }
    }
}
