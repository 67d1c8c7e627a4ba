using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Testing;

namespace IoTFleet.Pki.Tests;

/// <summary>A root on a machine of its own: only requests and certificates travel.</summary>
public sealed class OfflineCeremonyTests : IDisposable
{
    private static readonly FleetNames Names = new("fleet.local");
    private static readonly KeySecrets Secrets = new("correct horse", null);
    private readonly TemporaryFolder _folder = new();

    private string Vault => _folder.File("vault");
    private AuthorityFiles Server => new(_folder.File("ca"));

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Server_starts_from_a_folder_that_never_held_the_roots_key(bool p384)
    {
        MakeRoot(p384);
        OfflineCeremony.Install(Server.Folder, Path.Combine(Vault, "root.pem"), TimeProvider.System, KeySecrets.None);
        foreach (var purpose in (AuthorityPurpose[])[AuthorityPurpose.Devices, AuthorityPurpose.Claims, AuthorityPurpose.Servers, AuthorityPurpose.Services]) Enrol(purpose);

        using var authorities = RootCeremony.LoadOrCreate(Server.Folder, Names, TimeProvider.System);
        Assert.Null(authorities.RootKey);
        Assert.False(File.Exists(Server.RootKey));
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var leaf = new CertificateAuthority(authorities.Devices, TimeProvider.System).Issue(
            new LeafTerms("pump-1", Names.DeviceUri("pump-1"), key.ExportSubjectPublicKeyInfo(), TimeSpan.FromDays(1), TimeSpan.FromHours(1)));
        using var certificate = leaf.Load();
        var verified = await Peers.RunAsync("openssl", "verify", "-x509_strict", "-CAfile", Server.RootCertificate, "-untrusted", Server.DevicesCertificate,
            "-purpose", "sslclient", TestPki.WriteCertificates(_folder.Path, "leaf", certificate));
        Assert.True(verified.ExitCode == 0, verified.Everything);
    }

    [Fact]
    public void Roots_key_is_encrypted_with_the_passphrase_and_needed_to_sign()
    {
        MakeRoot();
        Assert.True(PemFile.IsEncrypted(File.ReadAllText(Path.Combine(Vault, "root.key"))));
        var (request, _) = OfflineCeremony.CreateRequest(Server.Folder, AuthorityPurpose.Devices, Names, KeySecrets.None);
        Assert.Throws<KeyFileException>(() => OfflineCeremony.Sign(Vault, request, TimeProvider.System, KeySecrets.None));
    }

    [Fact]
    public void Request_reads_back_what_it_is_for()
    {
        var (made, file) = OfflineCeremony.CreateRequest(Server.Folder, AuthorityPurpose.Claims, Names, KeySecrets.None);
        Assert.True(AuthorityRequest.TryRead(File.ReadAllText(file), out var read, out _));
        Assert.Equal((AuthorityPurpose.Claims, Names, made.KeyFingerprint), (read.Purpose, read.Names, read.KeyFingerprint));
    }

    [Fact]
    public void Request_made_again_is_for_the_same_key()
    {
        var (first, _) = OfflineCeremony.CreateRequest(Server.Folder, AuthorityPurpose.Devices, Names, KeySecrets.None);
        var (second, _) = OfflineCeremony.CreateRequest(Server.Folder, AuthorityPurpose.Devices, Names, KeySecrets.None);
        Assert.Equal(first.KeyFingerprint, second.KeyFingerprint);
    }

    [Theory]
    [InlineData("hello", "not a PKCS#10")]
    [InlineData("root", "none of devices")]
    [InlineData("billing", "none of devices")]
    [InlineData("p384", "must be P-256")]
    [InlineData("nobody", "domain")]
    public void Request_for_something_else_is_refused(string kind, string problem)
    {
        using var key = ECDsa.Create(kind == "p384" ? ECCurve.NamedCurves.nistP384 : ECCurve.NamedCurves.nistP256);
        var subject = kind switch { "nobody" => "CN=devices", "p384" => "CN=devices, O=fleet.local", _ => $"CN={kind}, O=fleet.local" };
        var pem = kind == "hello" ? kind : new CertificateRequest(subject, key, HashAlgorithmName.SHA256).CreateSigningRequestPem();
        Assert.False(AuthorityRequest.TryRead(pem, out _, out var found));
        Assert.Contains(problem, found);
    }

    [Fact]
    public void Request_of_another_fleet_is_refused()
    {
        MakeRoot();
        var (request, _) = OfflineCeremony.CreateRequest(Server.Folder, AuthorityPurpose.Devices, new FleetNames("other.local"), KeySecrets.None);
        Assert.Contains("is the root of the fleet fleet.local", Assert.Throws<KeyFileException>(() => OfflineCeremony.Sign(Vault, request, TimeProvider.System, Secrets)).Message);
    }

    [Fact]
    public void Certificate_of_another_root_or_for_another_key_is_not_installed()
    {
        MakeRoot();
        OfflineCeremony.Install(Server.Folder, Path.Combine(Vault, "root.pem"), TimeProvider.System, KeySecrets.None);
        using var pki = new TestPki();
        var foreign = TestPki.WriteCertificates(_folder.Path, "foreign", pki.DeviceIssuer);
        Assert.Contains("was not issued by", Assert.Throws<KeyFileException>(() => OfflineCeremony.Install(Server.Folder, foreign, TimeProvider.System, KeySecrets.None)).Message);

        var (request, _) = OfflineCeremony.CreateRequest(_folder.File("elsewhere"), AuthorityPurpose.Devices, Names, KeySecrets.None);
        using var signed = OfflineCeremony.Sign(Vault, request, TimeProvider.System, Secrets);
        var file = TestPki.WriteCertificates(_folder.Path, "signed", signed);
        Assert.Contains("is for no key", Assert.Throws<KeyFileException>(() => OfflineCeremony.Install(Server.Folder, file, TimeProvider.System, KeySecrets.None)).Message);
    }

    [Fact]
    public void Nothing_is_ever_replaced()
    {
        MakeRoot();
        Assert.Contains("is there already", Assert.Throws<KeyFileException>(() => MakeRoot()).Message);
    }

    [Fact]
    public async Task Server_authority_with_suffixes_can_name_those_hosts_and_loopback_only()
    {
        MakeRoot();
        OfflineCeremony.Install(Server.Folder, Path.Combine(Vault, "root.pem"), TimeProvider.System, KeySecrets.None);
        Enrol(AuthorityPurpose.Servers, "example.com");
        using var issuer = IssuerKey.Load(Server.ServersCertificate, Server.ServersKey);
        var authority = new CertificateAuthority(issuer, TimeProvider.System);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);

        Assert.Contains("OK", await VerifyAsync(authority.IssueServer(["fleet.example.com", "localhost", "127.0.0.1", "::1"], key.ExportSubjectPublicKeyInfo())));
        Assert.Throws<ProfileViolationException>(() => authority.IssueServer(["fleet.example.org"], key.ExportSubjectPublicKeyInfo()));
        Assert.Throws<ProfileViolationException>(() => authority.IssueServer(["10.0.0.1"], key.ExportSubjectPublicKeyInfo()));
    }

    public void Dispose() => _folder.Dispose();

    private void MakeRoot(bool p384 = false) => OfflineCeremony.CreateRoot(Vault, Names, TimeProvider.System, Secrets, p384).Dispose();

    private void Enrol(AuthorityPurpose purpose, params string[] suffixes)
    {
        var (_, file) = OfflineCeremony.CreateRequest(Server.Folder, purpose, Names, KeySecrets.None);
        Assert.True(AuthorityRequest.TryRead(File.ReadAllText(file), out var request, out _));
        using var signed = OfflineCeremony.Sign(Vault, request, TimeProvider.System, Secrets, suffixes);
        OfflineCeremony.Install(Server.Folder, TestPki.WriteCertificates(_folder.Path, "signed", signed), TimeProvider.System, KeySecrets.None);
    }

    private async Task<string> VerifyAsync(IssuedLeaf leaf)
    {
        using var certificate = leaf.Load();
        return (await Peers.RunAsync("openssl", "verify", "-x509_strict", "-CAfile", Server.RootCertificate, "-untrusted", Server.ServersCertificate,
            "-purpose", "sslserver", TestPki.WriteCertificates(_folder.Path, "server", certificate))).Everything;
    }
}
