using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Device.Identity;

namespace IoTFleet.Device.Tests;

public sealed class FileKeyStoreTests : IDisposable
{
    private readonly string _parent = Directory.CreateTempSubdirectory("keys-").FullName;
    private readonly byte[] _certificate = Certificate(1);
    private readonly byte[] _root = Certificate(2);

    private string Folder => Path.Combine(_parent, "device-data");

    public void Dispose() => Directory.Delete(_parent, recursive: true);

    [Fact]
    public async Task Key_is_made_once_and_stays_the_same()
    {
        using var made = await new FileKeyStore(Folder).OpenKeyAsync(default);
        using var later = await new FileKeyStore(Folder).OpenKeyAsync(default);

        Assert.Equal(made.ExportPkcs8PrivateKey(), later.ExportPkcs8PrivateKey());
    }

    [Fact]
    public async Task Enrolment_comes_back_as_it_was_saved()
    {
        var store = new FileKeyStore(Folder);
        Assert.Null(await store.LoadAsync(default));

        await store.SaveAsync(new EnrolledCertificate(_certificate, [_root, _certificate]), default);

        var loaded = (await new FileKeyStore(Folder).LoadAsync(default))!;
        Assert.Equal(_certificate, loaded.Certificate.ToArray());
        Assert.Equal([_root, _certificate], loaded.TrustAnchors.Select(der => der.ToArray()));
    }

    [Fact]
    public async Task Folder_and_files_are_open_to_their_owner_only()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no file modes.");
        var store = new FileKeyStore(Folder);
        using var key = await store.OpenKeyAsync(default);
        await store.SaveAsync(new EnrolledCertificate(_certificate, [_root]), default);

        const UnixFileMode ReadWrite = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        Assert.Equal(ReadWrite | UnixFileMode.UserExecute, new DirectoryInfo(Folder).UnixFileMode);
        Assert.All(Directory.GetFiles(Folder), file => Assert.Equal(ReadWrite, new FileInfo(file).UnixFileMode));
        Assert.Equal(["device.pem", "key.pem", "root.pem"], Directory.GetFiles(Folder).Select(Path.GetFileName).Order());
    }

    [Fact]
    public async Task Half_written_file_of_a_power_cut_is_no_hindrance()
    {
        Directory.CreateDirectory(Folder);
        await File.WriteAllTextAsync(Path.Combine(Folder, "key.pem.new"), "-----BEGIN PRIV");

        using var key = await new FileKeyStore(Folder).OpenKeyAsync(default);

        Assert.False(File.Exists(Path.Combine(Folder, "key.pem.new")));
    }

    [Theory]
    [InlineData("key.pem", "")]
    [InlineData("key.pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")]
    [InlineData("device.pem", "")]
    [InlineData("device.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")]
    [InlineData("root.pem", "rubbish")]
    public async Task Damaged_file_is_named(string file, string content)
    {
        var store = new FileKeyStore(Folder);
        using var key = await store.OpenKeyAsync(default);
        await store.SaveAsync(new EnrolledCertificate(_certificate, [_root]), default);
        await File.WriteAllTextAsync(Path.Combine(Folder, file), content);

        var error = await Assert.ThrowsAsync<DeviceException>(() => ReadAllAsync(store));

        Assert.Equal(DeviceError.KeyStoreFailed, error.Error);
        Assert.Contains(Path.Combine(Folder, file), error.Message);
    }

    [Fact]
    public async Task Missing_root_beside_a_certificate_is_named()
    {
        var store = new FileKeyStore(Folder);
        await store.SaveAsync(new EnrolledCertificate(_certificate, [_root]), default);
        File.Delete(Path.Combine(Folder, "root.pem"));

        var error = await Assert.ThrowsAsync<DeviceException>(async () => await store.LoadAsync(default));

        Assert.Contains("root.pem is missing", error.Message);
    }

    [Fact]
    public async Task Folder_that_cannot_be_made_is_named()
    {
        var blocked = Path.Combine(_parent, "a-file");
        await File.WriteAllTextAsync(blocked, "");

        var store = new FileKeyStore(Path.Combine(blocked, "keys"));
        var error = await Assert.ThrowsAsync<DeviceException>(async () => await store.OpenKeyAsync(default));

        Assert.Contains(blocked, error.Message);
    }

    private static async Task ReadAllAsync(FileKeyStore store)
    {
        using var key = await store.OpenKeyAsync(default);
        await store.LoadAsync(default);
    }

    private static byte[] Certificate(int n)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN=c{n}", key, HashAlgorithmName.SHA256);
        using var made = request.CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddYears(50));
        return made.RawData;
    }
}
