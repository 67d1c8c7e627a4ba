using IoTFleet.Broker;
using IoTFleet.Broker.Connections;
using IoTFleet.Fleet.Authorities;
using IoTFleet.Pki;

namespace IoTFleet.Server.Security;

/// <summary>Who this server is and whom it trusts: the authorities, and the server's own certificate, which is renewed while the server runs.</summary>
internal sealed class FleetIdentity : IDisposable
{
    private readonly string _tlsFolder;
    private readonly CertificateAuthority _servers;
    private readonly TimeProvider _clock;
    private ServerCertificate _certificate;

    public FleetIdentity(ServerOptions options, DataFolder data, TimeProvider clock)
    {
        (_tlsFolder, _clock, Hosts) = (data.Tls, clock, options.Hosts);
        Authorities = RootCeremony.LoadOrCreate(data.Authorities, new FleetNames(options.Fleet), clock, SecretsOf(options));
        _servers = new CertificateAuthority(Authorities.Servers, clock);
        _certificate = ServerCertificate.LoadOrCreate(_tlsFolder, Hosts, _servers, clock);
        ServerCertificateIsNew = _certificate.Created;
    }

    private static KeySecrets SecretsOf(ServerOptions options) => KeySecrets.Find(options.CaPassphraseFile, options.CaPinFile, Environment.GetEnvironmentVariable);

    public FleetAuthorities Authorities { get; }

    public IReadOnlyList<string> Hosts { get; }

    public ServerCertificate Server => _certificate;

    public bool ServerCertificateIsNew { get; }

    public DateTimeOffset ServerCertificateEnd => new(_certificate.Certificate.NotAfter.ToUniversalTime());

    public string RootFile => Authorities.Files!.RootCertificate;

    /// <returns>The new certificate when the present one was due, else null. The old one is left to handshakes that still use it.</returns>
    public ServerCertificate? RenewIfDue()
    {
        if (_clock.GetUtcNow() < ServerCertificate.RenewalTime(_certificate.Certificate)) return null;
        return _certificate = ServerCertificate.LoadOrCreate(_tlsFolder, Hosts, _servers, _clock);
    }

    public void Dispose()
    {
        _certificate.Dispose();
        Authorities.Dispose();
    }
}

internal static class FleetIdentityServices
{
    public static IServiceCollection AddFleetIdentity(this IServiceCollection services)
    {
        services.AddSingleton<FleetIdentity>();
        services.AddSingleton(provider => provider.GetRequiredService<FleetIdentity>().Authorities);
        services.AddSingleton(provider => provider.GetRequiredService<FleetAuthorities>().Names);
        services.AddSingleton(provider => new IssuancePolicy(
            provider.GetRequiredService<FleetNames>(),
            new IssuanceOptions
            {
                DeviceLifetime = TimeSpan.FromDays(provider.GetRequiredService<ServerOptions>().DeviceCertificateDays),
                ServiceLifetime = TimeSpan.FromDays(provider.GetRequiredService<ServerOptions>().ServiceCertificateDays),
            }));
        services.AddSingleton(provider =>
        {
            var authorities = provider.GetRequiredService<AuthorityDirectory>();
            var refusals = provider.GetRequiredService<RefusalLog>();
            return new DeviceTls(
                () => authorities.Current,
                provider.GetRequiredService<FleetIdentity>().Server.Certificate,
                provider.GetRequiredService<TimeProvider>(),
                refusal => refusals.Record(RefusalDoor.Handshake, refusal.Code, refusal.Name, ClientIdentity.AddressOf(refusal.Address), refusal.Detail),
                provider.GetRequiredService<ServerOptions>().TlsTickets);
        });
        services.AddHostedService<ServerCertificateRenewal>();
        return services;
    }

    /// <summary>Puts a new server certificate in place before the present one ends; listeners use it from the next handshake on.</summary>
    private sealed class ServerCertificateRenewal(FleetIdentity identity, DeviceTls tls, TimeProvider clock, ILogger<ServerCertificateRenewal> logger) : BackgroundService
    {
        protected override async Task ExecuteAsync(CancellationToken stoppingToken)
        {
            using var hourly = new PeriodicTimer(TimeSpan.FromHours(1), clock);
            while (await hourly.WaitForNextTickAsync(stoppingToken))
            {
                try
                {
                    if (identity.RenewIfDue() is not { } renewed) continue;
                    tls.UseServerCertificate(renewed.Certificate);
                    logger.ServerCertificateRenewed(identity.ServerCertificateEnd);
                }
                catch (Exception error) when (error is KeyFileException or IOException or UnauthorizedAccessException)
                {
                    logger.ServerCertificateNotRenewed(error, identity.ServerCertificateEnd);
                }
            }
        }
    }
}
