using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Fleet.Authorities;
using IoTFleet.Pki;
using IoTFleet.Server.Security;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests;

/// <summary>What the handshake makes of certificates of every kind, at either port, in the trust of the moment.</summary>
public sealed class PeerVerdictTests : IDisposable
{
    private readonly FakeClock _clock = new(new DateTimeOffset(2040, 1, 1, 0, 0, 0, TimeSpan.Zero));
    private readonly TestPki _pki;
    private readonly List<TlsRefusal> _refusals = [];
    private readonly List<IDisposable> _made = [];
    private readonly DeviceTls _tls;
    private TrustSnapshot _trust;

    public PeerVerdictTests()
    {
        _pki = new TestPki(_clock);
        _trust = TrustSnapshot.Of(_pki.Authorities, _clock);
        _tls = new DeviceTls(() => _trust, _pki.Server(), _clock, _refusals.Add);
    }

    [Fact]
    public async Task Claim_is_taken_at_https_with_its_batch()
    {
        var verdict = await HttpsAsync(_pki.Claim("batch-7"));
        Assert.Equal((PeerKind.Claim, "batch-7"), (verdict!.Kind, verdict.Identity));
    }

    [Fact]
    public async Task Claim_is_refused_at_mqtt()
    {
        Assert.Null(await MqttAsync(_pki.Claim("batch-7")));
        Assert.Equal(("issuer-purpose", "claim:batch-7"), (Assert.Single(_refusals).Code, _refusals[0].Name));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Makers_identity_is_taken_at_https_with_its_serial(bool throughIntermediate)
    {
        var (anchor, leaf, between) = Maker(throughIntermediate);
        Register(anchor);
        var verdict = await HttpsAsync(leaf, between);
        Assert.Equal((PeerKind.Manufacturer, "SN-4711", "maker"), (verdict!.Kind, verdict.HardwareSerial, verdict.IssuerId));
        Assert.Null(verdict.Identity);
    }

    [Fact]
    public async Task Maker_registered_by_an_authority_below_its_root_is_taken_too()
    {
        var (_, leaf, between) = Maker(throughIntermediate: true);
        Register(between[0]);
        Assert.Equal(PeerKind.Manufacturer, (await HttpsAsync(leaf, between))?.Kind);
    }

    [Fact]
    public async Task Makers_identity_is_refused_at_mqtt()
    {
        var (anchor, leaf, _) = Maker(throughIntermediate: false);
        Register(anchor);
        Assert.Null(await MqttAsync(leaf));
        Assert.Equal("issuer-purpose", Assert.Single(_refusals).Code);
    }

    [Fact]
    public async Task Makers_identity_is_refused_where_nobody_registered_it()
    {
        Assert.Null(await HttpsAsync(Maker(throughIntermediate: false).Leaf));
        Assert.Equal("untrusted", Assert.Single(_refusals).Code);
    }

    [Theory]
    [InlineData(KeyPurpose.ServerAuth, "wrong-purpose")]
    [InlineData(KeyPurpose.ClientAuth, null)]
    public async Task Purpose_of_a_makers_identity_is_looked_at_when_it_is_stated(string purpose, string? refusal)
    {
        var (anchor, leaf, _) = Maker(throughIntermediate: false, purpose);
        Register(anchor);
        Assert.Equal(refusal is null, await HttpsAsync(leaf) is not null);
        Assert.Equal(refusal, _refusals.SingleOrDefault()?.Code);
    }

    [Fact]
    public async Task Maker_that_names_one_of_our_devices_is_still_a_maker()
    {
        var (anchor, leaf, _) = Maker(throughIntermediate: false, uri: _pki.Names.DeviceUri("pump-1").OriginalString);
        Register(anchor);
        var verdict = await HttpsAsync(leaf);
        Assert.Equal((PeerKind.Manufacturer, null), (verdict!.Kind, verdict.Identity));
    }

    [Fact]
    public async Task Authorities_of_the_same_name_sent_along_lead_nobody_astray()
    {
        var decoys = Enumerable.Range(0, 10).Select(_ => SelfSigned(_pki.DeviceIssuer.SubjectName)).Append(SelfSigned(_pki.Root.SubjectName)).ToArray();
        Assert.Equal("pump-1", (await MqttAsync(_pki.Device("pump-1"), decoys))?.Identity);
    }

    [Fact]
    public async Task Stranger_with_authorities_of_our_name_stays_untrusted()
    {
        var decoy = SelfSigned(_pki.DeviceIssuer.SubjectName);
        Assert.Null(await MqttAsync(_pki.OtherAuthority("pump-1"), decoy, _pki.DeviceIssuer));
        Assert.Equal("untrusted", Assert.Single(_refusals).Code);
    }

    [Theory]
    [InlineData(AuthorityState.Retiring, null)]
    [InlineData(AuthorityState.Tainted, null)]
    [InlineData(AuthorityState.Removed, "authority-not-in-force")]
    [InlineData(AuthorityState.Published, "authority-not-in-force")]
    [InlineData(AuthorityState.Prepared, "authority-not-in-force")]
    public async Task State_of_the_authority_decides_from_the_next_handshake_on(AuthorityState state, string? refusal)
    {
        var device = _pki.Device("pump-1");
        Assert.NotNull(await MqttAsync(device));
        _trust = With(AuthorityPurpose.Devices, state);
        Assert.Equal(refusal is null, await MqttAsync(device) is not null);
        Assert.Equal(refusal, _refusals.SingleOrDefault()?.Code);
    }

    [Fact]
    public async Task Root_that_was_removed_takes_its_authorities_with_it()
    {
        _trust = With(AuthorityPurpose.Root, AuthorityState.Removed);
        Assert.Null(await MqttAsync(_pki.Device("pump-1")));
        Assert.Equal("untrusted", Assert.Single(_refusals).Code);
    }

    public void Dispose()
    {
        foreach (var made in _made) made.Dispose();
        _pki.Dispose();
    }

    private Task<PeerVerdict?> MqttAsync(X509Certificate2 certificate, params X509Certificate2[] sentAlong) =>
        TlsPair.HandshakeAsync(accepted => _tls.ForMqtt(null, accepted), _pki.Root, certificate, sentAlong);

    private Task<PeerVerdict?> HttpsAsync(X509Certificate2 certificate, params X509Certificate2[] sentAlong) =>
        TlsPair.HandshakeAsync(accepted => _tls.ForHttps(null, accepted), _pki.Root, certificate, sentAlong);

    private void Register(X509Certificate2 anchor) =>
        _trust = new TrustSnapshot(_pki.Names, _trust.All, [new TrustedManufacturer("maker", "Maker", "default", anchor)]);

    private TrustSnapshot With(AuthorityPurpose purpose, AuthorityState state) => new(_pki.Names, _trust.All.Select(authority => authority.Purpose != purpose ? authority : new AuthorityGeneration
    {
        Id = authority.Id,
        Purpose = purpose,
        Generation = 1,
        State = state,
        StateChangedAt = _clock.GetUtcNow(),
        Certificate = authority.Certificate,
        Signer = authority.Signer,
    }));

    private X509Certificate2 SelfSigned(X500DistinguishedName name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return Kept(Authority(name, key).CreateSelfSigned(_clock.GetUtcNow().AddDays(-1), _clock.GetUtcNow().AddDays(30)));
    }

    /// <summary>A maker's root and a device identity below it as IEEE 802.1AR has it: no purpose, the serial in the subject, no end.</summary>
    private (X509Certificate2 Anchor, X509Certificate2 Leaf, X509Certificate2[] Between) Maker(bool throughIntermediate, string? purpose = null, string? uri = null)
    {
        var (from, forEver) = (_clock.GetUtcNow().AddYears(-1), new DateTimeOffset(9999, 12, 31, 23, 59, 59, TimeSpan.Zero));
        var rootKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var root = Kept(Authority(new X500DistinguishedName("CN=Maker Root"), rootKey).CreateSelfSigned(from, forEver));
        var signer = root;
        if (throughIntermediate)
        {
            using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            using var below = Authority(new X500DistinguishedName("CN=Maker Line 1"), key, root).Create(root, from, forEver, SerialNumber.Create().Bytes.Span);
            signer = Kept(below.CopyWithPrivateKey(key));
        }

        using var leafKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=Sensor, SERIALNUMBER=SN-4711", leafKey, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, true));
        request.CertificateExtensions.Add(KeyIdOf(signer));
        if (purpose is not null) request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(purpose)], false));
        if (uri is not null)
        {
            var names = new SubjectAlternativeNameBuilder();
            names.AddUri(new Uri(uri));
            request.CertificateExtensions.Add(names.Build());
        }
        using var leaf = request.Create(signer, from, forEver, SerialNumber.Create().Bytes.Span);
        return (root, Kept(leaf.CopyWithPrivateKey(leafKey)), throughIntermediate ? [signer] : []);
    }

    private static CertificateRequest Authority(X500DistinguishedName name, ECDsa key, X509Certificate2? issuer = null)
    {
        var request = new CertificateRequest(name, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        if (issuer is not null) request.CertificateExtensions.Add(KeyIdOf(issuer));
        return request;
    }

    private static X509AuthorityKeyIdentifierExtension KeyIdOf(X509Certificate2 issuer) =>
        X509AuthorityKeyIdentifierExtension.CreateFromSubjectKeyIdentifier(issuer.Extensions.OfType<X509SubjectKeyIdentifierExtension>().Single());

    private X509Certificate2 Kept(X509Certificate2 certificate)
    {
        _made.Add(certificate);
        return certificate;
    }
}
