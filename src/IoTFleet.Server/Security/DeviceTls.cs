using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Pki;

namespace IoTFleet.Server.Security;

/// <summary>
/// TLS as both listeners speak it: our certificate with its authority, trust in our root alone, no look-ups in the network
/// during a handshake. Options are made anew for each connection, so that time is the clock's and a renewed server
/// certificate is used from the next handshake on.
/// </summary>
internal sealed class DeviceTls
{
    private static readonly SslApplicationProtocol Mqtt = new("mqtt");

    private readonly FleetAuthorities _authorities;
    private readonly TimeProvider _clock;
    private readonly Action<TlsRefusal> _refused;
    private readonly X509Certificate2[] _issuers;
    private readonly ClientCertificateCheck _check;
    private volatile ServerContexts _contexts;

    public DeviceTls(FleetAuthorities authorities, X509Certificate2 serverCertificate, TimeProvider clock, Action<TlsRefusal> refused)
    {
        OpenSslSessionTickets.TurnOff();
        _authorities = authorities;
        _clock = clock;
        _refused = refused;
        // Clients send their leaf alone. The servers' authority is here so that its certificates are refused for what they are.
        _issuers = [.. ForClients(authorities), authorities.Servers.Certificate];
        _check = new ClientCertificateCheck(authorities, clock);
        _contexts = ServerContexts.Build(authorities, serverCertificate);
    }

    private static X509Certificate2[] ForClients(FleetAuthorities authorities) => authorities.Services is { } services
        ? [authorities.Devices.Certificate, services.Certificate]
        : [authorities.Devices.Certificate];

    /// <summary>From the next handshake on.</summary>
    public void UseServerCertificate(X509Certificate2 serverCertificate) =>
        _contexts = ServerContexts.Build(_authorities, serverCertificate);

    /// <summary>For MQTT: a device's or service's certificate is required.</summary>
    public SslServerAuthenticationOptions ForMqtt(EndPoint? client)
    {
        var options = Options(_contexts.Plain, (certificate, chain, errors) => Accept(certificate, chain, errors, client));
        options.ApplicationProtocols = [Mqtt];
        return options;
    }

    /// <summary>For EST, REST and the console: a certificate may be shown, and then must be a good one.</summary>
    public SslServerAuthenticationOptions ForHttps(EndPoint? client) =>
        Options(_contexts.NamingIssuer, (certificate, chain, errors) => certificate is null || Accept(certificate, chain, errors, client));

    private SslServerAuthenticationOptions Options(
        SslStreamCertificateContext context, Func<X509Certificate2?, X509Chain?, SslPolicyErrors, bool> accept) => new()
        {
            ServerCertificateContext = context,
            ClientCertificateRequired = true, // In TLS's terms: asked for. Whether a handshake without one may end well, the callback decides.
            CertificateChainPolicy = TrustPolicy.For(_authorities.Root, _issuers, _clock),
            CertificateRevocationCheckMode = X509RevocationMode.NoCheck, // Revocation is pushed to us; see RevokedSet.
            EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
            AllowRenegotiation = false,
            AllowTlsResume = true, // Off, it would cost a TLS context for each connection. Resumed or not, the callback judges the certificate.
            RemoteCertificateValidationCallback = (_, certificate, chain, errors) => accept((X509Certificate2?)certificate, chain, errors),
        };

    private bool Accept(X509Certificate2? certificate, X509Chain? chain, SslPolicyErrors errors, EndPoint? client)
    {
        var refusal = _check.FindRefusal(certificate, chain, errors);
        if (chain is not null) Release(chain, certificate);
        if (refusal is not { } found) return true;
        _refused(new TlsRefusal(found.Reason, found.Detail, ClaimedName(certificate), client));
        return false;
    }

    private string? ClaimedName(X509Certificate2? certificate)
    {
        if (certificate is null || !CertificateIdentity.TryRead(certificate, _authorities.Names, out var identity, out _)) return null;
        return identity.Kind == IdentityKind.Device ? identity.Name : $"{(identity.Kind == IdentityKind.Claim ? "claim" : "service")}:{identity.Name}";
    }

    /// <summary>Where a callback is set, .NET leaves the chain's certificates to finalizers: several native objects a handshake.</summary>
    private void Release(X509Chain chain, X509Certificate2? certificate)
    {
        foreach (var element in chain.ChainElements)
        {
            if (!ReferenceEquals(element.Certificate, certificate)) element.Certificate.Dispose();
        }
        foreach (var extra in chain.ChainPolicy.ExtraStore)
        {
            // The store holds what the peer sent beside what is ours.
            if (!_issuers.Contains(extra, ReferenceEqualityComparer.Instance) && !ReferenceEquals(extra, certificate)) extra.Dispose();
        }
    }

    /// <summary>Built once for each server certificate: a context for each connection would leak native certificates.</summary>
    private sealed record ServerContexts(SslStreamCertificateContext Plain, SslStreamCertificateContext NamingIssuer)
    {
        public static ServerContexts Build(FleetAuthorities authorities, X509Certificate2 certificate)
        {
            var plain = SslStreamCertificateContext.Create(certificate, [authorities.Servers.Certificate], offline: true);
            // Browsers offer their user only certificates of the authorities that a server names. Elsewhere .NET cannot send the list.
            if (!OperatingSystem.IsLinux()) return new ServerContexts(plain, plain);
            var named = SslCertificateTrust.CreateForX509Collection([.. ForClients(authorities)], sendTrustInHandshake: true);
            var naming = SslStreamCertificateContext.Create(certificate, [authorities.Servers.Certificate], offline: true, named);
            return new ServerContexts(plain, naming);
        }
    }
}
