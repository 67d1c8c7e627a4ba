using System.Runtime.Versioning;
using System.Security.Cryptography;
using IoTFleet.Testing;

namespace IoTFleet.Pki.Tests;

/// <summary>The key of the authority for devices in a PKCS#11 token, tried for real with SoftHSM2 behind OpenSSL's engine.</summary>
[SupportedOSPlatform("linux")]
public sealed class TokenKeyTests : IDisposable
{
    private static readonly FleetNames Names = new("fleet.local");
    private readonly TemporaryFolder _folder = new();
    private readonly string _label = SoftToken.NewLabel("devices"); // The token outlives a test.

    private string Uri => SoftToken.Uri(_label);

    private AuthorityFiles Files => new(_folder.File("ca"));

    [Fact]
    public async Task Device_certificate_signed_in_a_token_is_verified_by_openssl()
    {
        await MoveDevicesKeyIntoTokenAsync();
        using var authorities = RootCeremony.LoadOrCreate(Files.Folder, Names, TimeProvider.System, new KeySecrets(null, SoftToken.Pin));
        Assert.Equal(Uri, authorities.Devices.Reference);

        using var certificate = Issue(authorities.Devices).Load();
        var verified = await Peers.RunAsync("openssl", "verify", "-x509_strict", "-CAfile", Files.RootCertificate, "-untrusted", Files.DevicesCertificate,
            "-purpose", "sslclient", TestPki.WriteCertificates(_folder.Path, "leaf", certificate));
        Assert.True(verified.ExitCode == 0, verified.Everything);
    }

    [Fact]
    public async Task Many_threads_may_use_the_token_and_a_reference_opens_it_too()
    {
        await MoveDevicesKeyIntoTokenAsync();
        using var certificate = PemFile.ReadCertificate(Files.DevicesCertificate);
        using var issuer = IssuerKey.Open(certificate, Uri, Files.Folder, new KeySecrets(null, SoftToken.Pin))!;
        var leaves = await Task.WhenAll(Enumerable.Range(0, 40).Select(_ => Task.Run(() => Issue(issuer))));
        Assert.Equal(40, leaves.Select(leaf => leaf.SerialHex).Distinct().Count());
    }

    [Fact]
    public async Task Key_that_is_not_in_the_token_is_named_without_the_pin()
    {
        await MoveDevicesKeyIntoTokenAsync();
        File.WriteAllText(Files.DevicesKey + "-uri", Uri.Replace("object=", "object=no-", StringComparison.Ordinal));
        var refused = Assert.Throws<KeyFileException>(() => RootCeremony.LoadOrCreate(Files.Folder, Names, TimeProvider.System, new KeySecrets(null, SoftToken.Pin)));
        Assert.Contains("object=no-devices", refused.Message);
        Assert.DoesNotContain("SECRET", refused.ToString());
    }

    [Fact]
    public async Task Wrong_pin_is_refused_without_being_told_and_the_message_says_where_the_right_one_goes()
    {
        await SoftToken.RequireAsync();
        RootCeremony.LoadOrCreate(Files.Folder, Names, TimeProvider.System).Dispose();
        await SoftToken.MakeKeyAsync(_label, SoftToken.OtherLabel, SoftToken.OtherPin);
        File.Delete(Files.DevicesKey);
        File.WriteAllText(Files.DevicesKey + "-uri", SoftToken.Uri(_label, SoftToken.OtherLabel) + "\n");

        var refused = Assert.Throws<KeyFileException>(() => RootCeremony.LoadOrCreate(Files.Folder, Names, TimeProvider.System, new KeySecrets(null, SoftToken.Pin)));

        Assert.Contains("IOTFLEET_CA_PIN", refused.Message);
        Assert.DoesNotContain("SECRET", refused.ToString());
    }

    [Fact]
    public async Task Key_of_another_authority_in_the_token_is_refused()
    {
        await MoveDevicesKeyIntoTokenAsync();
        File.Copy(Files.DevicesKey + "-uri", Files.ServersKey + "-uri");
        File.Delete(Files.ServersKey);
        var refused = Assert.Throws<KeyFileException>(() => RootCeremony.LoadOrCreate(Files.Folder, Names, TimeProvider.System, new KeySecrets(null, SoftToken.Pin)));
        Assert.Contains("is not the key of O=fleet.local, CN=Server CA", refused.Message);
    }

    [Theory]
    [InlineData("pkcs11:object=devices?pin-value=1234", "holds the PIN in its URI")]
    [InlineData("file:devices.key", "does not hold a PKCS#11 URI")]
    public void Uri_that_tells_its_pin_or_is_none_is_refused(string uri, string problem)
    {
        RootCeremony.LoadOrCreate(Files.Folder, Names, TimeProvider.System).Dispose();
        File.Delete(Files.DevicesKey);
        File.WriteAllText(Files.DevicesKey + "-uri", uri + "\n");
        Assert.Contains(problem, Assert.Throws<KeyFileException>(() => RootCeremony.LoadOrCreate(Files.Folder, Names, TimeProvider.System)).Message);
    }

    public void Dispose() => _folder.Dispose();

    private static IssuedLeaf Issue(IssuerKey devices)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return new CertificateAuthority(devices, TimeProvider.System).Issue(
            new LeafTerms("pump-1", Names.DeviceUri("pump-1"), key.ExportSubjectPublicKeyInfo(), TimeSpan.FromDays(1), TimeSpan.FromHours(1)));
    }

    private async Task MoveDevicesKeyIntoTokenAsync()
    {
        await SoftToken.RequireAsync();
        RootCeremony.LoadOrCreate(Files.Folder, Names, TimeProvider.System).Dispose();
        await SoftToken.ImportAsync(Files.DevicesKey, _label);
        File.Delete(Files.DevicesKey);
        File.WriteAllText(Files.DevicesKey + "-uri", Uri + "\n");
    }
}
