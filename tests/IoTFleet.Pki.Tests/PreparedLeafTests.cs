using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Testing;

namespace IoTFleet.Pki.Tests;

public sealed class PreparedLeafTests : IDisposable
{
    private readonly TestPki _pki = new();
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    [Fact]
    public void Permit_tells_what_will_be_signed_and_exactly_that_is_signed()
    {
        var prepared = _pki.DeviceAuthority.Prepare(Terms());
        var leaf = _pki.DeviceAuthority.Sign(prepared);
        using var certificate = leaf.Load();
        Assert.Equal((leaf.Serial, leaf.NotBefore, leaf.NotAfter), (prepared.Serial, prepared.NotBefore, prepared.NotAfter));
        Assert.Equal((Profile.Device, _pki.DeviceAuthority.Id), (prepared.Profile, prepared.IssuerId));
        Assert.Equal(prepared.TbsHash, Convert.ToHexStringLower(SHA256.HashData(ToBeSigned(certificate))));
    }

    [Fact]
    public void Permit_is_good_for_one_signature()
    {
        var prepared = _pki.DeviceAuthority.Prepare(Terms());
        _pki.DeviceAuthority.Sign(prepared);
        Assert.Contains("redeemed before", Assert.Throws<InvalidOperationException>(() => _pki.DeviceAuthority.Sign(prepared)).Message);
    }

    [Fact]
    public async Task Of_a_hundred_that_redeem_one_permit_at_once_one_succeeds()
    {
        var prepared = _pki.DeviceAuthority.Prepare(Terms());
        var tries = await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => Task.Run(() =>
        {
            try { return _pki.DeviceAuthority.Sign(prepared); }
            catch (InvalidOperationException) { return null; }
        })));
        Assert.Single(tries, leaf => leaf is not null);
    }

    [Fact]
    public void Permit_of_another_authority_is_refused_and_stays_good()
    {
        var prepared = _pki.DeviceAuthority.Prepare(Terms());
        Assert.Throws<InvalidOperationException>(() => _pki.ServiceAuthority.Sign(prepared));
        Assert.NotNull(_pki.DeviceAuthority.Sign(prepared));
    }

    [Fact]
    public void Certificate_that_breaks_its_profile_gets_no_permit()
    {
        var terms = Terms() with { Lifetime = TimeSpan.FromDays(91) };
        var refused = Assert.Throws<ProfileViolationException>(() => _pki.DeviceAuthority.Prepare(terms));
        Assert.Contains(refused.Findings, finding => finding.Rule == "P-3.lifetime");
    }

    [Fact]
    public void Authority_for_devices_issues_no_service_and_no_server()
    {
        var service = Terms() with { Identity = _pki.Names.ServiceUri("pump-1"), Profile = Profile.Service };
        Assert.Throws<ProfileViolationException>(() => _pki.DeviceAuthority.Prepare(service));
        Assert.Throws<ProfileViolationException>(() => _pki.DeviceAuthority.IssueServer(["fleet.example"], _key.ExportSubjectPublicKeyInfo()));
    }

    [Fact]
    public void Key_that_is_swapped_out_still_signs_what_was_promised_and_nothing_more()
    {
        using var root = AuthorityCertificate.CreateRoot(_pki.Names, TimeProvider.System.GetUtcNow());
        var issuer = AuthorityCertificate.Create(AuthorityPurpose.Devices, _pki.Names, root, TimeProvider.System.GetUtcNow());
        var authority = new CertificateAuthority(issuer, TimeProvider.System);
        var promised = authority.Prepare(Terms());
        issuer.Dispose();
        issuer.Dispose();
        Assert.NotNull(authority.Sign(promised));
        Assert.Throws<ObjectDisposedException>(() => authority.Prepare(Terms()));
    }

    [Fact]
    public void Signed_statement_is_bound_to_its_context_and_its_bytes()
    {
        var signature = _pki.DeviceAuthority.SignStatement("trust-bundle", "one"u8);
        Assert.True(CertificateAuthority.VerifyStatement(_pki.DeviceIssuer, "trust-bundle", "one"u8, signature));
        Assert.False(CertificateAuthority.VerifyStatement(_pki.DeviceIssuer, "checkpoint", "one"u8, signature));
        Assert.False(CertificateAuthority.VerifyStatement(_pki.DeviceIssuer, "trust-bundle", "two"u8, signature));
    }

    public void Dispose()
    {
        _key.Dispose();
        _pki.Dispose();
    }

    private LeafTerms Terms() => new("pump-1", _pki.Names.DeviceUri("pump-1"), _key.ExportSubjectPublicKeyInfo(), TimeSpan.FromDays(30), TimeSpan.FromHours(1));

    private static byte[] ToBeSigned(X509Certificate2 certificate)
    {
        var reader = new System.Formats.Asn1.AsnReader(certificate.RawData, System.Formats.Asn1.AsnEncodingRules.DER);
        return reader.ReadSequence().ReadEncodedValue().ToArray();
    }
}
