using IoTFleet.Broker;
using IoTFleet.Broker.Connections;
using IoTFleet.Fleet.Authorities;
using IoTFleet.Pki;

namespace IoTFleet.Server.Security;

/// <summary>Who this server is and whom it trusts: the authorities, and the server's own certificate, which is renewed while the server runs.</summary>
internal sealed class FleetIdentity : IDisposable
{
    private readonly string _tlsFolder;
    private readonly TimeProvider _clock;
    private ServerCertificate _certificate;

    public FleetIdentity(ServerOptions options, DataFolder data, TimeProvider clock)
    {
        (_tlsFolder, _clock, Hosts) = (data.Tls, clock, options.Hosts);
        Authorities = RootCeremony.LoadOrCreate(data.Authorities, new FleetNames(options.Fleet), clock, SecretsOf(options));
        _certificate = ServerCertificate.LoadOrCreate(_tlsFolder, Hosts, new CertificateAuthority(Authorities.Servers, clock), clock, Authorities.Root);
        ServerCertificateIsNew = _certificate.Created;
    }

    private static KeySecrets SecretsOf(ServerOptions options) => KeySecrets.Find(options.CaPassphraseFile, options.CaPinFile, Environment.GetEnvironmentVariable);

    public FleetAuthorities Authorities { get; }

    public IReadOnlyList<string> Hosts { get; }

    public ServerCertificate Server => _certificate;

    public bool ServerCertificateIsNew { get; }

    public DateTimeOffset ServerCertificateEnd => new(_certificate.Certificate.NotAfter.ToUniversalTime());

    public string RootFile => Authorities.Files!.RootCertificate;

    /// <param name="servers">The authority for servers that is active now.</param>
    /// <returns>The new certificate when the present one was due, or of another authority, else null. The old one is left to handshakes that still use it.</returns>
    public ServerCertificate? RenewIfDue(CertificateAuthority servers)
    {
        var present = _certificate.Certificate;
        if (_clock.GetUtcNow() < ServerCertificate.RenewalTime(present) && ServerCertificate.IsIssuedBy(present, servers)) return null;
        return _certificate = ServerCertificate.Renew(_tlsFolder, Hosts, servers);
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
                refusal => refusals.Record(RefusalDoor.Handshake, refusal.Code, refusal.Name, ClientIdentity.AddressOf(refusal.Address), refusal.Detail, refusal.Peer),
                provider.GetRequiredService<ServerOptions>().TlsTickets);
        });
        services.AddHostedService<ServerCertificateRenewal>();
        return services;
    }
}
