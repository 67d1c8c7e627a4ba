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
    private AuthorityDirectory? _directory;
    private IssueServerCertificate? _issue;
    private ServerCertificate? _certificate;

    public FleetIdentity(ServerOptions options, DataFolder data, TimeProvider clock)
    {
        (_tlsFolder, _clock, Hosts) = (data.Tls, clock, options.Hosts);
        Authorities = RootCeremony.LoadOrCreate(data.Authorities, new FleetNames(options.Fleet), clock, SecretsOf(options), options.ServerDnsSuffixes);
    }

    private static KeySecrets SecretsOf(ServerOptions options) => KeySecrets.Find(options.CaPassphraseFile, options.CaPinFile, Environment.GetEnvironmentVariable);

    public FleetAuthorities Authorities { get; }

    public IReadOnlyList<string> Hosts { get; }

    public ServerCertificate Server => _certificate ?? throw new InvalidOperationException("The server's certificate is not open yet.");

    public bool ServerCertificateIsNew { get; private set; }

    public DateTimeOffset ServerCertificateEnd => new(Server.Certificate.NotAfter.ToUniversalTime());

    /// <summary>Of the root by which this server is known; the new one's only when the old one was removed.</summary>
    public string RootFingerprint => _directory?.Current.CommonRoot is { } root ? Fingerprint.Sha256(root.Certificate) : Authorities.RootFingerprint;

    public string RootFile
    {
        get
        {
            var files = Authorities.Files!;
            var file = files.Certificate(AuthorityPurpose.Root, _directory?.Current.CommonRoot?.Generation ?? 1);
            return File.Exists(file) ? file : files.RootCertificate;
        }
    }

    /// <summary>Once the authorities are loaded, since one of a later generation may sign it; before anything listens.</summary>
    public async Task OpenServerCertificateAsync(AuthorityDirectory directory, IssueServerCertificate issue, CancellationToken cancellationToken)
    {
        (_directory, _issue) = (directory, issue);
        _certificate = await LoadOrCreateAsync(cancellationToken);
        ServerCertificateIsNew = _certificate.Created;
    }

    /// <returns>The new certificate when the present one was due, or is not of the authority that signs now; else null. The old one is left to handshakes that still use it.</returns>
    public async Task<ServerCertificate?> RenewIfDueAsync(CancellationToken cancellationToken)
    {
        var isOfActive = AuthorityId.OfIssuer(Server.Certificate) == _directory!.Current.Active(AuthorityPurpose.Servers)?.Id;
        if (isOfActive && _clock.GetUtcNow() < ServerCertificate.RenewalTime(Server.Certificate)) return null;
        return _certificate = await LoadOrCreateAsync(cancellationToken);
    }

    private Task<ServerCertificate> LoadOrCreateAsync(CancellationToken cancellationToken)
    {
        var servers = _directory!.Active(AuthorityPurpose.Servers);
        return ServerCertificate.LoadOrCreateAsync(
            _tlsFolder, Hosts, servers, _clock,
            terms => _issue!.RunAsync(servers, terms, cancellationToken),
            issuerId => _directory.Current.Find(issuerId) is { Purpose: AuthorityPurpose.Servers },
            serial => _issue!.IsKnownAsync(serial, cancellationToken));
    }

    public void Dispose()
    {
        _certificate?.Dispose();
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
                () => provider.GetRequiredService<FleetIdentity>().Server.Certificate,
                provider.GetRequiredService<TimeProvider>(),
                refusal => refusals.Record(RefusalDoor.Handshake, refusal.Code, refusal.Name, ClientIdentity.AddressOf(refusal.Address), refusal.Detail, refusal.Peer),
                provider.GetRequiredService<ServerOptions>().TlsTickets,
                provider.GetRequiredService<ServerOptions>().StapleOcsp);
        });
        services.AddHostedService<ServerCertificateRenewal>();
        return services;
    }
}
