using System.Security.Cryptography.X509Certificates;
using IoTFleet.Testing;

namespace IoTFleet.Pki.Tests;

public sealed class ServerCertificateTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly TestPki _pki = new();
    private readonly DateTimeOffset _now = TimeProvider.System.GetUtcNow();

    [Fact]
    public void First_start_makes_a_certificate_for_the_hosts_and_loopback()
    {
        using var server = Load(_now, "Fleet.example", "10.0.0.7");
        Assert.True(server.Created);
        Assert.True(server.Certificate.HasPrivateKey);
        var names = server.Certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>().Single();
        Assert.Equal(["fleet.example", "localhost"], names.EnumerateDnsNames());
        Assert.Equal(["10.0.0.7", "127.0.0.1", "::1"], names.EnumerateIPAddresses().Select(address => address.ToString()));
    }

    [Fact]
    public void Later_start_uses_it_again()
    {
        var first = Serial(Load(_now, "fleet.example"));
        using var second = Load(_now.AddDays(59), "fleet.example");
        Assert.False(second.Created);
        Assert.Equal(first, second.Certificate.SerialNumber);
    }

    [Fact]
    public void Fewer_hosts_are_covered_too()
    {
        Load(_now, "fleet.example").Dispose();
        using var second = Load(_now);
        Assert.False(second.Created);
    }

    [Fact]
    public void Certificate_is_replaced_when_a_third_of_its_life_is_left()
    {
        var first = Serial(Load(_now));
        using var second = Load(_now.AddDays(60));
        Assert.True(second.Created);
        Assert.NotEqual(first, second.Certificate.SerialNumber);
    }

    [Theory]
    [InlineData("other.example")]
    [InlineData("10.0.0.8")]
    public void Certificate_is_replaced_when_a_host_is_new(string host)
    {
        Load(_now, "fleet.example").Dispose();
        using var second = Load(_now, "fleet.example", host);
        Assert.True(second.Created);
    }

    [Fact]
    public void Certificate_is_replaced_when_a_crash_left_another_key()
    {
        Load(_now).Dispose();
        TestPki.WritePair(_folder.Path, "server", _pki.Server());
        File.Delete(_folder.File("server.pem"));
        TestPki.WriteCertificates(_folder.Path, "server", _pki.Server());
        using var second = Load(_now);
        Assert.True(second.Created);
    }

    [Fact]
    public void Certificate_of_somebody_else_is_not_overwritten()
    {
        using var other = new TestPki();
        var (file, _) = TestPki.WritePair(_folder.Path, "server", other.Server());
        var before = File.ReadAllText(file);
        var refused = Assert.Throws<KeyFileException>(() => Load(_now));
        Assert.Contains("was not issued by", refused.Message);
        Assert.Equal(before, File.ReadAllText(file));
    }

    [Fact]
    public void Certificate_is_replaced_when_its_key_is_gone()
    {
        Load(_now).Dispose();
        File.Delete(_folder.File("server.key"));
        using var second = Load(_now);
        Assert.True(second.Created);
    }

    [Fact]
    public void Broken_key_is_named()
    {
        Load(_now).Dispose();
        File.WriteAllText(_folder.File("server.key"), "x");
        Assert.Equal(_folder.File("server.key"), Assert.Throws<KeyFileException>(() => Load(_now)).File);
    }

    [Fact]
    public async Task File_holds_the_chain_and_verifies_for_the_host()
    {
        Load(_now, "fleet.example").Dispose();
        var root = TestPki.WriteCertificates(_folder.Path, "root", _pki.Root);
        var file = _folder.File("server.pem");
        var result = await Peers.RunAsync("openssl", "verify", "-x509_strict", "-CAfile", root, "-untrusted", file,
            "-purpose", "sslserver", "-verify_hostname", "fleet.example", file);
        Assert.True(result.ExitCode == 0, result.Everything);
    }

    public void Dispose()
    {
        _pki.Dispose();
        _folder.Dispose();
    }

    private ServerCertificate Load(DateTimeOffset now, params string[] hosts)
    {
        var clock = new FakeClock(now);
        var servers = new CertificateAuthority(_pki.Authorities.Servers, clock);
        return ServerCertificate.LoadOrCreateAsync(_folder.Path, hosts, servers, clock, terms => Task.FromResult(servers.Issue(terms))).GetAwaiter().GetResult();
    }

    private static string Serial(ServerCertificate server)
    {
        using (server) return server.Certificate.SerialNumber;
    }
}
