using IoTFleet.Testing;

namespace IoTFleet.Pki.Tests;

public sealed class EncryptedKeyTests : IDisposable
{
    private static readonly FleetNames Names = new("fleet.local");
    private static readonly KeySecrets Secrets = new("correct horse", null);
    private readonly TemporaryFolder _folder = new();

    private AuthorityFiles Files => new(_folder.File("ca"));

    [Fact]
    public void Keys_made_with_a_passphrase_are_encrypted_those_added_later_too_and_open_with_it()
    {
        Start(Secrets).Dispose();
        File.Delete(Files.ClaimsCertificate);
        File.Delete(Files.ClaimsKey);
        using var again = Start(Secrets);
        Assert.True(again is { Created: false, ClaimsAdded: true });
        Assert.Equal("file:devices.key", again.Devices.Reference);
        Assert.All(Directory.GetFiles(Files.Folder, "*.key"), file => Assert.StartsWith("-----BEGIN ENCRYPTED PRIVATE KEY-----", File.ReadAllText(file)));
    }

    [Fact]
    public async Task Encrypted_key_is_PBES2_with_AES256_and_PBKDF2_by_openssl()
    {
        WriteRoot();
        var shown = await Peers.RunAsync("openssl", "asn1parse", "-in", Files.RootKey);
        Assert.All((string[])["PBES2", "PBKDF2", "hmacWithSHA256", "aes-256-cbc", "0493E0"], part => Assert.Contains(part, shown.Output)); // 0x0493E0: 300,000
        var opened = await Peers.RunAsync("openssl", "pkey", "-in", Files.RootKey, "-passin", "pass:correct horse", "-noout");
        Assert.True(opened.ExitCode == 0, opened.Everything);
    }

    [Fact]
    public void Missing_passphrase_is_said_with_the_ways_to_give_it()
    {
        WriteRoot();
        Assert.Contains("is encrypted, and there is no passphrase; give it in the file of IoTFleet:CaPassphraseFile", LoadRoot(KeySecrets.None).Message);
    }

    [Fact]
    public void Wrong_passphrase_is_said_and_not_repeated()
    {
        WriteRoot();
        var refused = LoadRoot(new KeySecrets("wrong battery", null));
        Assert.Contains("the passphrase does not open it", refused.Message);
        Assert.DoesNotContain("battery", refused.ToString());
    }

    [Fact]
    public void Plain_keys_still_load_beside_a_passphrase_and_can_be_encrypted_once()
    {
        Start(KeySecrets.None).Dispose();
        Start(Secrets).Dispose();
        Assert.Equal(5, OfflineCeremony.EncryptKeys(Files.Folder, Secrets).Count);
        Assert.Empty(OfflineCeremony.EncryptKeys(Files.Folder, Secrets));
        IssuerKey.Load(Files.DevicesCertificate, Files.DevicesKey, Secrets).Dispose();
        Assert.Throws<KeyFileException>(() => OfflineCeremony.EncryptKeys(Files.Folder, KeySecrets.None));
    }

    [Fact]
    public void Secrets_come_from_the_named_file_then_the_environment_then_systemd()
    {
        File.WriteAllText(_folder.File("named"), "from the file\n");
        File.WriteAllText(_folder.File("ca-passphrase"), "from systemd\r\n");
        File.WriteAllText(_folder.File("ca-pin"), "4711");
        var everything = new Dictionary<string, string?> { ["IOTFLEET_CA_PASSPHRASE"] = "from the environment", ["CREDENTIALS_DIRECTORY"] = _folder.Path };

        Assert.Equal("from the file", KeySecrets.Find(_folder.File("named"), null, everything.GetValueOrDefault).Passphrase);
        Assert.Equal("from the environment", KeySecrets.Find(null, null, everything.GetValueOrDefault).Passphrase);
        everything.Remove("IOTFLEET_CA_PASSPHRASE");
        var found = KeySecrets.Find("", "", everything.GetValueOrDefault);
        Assert.Equal(("from systemd", "4711"), (found.Passphrase, found.Pin));
        Assert.False(KeySecrets.Find(null, null, _ => null).HasPassphrase);
        Assert.DoesNotContain("systemd", found.ToString());
    }

    [Theory]
    [InlineData("missing", "is missing")]
    [InlineData("empty", "is empty")]
    public void Named_file_that_holds_no_secret_is_said(string name, string problem)
    {
        File.WriteAllText(_folder.File("empty"), "\n");
        Assert.Contains(problem, Assert.Throws<KeyFileException>(() => KeySecrets.Find(_folder.File(name), null, _ => "other")).Message);
    }

    public void Dispose() => _folder.Dispose();

    private void WriteRoot() => OfflineCeremony.CreateRoot(Files.Folder, Names, TimeProvider.System, Secrets).Dispose();

    private KeyFileException LoadRoot(KeySecrets secrets) => Assert.Throws<KeyFileException>(() => IssuerKey.Load(Files.RootCertificate, Files.RootKey, secrets));

    private FleetAuthorities Start(KeySecrets secrets) => RootCeremony.LoadOrCreate(Files.Folder, Names, TimeProvider.System, secrets);
}
