using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Fleet.Authorities;
using IoTFleet.Fleet.Certificates;
using IoTFleet.Fleet.Devices;
using IoTFleet.Fleet.Enrolment;
using IoTFleet.Pki;
using IoTFleet.Testing;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Tests.Certificates;

public class ExplainCertificateTests : IAsyncLifetime
{
    private TestFleet _fleet = null!;
    private ECDsa _key = null!;
    private EnrolDeviceResult.Issued _issued = null!;

    public async ValueTask InitializeAsync()
    {
        _fleet = await TestFleet.StartAsync();
        Assert.True(SigningRequest.TryParse(TestPki.Request("pump-1", out _key), out var request, out var problem), problem);
        _issued = Assert.IsType<EnrolDeviceResult.Issued>(await _fleet.EnrolAsync(await _fleet.TokenAsync(), "pump-1", request));
    }

    public async ValueTask DisposeAsync()
    {
        _key.Dispose();
        await _fleet.DisposeAsync();
    }

    [Theory]
    [InlineData("ok")]
    [InlineData("expired")]
    [InlineData("clock")]
    [InlineData("suspended")]
    [InlineData("clone-hold")]
    [InlineData("superseded")]
    [InlineData("revoked")]
    [InlineData("authority-removed")]
    public async Task The_holder_of_the_key_is_told_how_the_certificate_stands_and_what_to_do(string status)
    {
        await BringAboutAsync(status);

        var explained = Assert.IsType<ExplainCertificateResult.Explained>(await AskAsync(_key, _issued.CertificateDer));

        Assert.Equal(("pump-1", status), (explained.DeviceId, explained.Status));
        Assert.Contains(status, ExplainCertificate.Statuses);
        Assert.NotEmpty(explained.WhatToDo);
        Assert.Equal(status is "ok" or "clock" or "suspended" or "clone-hold", explained.RetryAfter is not null);
    }

    [Fact]
    public async Task Without_the_key_nothing_is_told()
    {
        using var other = ECDsa.Create(ECCurve.NamedCurves.nistP256);

        Assert.IsType<ExplainCertificateResult.NotProven>(await AskAsync(other, _issued.CertificateDer));
        Assert.IsType<ExplainCertificateResult.NotProven>(await AskAsync(_key, new byte[] { 0x30, 0x00 }));
    }

    [Fact]
    public async Task A_strangers_certificate_with_our_serial_number_is_unknown()
    {
        using var stranger = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var made = new CertificateRequest("CN=pump-1", stranger, HashAlgorithmName.SHA256).Create(
            new X500DistinguishedName("CN=nobody"), X509SignatureGenerator.CreateForECDsa(stranger), DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddYears(90), Convert.FromHexString(_issued.Serial));
        using (made)
        {
            var explained = Assert.IsType<ExplainCertificateResult.Explained>(await AskAsync(stranger, made.RawData));
            Assert.Equal((null, "unknown"), (explained.DeviceId, explained.Status));
        }
    }

    private Task<ExplainCertificateResult> AskAsync(ECDsa key, ReadOnlyMemory<byte> certificate)
    {
        byte[] nonce = [1, 2, 3];
        byte[] signed = [.. ExplainCertificate.Purpose, .. nonce];
        var signature = key.SignData(signed, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);
        return _fleet.Get<ExplainCertificate>().RunAsync(new ExplainCertificateRequest(certificate, nonce, signature), default);
    }

    private async Task BringAboutAsync(string status)
    {
        DateTimeOffset? now = _fleet.Clock.GetUtcNow();
        switch (status)
        {
            case "expired": _fleet.Clock.Advance(TimeSpan.FromDays(31)); break;
            case "clock": await ChangeAsync(set => set.SetProperty(c => c.NotBefore, now.Value.AddHours(1))); break;
            case "suspended": await _fleet.Get<SuspendDevice>().RunAsync(TestFleet.Admin, new("pump-1"), default); break;
            case "clone-hold": await _fleet.Get<LineageGuard>().OnTakeoversAsync("pump-1", "test", ClonePolicy.Suspend, default); break;
            case "superseded": await ChangeAsync(set => set.SetProperty(c => c.RevokedAt, now).SetProperty(c => c.RevocationReason, RevocationReason.Superseded)); break;
            case "revoked": await _fleet.Get<RevokeDevice>().RunAsync(TestFleet.Admin, new("pump-1"), default); break;
            case "authority-removed":
                await _fleet.ReadAsync(db => db.Authorities.Where(a => a.Purpose == AuthorityPurpose.Devices).ExecuteUpdateAsync(set => set.SetProperty(a => a.State, AuthorityState.Removed)));
                await _fleet.Get<AuthorityDirectory>().ReloadAsync(default);
                break;
            default: break;
        }
    }

    private Task<int> ChangeAsync(Action<Microsoft.EntityFrameworkCore.Query.UpdateSettersBuilder<IssuedCertificate>> change) => _fleet.ReadAsync(db => db.Certificates.ExecuteUpdateAsync(change));
}
