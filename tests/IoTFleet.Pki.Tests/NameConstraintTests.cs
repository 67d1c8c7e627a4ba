using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Testing;

namespace IoTFleet.Pki.Tests;

/// <summary>What the device authority may put its name under, as openssl judges it.</summary>
public sealed class NameConstraintTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly TestPki _pki = new();

    [Fact]
    public Task Device_certificate_verifies_for_a_tls_client() => Verify(_pki.Device("pump-1"), "OK");

    [Fact]
    public Task Service_certificate_verifies_for_a_tls_client() => Verify(_pki.Service("billing"), "OK", issuer: _pki.ServiceIssuer);

    [Fact]
    public Task Device_authority_cannot_name_a_service() => Verify(_pki.ServiceFromDeviceAuthority("billing"), "permitted subtree violation");

    [Fact]
    public Task Service_authority_cannot_name_a_device() =>
        Verify(_pki.DeviceFromServiceAuthority("pump-1"), "permitted subtree violation", issuer: _pki.ServiceIssuer);

    [Fact]
    public async Task Server_certificate_verifies_for_a_tls_server_only()
    {
        await Verify(_pki.Server(), "OK", "sslserver", _pki.ServerIssuer);
        await Verify(_pki.Server(), "unsuitable certificate purpose", "sslclient", _pki.ServerIssuer);
        await Verify(_pki.Device("pump-1"), "unsuitable certificate purpose", "sslserver");
    }

    [Theory]
    [InlineData("spiffe://elsewhere.local/pump-1", "permitted subtree violation")]
    [InlineData("spiffe://x.device.fleet.local/pump-1", "permitted subtree violation")]
    [InlineData("urn:device:pump-1", "unsupported or invalid name syntax")]
    public Task Other_uri_is_refused(string uri, string error) => Verify(_pki.WithIdentity("pump-1", uri), error);

    [Theory]
    [InlineData("dns")]
    [InlineData("ipv4")]
    [InlineData("ipv6")]
    [InlineData("email")]
    public Task Other_kind_of_name_is_refused(string kind) => Verify(WithName(kind), "subtree violation");

    public void Dispose()
    {
        _pki.Dispose();
        _folder.Dispose();
    }

    private async Task Verify(X509Certificate2 leaf, string expected, string purpose = "sslclient", X509Certificate2? issuer = null)
    {
        var result = await Peers.RunAsync("openssl", "verify",
            "-CAfile", TestPki.WriteCertificates(_folder.Path, "root", _pki.Root),
            "-untrusted", TestPki.WriteCertificates(_folder.Path, "issuer", issuer ?? _pki.DeviceIssuer),
            "-purpose", purpose, TestPki.WriteCertificates(_folder.Path, "leaf", leaf));
        Assert.Contains(expected, result.Everything);
        Assert.Equal(expected == "OK", result.ExitCode == 0);
    }

    private X509Certificate2 WithName(string kind)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=pump-1", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(SigningRequestCases.Names(names =>
        {
            if (kind == "dns") names.AddDnsName("device.fleet.local");
            if (kind == "ipv4") names.AddIpAddress(IPAddress.Loopback);
            if (kind == "ipv6") names.AddIpAddress(IPAddress.IPv6Loopback);
            if (kind == "email") names.AddEmailAddress("pump-1@device.fleet.local");
        }));
        var issuer = _pki.DeviceIssuer;
        return _pki.Authorities.Devices.Sign(generator => request.Create(
            issuer.SubjectName, generator, issuer.NotBefore, issuer.NotAfter, SerialNumber.Create().Bytes.Span));
    }
}
