using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Device.Identity;
using IoTFleet.Device.Tests.Support;
using IoTFleet.Pki;
using IoTFleet.Testing;

namespace IoTFleet.Device.Tests;

/// <summary>A TPM's persistent key through OpenSSL's provider. The way by PKCS#11, which does TLS everywhere, is tried in IoTFleet.Server.Tests.</summary>
public sealed class TpmKeyTests : IDisposable
{
    private const string Handle = "handle:0x81000001";

    private readonly TemporaryFolder _folder = new();

    public TpmKeyTests() => Peers.RequireFile("/usr/lib/x86_64-linux-gnu/ossl-modules/tpm2.so", "/usr/lib/aarch64-linux-gnu/ossl-modules/tpm2.so", "/usr/lib64/ossl-modules/tpm2.so");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Key_in_a_tpm_signs_the_signing_request()
    {
        await using var tpm = await StartAsync();
        using var key = await Store.OpenKeyAsync(default);

        var request = new CertificateRequest("CN=pump-7", key, HashAlgorithmName.SHA256).CreateSigningRequest();

        Assert.True(SigningRequest.TryParse(request, out var parsed, out var problem), problem);
        Assert.Equal(key.ExportSubjectPublicKeyInfo(), parsed.SubjectPublicKeyInfo.ToArray());
        Assert.ThrowsAny<CryptographicException>(() => key.ExportECPrivateKey());
    }

    /// <summary>Where OpenSSL can do TLS with it, it connects; where it cannot, as on Debian 12, the device says what to do instead.</summary>
    [Fact]
    public async Task Key_in_a_tpm_connects_or_says_why_it_cannot()
    {
        await using var tpm = await StartAsync();
        using var pki = new TestPki();
        using (var key = await Store.OpenKeyAsync(default))
        {
            var leaf = pki.DeviceAuthority.Issue(Devices.Terms(pki, Devices.Id, key.ExportSubjectPublicKeyInfo()));
            await Store.SaveAsync(new EnrolledCertificate(leaf.Der, [pki.Root.RawData]), default);
        }
        await using var broker = new ScriptedBroker();
        var states = new ConcurrentQueue<DeviceState>();
        await using var device = await DeviceClient.StartAsync(Devices.Quick() with
        {
            KeyStore = Store,
            RootFingerprint = Fingerprint.Sha256(pki.Root),
            BrokerPort = broker.Port,
            StateChanged = states.Enqueue,
        });
        var serving = ServeAsync(broker, pki);

        await Eventually.TrueAsync(() => Task.FromResult(states.Any(state => state is DeviceState.Connected
            || (state is DeviceState.Waiting waiting && waiting.Reason.Contains("PKCS#11"))
            || (state is DeviceState.Refused refused && refused.Reason.Contains("PKCS#11")))), Devices.Patience);
        await serving;
    }

    [Fact]
    public async Task Absent_tpm_is_told_with_what_to_do()
    {
        SoftToken.SetVariable("TPM2OPENSSL_TCTI", "swtpm:path=" + _folder.File("nothing-there"));

        var error = await Assert.ThrowsAsync<DeviceException>(async () => await Store.OpenKeyAsync(default));

        Assert.Equal(DeviceError.KeyStoreFailed, error.Error);
        Assert.Contains("tpm2_getcap handles-persistent", error.Message);
    }

    private HardwareKeyStore Store => new(new HardwareKeyOptions { Folder = _folder.File("device-data"), Keys = [Handle] });

    private static async Task<SoftTpm> StartAsync()
    {
        var tpm = await SoftTpm.StartAsync();
        await tpm.MakePersistentKeyAsync("0x81000001");
        SoftToken.SetVariable("TPM2OPENSSL_TCTI", tpm.Tcti);
        return tpm;
    }

    private static async Task ServeAsync(ScriptedBroker broker, TestPki pki)
    {
        try
        {
            await (await broker.AcceptTlsAsync(pki, pki.Server())).WelcomeAsync();
        }
        catch (Exception cut) when (cut is IOException or InvalidOperationException)
        {
            // The device has given up, and says why.
        }
    }
}
