using System.Runtime.Versioning;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Testing;

namespace IoTFleet.Pki.Tests;

public sealed class RootCeremonyTests : IDisposable
{
    private static readonly FleetNames Names = new("fleet.local");
    private readonly TemporaryFolder _folder = new();

    private AuthorityFiles Files => new(_folder.File("ca"));

    [Fact]
    public void First_start_creates_and_the_next_finds_the_same()
    {
        string fingerprint, serial;
        using (var first = Start())
        {
            Assert.True(first.Created);
            (fingerprint, serial) = (first.RootFingerprint, first.Devices.Certificate.SerialNumber);
        }
        using var second = Start();
        Assert.False(second.Created);
        Assert.Equal(fingerprint, second.RootFingerprint);
        Assert.Equal(serial, second.Devices.Certificate.SerialNumber);
        Assert.Equal(Files, second.Files);
    }

    [Fact]
    [UnsupportedOSPlatform("windows")]
    public void Only_the_owner_may_read_keys()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "File modes are a Unix matter.");
        Start().Dispose();
        const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        Assert.All([Files.RootKey, Files.DevicesKey, Files.ServersKey, Files.ServicesKey, Files.ClaimsKey], file => Assert.Equal(OwnerOnly, File.GetUnixFileMode(file)));
        Assert.Equal(OwnerOnly | UnixFileMode.UserExecute, File.GetUnixFileMode(Files.Folder));
        Assert.Equal(10, Directory.GetFileSystemEntries(Files.Folder).Length);
    }

    [Fact]
    [UnsupportedOSPlatform("windows")]
    public void Key_that_others_may_read_is_refused()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "File modes are a Unix matter.");
        Start().Dispose();
        File.SetUnixFileMode(Files.DevicesKey, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead);
        Assert.Equal($"{Files.DevicesKey} is open to other users (mode 0640); run: chmod 600 {Files.DevicesKey}.", Refusal(Files.DevicesKey));
    }

    [Fact]
    public void Missing_file_is_named()
    {
        Start().Dispose();
        File.Delete(Files.ServersKey);
        Assert.Equal($"{Files.ServersKey} is missing; restore it from a backup.", Refusal(Files.ServersKey));
    }

    [Fact]
    public void Root_key_may_be_kept_elsewhere()
    {
        Start().Dispose();
        File.Delete(Files.RootKey);
        using var authorities = Start();
        Assert.Null(authorities.RootKey);
    }

    [Fact]
    public void Broken_key_file_is_named()
    {
        Start().Dispose();
        File.WriteAllText(Files.DevicesKey, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
        Assert.Equal(
            $"{Files.DevicesKey} does not hold an EC private key in PEM form; restore it from a backup.", Refusal(Files.DevicesKey));
    }

    [Fact]
    public void Emptied_key_file_is_named()
    {
        Start().Dispose();
        File.WriteAllText(Files.DevicesKey, "");
        Assert.Contains("does not hold", Refusal(Files.DevicesKey));
    }

    [Fact]
    public void Broken_certificate_file_is_named()
    {
        Start().Dispose();
        File.WriteAllText(Files.RootCertificate, "hello");
        Assert.Contains("does not hold a PEM certificate", Refusal(Files.RootCertificate));
    }

    [Fact]
    public void Key_of_another_certificate_is_refused()
    {
        Start().Dispose();
        File.Copy(Files.ServersKey, Files.DevicesKey, overwrite: true);
        Assert.Contains("is not the key of O=fleet.local, CN=Device CA", Refusal(Files.DevicesKey));
    }

    [Fact]
    public void Authority_below_another_root_is_refused()
    {
        Start().Dispose();
        using var other = RootCeremony.Create(Names, TimeProvider.System);
        PemFile.WritePublic(Files.RootCertificate, other.Root.ExportCertificatePem());
        PemFile.WriteSecret(Files.RootKey, other.RootKey!.ExportKeyPem());
        Assert.Contains("was not issued by", Refusal(Files.DevicesCertificate));
    }

    [Fact]
    public void Swapped_authorities_are_refused()
    {
        Start().Dispose();
        File.Copy(Files.ServersKey, Files.DevicesKey, overwrite: true);
        File.Copy(Files.ServersCertificate, Files.DevicesCertificate, overwrite: true);
        Assert.Contains("another purpose", Refusal(Files.DevicesCertificate));
    }

    [Fact]
    public void Authorities_of_another_fleet_are_refused()
    {
        Start().Dispose();
        var refused = Assert.Throws<KeyFileException>(() =>
            RootCeremony.LoadOrCreate(Files.Folder, new FleetNames("other.local"), TimeProvider.System));
        Assert.Contains("another fleet than other.local", refused.Message);
    }

    [Fact]
    public void Expired_authority_is_refused()
    {
        Start().Dispose();
        var later = new FakeClock(TimeProvider.System.GetUtcNow().AddYears(4));
        var refused = Assert.Throws<KeyFileException>(() => RootCeremony.LoadOrCreate(Files.Folder, Names, later));
        Assert.Contains("expired at", refused.Message);
    }

    [Fact]
    public void Older_folder_gets_the_authority_for_services_and_keeps_the_rest()
    {
        WriteOlderFolder();
        var before = Contents();

        using (var upgraded = Start())
        {
            Assert.Equal((false, true, true), (upgraded.Created, upgraded.ServicesAdded, upgraded.ClaimsAdded));
            Assert.NotNull(upgraded.Services);
            Assert.NotNull(upgraded.Claims);
        }

        Assert.All(before, file => Assert.Equal(file.Value, File.ReadAllText(file.Key)));
        using var again = Start();
        Assert.False(again.ServicesAdded || again.ClaimsAdded);
    }

    [Fact]
    public void Older_folder_without_the_roots_key_starts_without_services()
    {
        WriteOlderFolder();
        File.Delete(Files.RootKey);
        using var authorities = Start();
        Assert.Null(authorities.Services);
        Assert.Null(authorities.Claims);
        Assert.False(File.Exists(Files.ServicesCertificate));
    }

    [Fact]
    public void Crash_between_the_two_files_of_services_is_made_good()
    {
        Start().Dispose();
        File.Delete(Files.ServicesCertificate);
        using var authorities = Start();
        Assert.True(authorities.ServicesAdded);
    }

    [Fact]
    public void Missing_key_of_services_is_named()
    {
        Start().Dispose();
        File.Delete(Files.ServicesKey);
        Assert.Equal($"{Files.ServicesKey} is missing; restore it from a backup.", Refusal(Files.ServicesKey));
    }

    [Fact]
    public void Authority_for_devices_does_not_pass_for_that_of_services()
    {
        Start().Dispose();
        File.Copy(Files.DevicesKey, Files.ServicesKey, overwrite: true);
        File.Copy(Files.DevicesCertificate, Files.ServicesCertificate, overwrite: true);
        Assert.Contains("another kind of holder", Refusal(Files.ServicesCertificate));
    }

    [Fact]
    public void Crash_while_creating_leaves_nothing_in_the_way()
    {
        Directory.CreateDirectory(Files.Folder + ".new");
        File.WriteAllText(Files.Folder + ".new/root.key", "half");
        using var authorities = Start();
        Assert.True(authorities.Created);
        Assert.False(Directory.Exists(Files.Folder + ".new"));
    }

    [Fact]
    public void Folder_that_cannot_be_written_is_named()
    {
        File.WriteAllText(_folder.File("file"), "");
        var refused = Assert.Throws<KeyFileException>(() => RootCeremony.LoadOrCreate(_folder.File("file/ca"), Names, TimeProvider.System));
        Assert.Contains("cannot be written", refused.Message);
    }

    [Fact]
    public async Task Written_authorities_are_verified_by_openssl()
    {
        Start().Dispose();
        var result = await Peers.RunAsync(
            "openssl", "verify", "-x509_strict", "-CAfile", Files.RootCertificate, Files.DevicesCertificate, Files.ServersCertificate, Files.ServicesCertificate, Files.ClaimsCertificate);
        Assert.True(result.ExitCode == 0, result.Everything);
    }

    [Fact]
    [UnsupportedOSPlatform("windows")]
    public void Draft_of_a_secret_never_has_another_mode()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "File modes are a Unix matter.");
        var file = _folder.File("secret");
        File.WriteAllText(file + ".new", "left by a crash, open to all");
        PemFile.WriteSecret(file, "secret");
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        Assert.Equal("secret", File.ReadAllText(file));
    }

    public void Dispose() => _folder.Dispose();

    /// <summary>As it was before there were services: without their authority, and with one for devices that may name both.</summary>
    private void WriteOlderFolder()
    {
        using (var authorities = Start())
        {
            using var devices = OlderDeviceAuthority(authorities.RootKey!);
            PemFile.WriteSecret(Files.DevicesKey, devices.ExportKeyPem());
            PemFile.WritePublic(Files.DevicesCertificate, devices.Certificate.ExportCertificatePem());
        }
        foreach (var purpose in (AuthorityPurpose[])[AuthorityPurpose.Services, AuthorityPurpose.Claims])
        {
            File.Delete(Files.Certificate(purpose));
            File.Delete(Files.Key(purpose));
        }
    }

    private static IssuerKey OlderDeviceAuthority(IssuerKey root)
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=Device CA 0, O=fleet.local", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, true, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, critical: true));
        request.CertificateExtensions.Add(LeafExtensions.Purpose(KeyPurpose.ClientAuth));
        request.CertificateExtensions.Add(new X509Extension(Oids.NameConstraints, new PermittedNames([Names.DeviceHost, Names.ServiceHost], []).Encode(), critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        request.CertificateExtensions.Add(LeafExtensions.AuthorityKey(root.Certificate));
        var now = TimeProvider.System.GetUtcNow();
        return new IssuerKey(root.Sign(generator => request.Create(
            root.Certificate.SubjectName, generator, now.AddHours(-1), now.AddYears(1), SerialNumber.Create().Bytes.Span)), key);
    }

    private Dictionary<string, string> Contents() => Directory.GetFiles(Files.Folder).ToDictionary(file => file, File.ReadAllText);

    private FleetAuthorities Start() => RootCeremony.LoadOrCreate(Files.Folder, Names, TimeProvider.System);

    private string Refusal(string file)
    {
        var refused = Assert.Throws<KeyFileException>(Start);
        Assert.Equal(file, refused.File);
        Assert.DoesNotContain('\n', refused.Message);
        return refused.Message;
    }
}
