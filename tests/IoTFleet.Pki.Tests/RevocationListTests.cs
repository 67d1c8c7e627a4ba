using System.Numerics;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Testing;

namespace IoTFleet.Pki.Tests;

public sealed class RevocationListTests : IDisposable
{
    private static readonly Uri Shard = new("http://fleet.local/crl/devices-3.crl");

    private readonly TemporaryFolder _folder = new();
    private readonly TestPki _pki = new();
    private readonly DateTimeOffset _now = TimeProvider.System.GetUtcNow();

    [Fact]
    public async Task List_is_verified_and_read_by_openssl()
    {
        var revoked = new RevokedCertificate(SerialNumber.Create(), _now, RevocationReason.KeyCompromise);
        var crl = await WriteAsync(List(revoked) with { DistributionPoint = Shard });
        var result = await Peers.RunAsync("openssl", "crl", "-in", crl, "-verify", "-CAfile", Issuer(), "-text", "-noout");
        Assert.Contains("verify OK", result.Everything);
        Assert.Contains($"Serial Number: {revoked.Serial.Hex.ToUpperInvariant()}", result.Output);
        Assert.Contains("Key Compromise", result.Output);
        Assert.Contains($"URI:{Shard}", result.Output);
        Assert.Contains("Only User Certificates", result.Output);
        Assert.Matches(@"X509v3 CRL Number:\s+7\s", result.Output);
    }

    [Fact]
    public async Task Certificate_is_refused_once_it_is_listed()
    {
        var (pump, valve) = (_pki.Device("pump-1"), _pki.Device("valve-1"));
        var crl = await WriteAsync(List(new RevokedCertificate(SerialNumber.Of(pump), _now)));
        Assert.Contains("error 23", await CheckAsync(pump, crl)); // X509_V_ERR_CERT_REVOKED
        Assert.Contains("OK", await CheckAsync(valve, crl));
    }

    [Fact]
    public async Task List_past_its_next_update_is_refused()
    {
        var then = new CertificateAuthority(_pki.Authorities.Devices, new FakeClock(_now.AddDays(-2)));
        var crl = await WriteAsync(List() with { ThisUpdate = _now.AddDays(-2), NextUpdate = _now.AddDays(-1) }, then);
        Assert.Contains("error 12", await CheckAsync(_pki.Device("pump-1"), crl)); // X509_V_ERR_CRL_HAS_EXPIRED
    }

    [Fact]
    public async Task Shard_cannot_stand_in_for_a_certificate_that_names_none()
    {
        var crl = await WriteAsync(List() with { DistributionPoint = Shard });
        Assert.Contains("error 44", await CheckAsync(_pki.Device("pump-1"), crl)); // X509_V_ERR_DIFFERENT_CRL_SCOPE
    }

    [Fact]
    public async Task Empty_list_is_a_good_list()
    {
        var crl = await WriteAsync(List());
        Assert.Contains("OK", await CheckAsync(_pki.Device("pump-1"), crl));
        var text = await Peers.RunAsync("openssl", "crl", "-in", crl, "-text", "-noout");
        Assert.Contains("No Revoked Certificates", text.Output);
    }

    [Fact]
    public void List_says_what_it_was_told()
    {
        var entry = new RevokedCertificate(SerialNumber.Create(), _now, RevocationReason.Superseded);
        var builder = CertificateRevocationListBuilder.Load(_pki.DeviceAuthority.SignCrl(List(entry)), out var number);
        Assert.Equal(7, number);
        Assert.True(builder.RemoveEntry(entry.Serial.Bytes.Span));
    }

    [Fact]
    public void Large_list_keeps_every_entry()
    {
        var entries = Enumerable.Range(0, 20_000)
            .Select(_ => new RevokedCertificate(SerialNumber.Create(), _now, RevocationReason.KeyCompromise))
            .ToArray();
        var crl = _pki.DeviceAuthority.SignCrl(List(entries));
        Assert.InRange(crl.Length, entries.Length * 40, entries.Length * 60);
        var builder = CertificateRevocationListBuilder.Load(crl, out _);
        Assert.True(builder.RemoveEntry(entries[0].Serial.Bytes.Span));
        Assert.True(builder.RemoveEntry(entries[^1].Serial.Bytes.Span));
    }

    [Fact]
    public async Task Times_from_2050_on_are_written_with_four_digits()
    {
        var file = _folder.File("tbs.der");
        var list = List() with { NextUpdate = new DateTimeOffset(2050, 1, 1, 0, 0, 0, TimeSpan.Zero) };
        await File.WriteAllBytesAsync(file, list.EncodeToBeSigned(_pki.Authorities.Devices.Facts));
        var result = await Peers.RunAsync("openssl", "asn1parse", "-inform", "DER", "-in", file);
        Assert.Contains("GENERALIZEDTIME   :20500101000000Z", result.Output);
        Assert.Contains("UTCTIME", result.Output);
    }

    public void Dispose()
    {
        _pki.Dispose();
        _folder.Dispose();
    }

    private RevocationList List(params RevokedCertificate[] entries) =>
        new() { Number = new BigInteger(7), ThisUpdate = _now.AddMinutes(-1), NextUpdate = _now.AddDays(1), Entries = entries };

    private async Task<string> WriteAsync(RevocationList list, CertificateAuthority? authority = null)
    {
        var file = _folder.File("list.crl");
        await File.WriteAllTextAsync(file, PemEncoding.WriteString("X509 CRL", (authority ?? _pki.DeviceAuthority).SignCrl(list)));
        return file;
    }

    private string Issuer() => TestPki.WriteCertificates(_folder.Path, "issuer", _pki.DeviceIssuer);

    private async Task<string> CheckAsync(X509Certificate2 leaf, string crl)
    {
        var result = await Peers.RunAsync("openssl", "verify", "-crl_check",
            "-CAfile", TestPki.WriteCertificates(_folder.Path, "root", _pki.Root), "-untrusted", Issuer(),
            "-CRLfile", crl, TestPki.WriteCertificates(_folder.Path, "leaf", leaf));
        return result.Everything;
    }
}
