using System.Security.Cryptography.X509Certificates;
using IoTFleet.Testing;

namespace IoTFleet.Pki.Tests;

public sealed class CertificateIdentityTests : IDisposable
{
    private readonly TestPki _pki = new();

    [Fact]
    public void Device_is_known_by_its_uri() =>
        Assert.Equal(new CertificateIdentity(IdentityKind.Device, "pump-1"), Read(_pki.Device("pump-1")));

    [Fact]
    public void Service_is_known_by_its_uri() =>
        Assert.Equal(new CertificateIdentity(IdentityKind.Service, "billing"), Read(_pki.Service("billing")));

    [Fact]
    public void Certificate_without_a_uri_has_no_identity() => Refuse(_pki.WithoutIdentity("pump-1"), CertificateIdentity.WrongShape);

    [Fact]
    public void Certificate_with_two_uris_has_no_identity() => Refuse(_pki.WithTwoIdentities("pump-1", "pump-2"), CertificateIdentity.WrongShape);

    [Fact]
    public void Server_certificate_has_no_identity() => Refuse(_pki.Server(), CertificateIdentity.WrongShape);

    [Theory]
    [InlineData("urn:device:pump-1", CertificateIdentity.WrongShape)]
    [InlineData("https://device.fleet.local/pump-1", CertificateIdentity.WrongShape)]
    [InlineData("spiffe://device.fleet.local:1/pump-1", CertificateIdentity.WrongHost)]
    [InlineData("spiffe://x@device.fleet.local/pump-1", CertificateIdentity.WrongHost)]
    [InlineData("spiffe://sub.device.fleet.local/pump-1", CertificateIdentity.WrongHost)]
    [InlineData("spiffe://elsewhere.local/pump-1", CertificateIdentity.WrongHost)]
    [InlineData("spiffe://device.fleet.local/", CertificateIdentity.WrongGrammar)]
    [InlineData("spiffe://device.fleet.local/Pump-1", CertificateIdentity.WrongGrammar)]
    [InlineData("spiffe://device.fleet.local/pump%2D1", CertificateIdentity.WrongGrammar)]
    [InlineData("spiffe://device.fleet.local/pump-1/x", CertificateIdentity.WrongGrammar)]
    [InlineData("spiffe://device.fleet.local/pump-1?x", CertificateIdentity.WrongGrammar)]
    public void Other_uri_is_no_identity(string uri, string problem) => Refuse(_pki.WithIdentity("pump-1", uri), problem);

    [Fact]
    public void Purpose_must_be_named_not_merely_unrestricted()
    {
        Assert.True(KeyPurpose.IsGranted(_pki.Device("pump-1"), KeyPurpose.ClientAuth));
        Assert.False(KeyPurpose.IsGranted(_pki.WithoutPurpose("pump-1"), KeyPurpose.ClientAuth));
        Assert.False(KeyPurpose.IsGranted(_pki.WithServerPurpose("pump-1"), KeyPurpose.ClientAuth));
    }

    public void Dispose() => _pki.Dispose();

    private CertificateIdentity Read(X509Certificate2 certificate)
    {
        Assert.True(CertificateIdentity.TryRead(certificate, _pki.Names, out var identity, out var problem), problem);
        return identity;
    }

    private void Refuse(X509Certificate2 certificate, string expected)
    {
        Assert.False(CertificateIdentity.TryRead(certificate, _pki.Names, out _, out var problem));
        Assert.Equal(expected, problem);
    }
}
