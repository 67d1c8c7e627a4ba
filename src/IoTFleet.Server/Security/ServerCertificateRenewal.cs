using IoTFleet.Fleet.Authorities;

namespace IoTFleet.Server.Security;

/// <summary>
/// Puts a new server certificate in place before the present one ends, or when another authority signs; listeners use it from the next handshake on,
/// open connections stay.
/// </summary>
internal sealed class ServerCertificateRenewal(
    FleetIdentity identity, AuthorityDirectory authorities, DeviceTls tls, TimeProvider clock, ILogger<ServerCertificateRenewal> logger) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        while (true)
        {
            var changed = authorities.Changed;
            await LookAsync(stoppingToken);
            await OneHourOrAsync(changed, stoppingToken);
        }
    }

    private async Task LookAsync(CancellationToken stoppingToken)
    {
        try
        {
            if (await identity.RenewIfDueAsync(stoppingToken) is not { } renewed) return;
            tls.UseServerCertificate(renewed.Certificate);
            logger.ServerCertificateRenewed(identity.ServerCertificateEnd);
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            logger.ServerCertificateNotRenewed(error, identity.ServerCertificateEnd);
        }
    }

    private async Task OneHourOrAsync(Task changed, CancellationToken stoppingToken)
    {
        try
        {
            await changed.WaitAsync(TimeSpan.FromHours(1), clock, stoppingToken);
        }
        catch (TimeoutException)
        {
            // Time to look.
        }
    }
}
