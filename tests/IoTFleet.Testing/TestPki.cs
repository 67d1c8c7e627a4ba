using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Pki;

namespace IoTFleet.Testing;

/// <summary>
/// A fleet's authorities in memory, most of a year old by the clock given, and leaf certificates of every good and wrong kind.
/// Each leaf has its own key and works as either end of an <see cref="System.Net.Security.SslStream"/>.
/// What it hands out is disposed with it.
/// </summary>
public sealed class TestPki : IDisposable
{
    private readonly List<IDisposable> _made = [];
    private readonly TimeProvider _clock;

    public TestPki(TimeProvider? clock = null, string domain = "fleet.local")
    {
        _clock = clock ?? TimeProvider.System;
        Names = new FleetNames(domain);
        Authorities = RootCeremony.Create(Names, Shifted(TimeSpan.FromDays(-300)));
        DeviceAuthority = new CertificateAuthority(Authorities.Devices, _clock);
        ServiceAuthority = new CertificateAuthority(Authorities.Services!, _clock);
        ClaimAuthority = new CertificateAuthority(Authorities.Claims!, _clock);
        ServerAuthority = new CertificateAuthority(Authorities.Servers, _clock);
    }

    public FleetNames Names { get; }
    public FleetAuthorities Authorities { get; }
    public CertificateAuthority DeviceAuthority { get; }
    public CertificateAuthority ServerAuthority { get; }
    public CertificateAuthority ServiceAuthority { get; }
    public CertificateAuthority ClaimAuthority { get; }

    public X509Certificate2 Root => Authorities.Root;
    public X509Certificate2 DeviceIssuer => Authorities.Devices.Certificate;
    public X509Certificate2 ServerIssuer => Authorities.Servers.Certificate;
    public X509Certificate2 ServiceIssuer => Authorities.Services!.Certificate;
    public X509Certificate2 ClaimIssuer => Authorities.Claims!.Certificate;

    public X509Certificate2 Device(string id) => Leaf(DeviceAuthority, Names.DeviceUri(id), id);

    public X509Certificate2 Service(string name) => Leaf(ServiceAuthority, Names.ServiceUri(name), name, Profile.Service);

    public X509Certificate2 Claim(string batch) => Leaf(ClaimAuthority, Names.ClaimUri(batch), batch, Profile.Claim);

    /// <summary>By the service authority, but with a device's identity.</summary>
    public X509Certificate2 DeviceFromServiceAuthority(string id) =>
        BySigner(Authorities.Services!, id, [Names.DeviceUri(id).OriginalString], KeyPurpose.ClientAuth);

    /// <summary>By the device authority, but with a service's identity.</summary>
    public X509Certificate2 ServiceFromDeviceAuthority(string name) =>
        ByDeviceIssuer(name, [Names.ServiceUri(name).OriginalString], KeyPurpose.ClientAuth);

    /// <summary>For localhost and the loopback addresses unless told otherwise.</summary>
    public X509Certificate2 Server(params string[] hosts)
    {
        using var key = NewKey();
        string[] names = hosts.Length > 0 ? hosts : ["localhost", "127.0.0.1", "::1"];
        return Join(ServerAuthority.IssueServer(names, key.ExportSubjectPublicKeyInfo()).Load(), key);
    }

    /// <summary>Ended a month ago.</summary>
    public X509Certificate2 Expired(string id) => Leaf(DevicesAt(TimeSpan.FromDays(-60)), Names.DeviceUri(id), id);

    /// <summary>Begins in a month.</summary>
    public X509Certificate2 NotYetValid(string id) => Leaf(DevicesAt(TimeSpan.FromDays(30)), Names.DeviceUri(id), id);

    /// <summary>Says everything a device's certificate says, and signed itself.</summary>
    public X509Certificate2 SelfSigned(string id)
    {
        var key = NewKey();
        var request = DeviceRequest(id, key, [Names.DeviceUri(id).OriginalString], KeyPurpose.ClientAuth);
        using var issuer = new IssuerKey(request.CreateSelfSigned(_clock.GetUtcNow().AddDays(-1), _clock.GetUtcNow().AddDays(30)), key);
        return Join(X509CertificateLoader.LoadCertificate(issuer.Certificate.RawData), key);
    }

    /// <summary>Issued by another fleet's authority that uses the same domain; may name a URL where its issuer is to be fetched.</summary>
    public X509Certificate2 OtherAuthority(string id, string? issuerUrl = null)
    {
        var other = new TestPki(_clock, Names.Domain);
        _made.Add(other);
        return issuerUrl is null ? other.Device(id) : other.BySigner(
            other.Authorities.Devices, id, [Names.DeviceUri(id).OriginalString], KeyPurpose.ClientAuth,
            new X509AuthorityInformationAccessExtension(ocspUris: null, caIssuersUris: [issuerUrl]));
    }

    /// <summary>A device's key used as an authority.</summary>
    public X509Certificate2 IssuedByDevice(string id, string issuer)
    {
        var parent = Device(issuer);
        using var key = new IssuerKey(X509CertificateLoader.LoadCertificate(parent.RawData), parent.GetECDsaPrivateKey()!);
        return BySigner(key, id, [Names.DeviceUri(id).OriginalString], KeyPurpose.ClientAuth);
    }

    /// <summary>By the device authority, without any extended key usage.</summary>
    public X509Certificate2 WithoutPurpose(string id) => ByDeviceIssuer(id, [Names.DeviceUri(id).OriginalString], purpose: null);

    /// <summary>By the device authority, for servers.</summary>
    public X509Certificate2 WithServerPurpose(string id) => ByDeviceIssuer(id, [Names.DeviceUri(id).OriginalString], KeyPurpose.ServerAuth);

    public X509Certificate2 WithTwoIdentities(string id, string second) =>
        ByDeviceIssuer(id, [Names.DeviceUri(id).OriginalString, Names.DeviceUri(second).OriginalString], KeyPurpose.ClientAuth);

    public X509Certificate2 WithoutIdentity(string id) => ByDeviceIssuer(id, [], KeyPurpose.ClientAuth);

    /// <summary>By the device authority, for a URI it is not allowed to name, such as <c>spiffe://elsewhere.local/pump-1</c>.</summary>
    public X509Certificate2 WithIdentity(string id, string uri) => ByDeviceIssuer(id, [uri], KeyPurpose.ClientAuth);

    /// <summary>By the server authority, but with a device's identity and purpose.</summary>
    public X509Certificate2 DeviceFromServerAuthority(string id) =>
        BySigner(Authorities.Servers, id, [Names.DeviceUri(id).OriginalString], KeyPurpose.ClientAuth);

    /// <summary>A DER encoded signing request for a new key, as a device would send it.</summary>
    public static byte[] Request(string? commonName = null) => Request(commonName, out _);

    /// <inheritdoc cref="Request(string?)"/>
    public static byte[] Request(string? commonName, out ECDsa key)
    {
        key = NewKey();
        var subject = new X500DistinguishedNameBuilder();
        if (commonName is not null) subject.AddCommonName(commonName);
        return new CertificateRequest(subject.Build(), key, HashAlgorithmName.SHA256).CreateSigningRequest();
    }

    /// <summary>Writes <c>name.pem</c> and <c>name.key</c>, for programs such as mosquitto_pub and openssl.</summary>
    public static (string CertificateFile, string KeyFile) WritePair(string folder, string name, X509Certificate2 leaf)
    {
        var certificateFile = Path.Combine(folder, name + ".pem");
        var keyFile = Path.Combine(folder, name + ".key");
        using var key = leaf.GetECDsaPrivateKey()!;
        PemFile.WritePublic(certificateFile, leaf.ExportCertificatePem() + "\n");
        PemFile.WriteSecret(keyFile, key.ExportPkcs8PrivateKeyPem() + "\n");
        return (certificateFile, keyFile);
    }

    /// <summary>Writes certificates one after the other, such as a trust file.</summary>
    public static string WriteCertificates(string folder, string name, params X509Certificate2[] certificates)
    {
        var file = Path.Combine(folder, name + ".pem");
        PemFile.WritePublic(file, string.Concat(certificates.Select(certificate => certificate.ExportCertificatePem() + "\n")));
        return file;
    }

    public void Dispose()
    {
        foreach (var made in _made) made.Dispose();
        Authorities.Dispose();
    }

    private CertificateAuthority DevicesAt(TimeSpan fromNow) => new(Authorities.Devices, Shifted(fromNow));

    private X509Certificate2 Leaf(CertificateAuthority authority, Uri identity, string commonName, Profile profile = Profile.Device)
    {
        using var key = NewKey();
        var terms = new LeafTerms(commonName, identity, key.ExportSubjectPublicKeyInfo(), TimeSpan.FromDays(30), TimeSpan.FromHours(1)) { Profile = profile };
        return Join(authority.Issue(terms).Load(), key);
    }

    private X509Certificate2 ByDeviceIssuer(string id, string[] identities, string? purpose) =>
        BySigner(Authorities.Devices, id, identities, purpose);

    private X509Certificate2 BySigner(IssuerKey issuer, string id, string[] identities, string? purpose, params X509Extension[] others)
    {
        using var key = NewKey();
        var request = DeviceRequest(id, key, identities, purpose);
        foreach (var other in others) request.CertificateExtensions.Add(other);
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromSubjectKeyIdentifier(
            issuer.Certificate.Extensions.OfType<X509SubjectKeyIdentifierExtension>().Single()));
        var now = _clock.GetUtcNow();
        return Join(issuer.Sign(generator => request.Create(
            issuer.Certificate.SubjectName, generator, now.AddDays(-1), now.AddDays(30), SerialNumber.Create().Bytes.Span)), key);
    }

    private static CertificateRequest DeviceRequest(string id, ECDsa key, string[] identities, string? purpose)
    {
        var request = new CertificateRequest($"CN={id}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, true));
        if (purpose is not null) request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(purpose)], false));
        if (identities.Length > 0) request.CertificateExtensions.Add(AlternativeNames.OfUris(identities));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        return request;
    }

    private X509Certificate2 Join(X509Certificate2 certificate, ECDsa key)
    {
        using (certificate)
        {
            var joined = LoadableByTls(certificate.CopyWithPrivateKey(key));
            _made.Add(joined);
            return joined;
        }
    }

    private static X509Certificate2 LoadableByTls(X509Certificate2 certificate)
    {
        if (!OperatingSystem.IsWindows()) return certificate;
        // Windows' TLS cannot use a key that lives in memory only.
        using (certificate)
            return X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pkcs12), null, X509KeyStorageFlags.Exportable);
    }

    private static ECDsa NewKey() => ECDsa.Create(ECCurve.NamedCurves.nistP256);

    private ShiftedClock Shifted(TimeSpan by) => new(_clock, by);

    private sealed class ShiftedClock(TimeProvider clock, TimeSpan by) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => clock.GetUtcNow() + by;
    }
}
