using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Broker;
using IoTFleet.Fleet.Authorities;
using IoTFleet.Pki;

namespace IoTFleet.Server.Security;

/// <summary>
/// TLS as both listeners speak it: our certificate with its authority, trust in what the fleet trusts at that moment, no look-ups in the network
/// during a handshake. Options are made anew for each connection from one snapshot, so that time is the clock's, and a rotated authority or
/// renewed server certificate is used from the next handshake on without a restart of anything.
/// </summary>
internal sealed class DeviceTls
{
    private static readonly SslApplicationProtocol Mqtt = new("mqtt");

    private readonly Func<TrustSnapshot> _trust;
    private readonly TimeProvider _clock;
    private readonly Action<TlsRefusal> _refused;
    private readonly Func<X509Certificate2> _firstCertificate;
    private readonly bool _staple;
    private volatile X509Certificate2? _serverCertificate;
    private volatile TlsMaterial? _material;

    public DeviceTls(Func<TrustSnapshot> trust, X509Certificate2 serverCertificate, TimeProvider clock, Action<TlsRefusal> refused)
        : this(trust, () => serverCertificate, clock, refused, tickets: 0)
    {
    }

    /// <param name="trust">The trust of the moment.</param>
    /// <param name="serverCertificate">The certificate to begin with, asked for at the first handshake: listeners are put together before it is open.</param>
    /// <param name="clock">Whose time certificates are held against.</param>
    /// <param name="refused">Told of each handshake that ends for its certificate.</param>
    /// <param name="tickets">TLS session tickets a client is given.</param>
    /// <param name="staple">Whether an OCSP answer about our own certificate is sent along.</param>
    public DeviceTls(Func<TrustSnapshot> trust, Func<X509Certificate2> serverCertificate, TimeProvider clock, Action<TlsRefusal> refused, int tickets, bool staple = false)
    {
        _staple = staple;
        OpenSslSessionTickets.Allow(tickets);
        _trust = trust;
        _clock = clock;
        _refused = refused;
        _firstCertificate = serverCertificate;
    }

    /// <summary>From the next handshake on.</summary>
    public void UseServerCertificate(X509Certificate2 serverCertificate) => _serverCertificate = serverCertificate;

    /// <summary>For MQTT: a device's or service's certificate is required.</summary>
    public SslServerAuthenticationOptions ForMqtt(EndPoint? client, Action<PeerVerdict>? accepted = null, Action? refused = null)
    {
        var material = Material();
        var policy = TrustPolicy.For(material.Trust.Roots, material.Issuers, _clock);
        var options = Options(material.Plain, policy, (certificate, chain, errors) => Accept(PeerDoor.Mqtt, material, certificate, chain, errors, client, accepted, refused));
        options.ApplicationProtocols = [Mqtt];
        return options;
    }

    /// <summary>For EST, REST and the console: a certificate may be shown, and then must be a good one, if only for enrolment.</summary>
    public SslServerAuthenticationOptions ForHttps(EndPoint? client, Action<PeerVerdict>? accepted = null, Action? refused = null)
    {
        var material = Material();
        var policy = TrustPolicy.For([.. material.Trust.Roots, .. material.ManufacturerRoots], [.. material.Issuers, .. material.OtherManufacturers], _clock);
        return Options(material.NamingIssuers, policy, (certificate, chain, errors) =>
            certificate is null || Accept(PeerDoor.Https, material, certificate, chain, errors, client, accepted, refused));
    }

    /// <summary>Built again when the trust or our certificate has changed; two connections that see it first may both do so.</summary>
    private TlsMaterial Material()
    {
        var (trust, certificate) = (_trust(), _serverCertificate ??= _firstCertificate());
        return _material is { } material && ReferenceEquals(material.Trust, trust) && ReferenceEquals(material.ServerCertificate, certificate)
            ? material
            : _material = TlsMaterial.Build(trust, certificate, _staple);
    }

    private static SslServerAuthenticationOptions Options(
        SslStreamCertificateContext context, X509ChainPolicy policy, Func<X509Certificate2?, X509Chain?, SslPolicyErrors, bool> accept) => new()
        {
            ServerCertificateContext = context,
            ClientCertificateRequired = true, // In TLS's terms: asked for. Whether a handshake without one may end well, the callback decides.
            CertificateChainPolicy = policy,
            CertificateRevocationCheckMode = X509RevocationMode.NoCheck, // Revocation is pushed to us; see RevokedSet.
            EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
            AllowRenegotiation = false,
            AllowTlsResume = true, // Off, it would cost a TLS context for each connection. Resumed or not, the callback judges the certificate.
            RemoteCertificateValidationCallback = (_, certificate, chain, errors) => accept((X509Certificate2?)certificate, chain, errors),
        };

    private bool Accept(
        PeerDoor door, TlsMaterial material, X509Certificate2? certificate, X509Chain? chain, SslPolicyErrors errors, EndPoint? client, Action<PeerVerdict>? accepted, Action? refused)
    {
        var (verdict, refusal) = new ClientCertificateCheck(material.Trust, door, _clock).Judge(certificate, chain, errors);
        if (chain is not null) Release(material, chain, certificate);
        if (verdict is not null)
        {
            accepted?.Invoke(verdict);
            return true;
        }

        refused?.Invoke();
        _refused(refusal! with { Name = ClaimedName(material.Trust, certificate), Address = client, Peer = RefusedPeer.Of(certificate) });
        return false;
    }

    private static string? ClaimedName(TrustSnapshot trust, X509Certificate2? certificate)
    {
        if (certificate is null || !CertificateIdentity.TryRead(certificate, trust.Names, out var identity, out _)) return null;
        return identity.Kind == IdentityKind.Device ? identity.Name : $"{identity.Kind.ToString().ToLowerInvariant()}:{identity.Name}";
    }

    /// <summary>Where a callback is set, .NET leaves the chain's certificates to finalizers: several native objects a handshake.</summary>
    private static void Release(TlsMaterial material, X509Chain chain, X509Certificate2? certificate)
    {
        foreach (var element in chain.ChainElements)
        {
            if (!ReferenceEquals(element.Certificate, certificate)) element.Certificate.Dispose();
        }
        foreach (var extra in chain.ChainPolicy.ExtraStore)
        {
            // The store holds what the peer sent beside what is ours.
            if (!material.Owns(extra) && !ReferenceEquals(extra, certificate)) extra.Dispose();
        }
    }
}
