using IoTFleet.Testing;

namespace IoTFleet.Server.Tests;

/// <summary>The setting that binds the authority for servers to some names, as openssl judges it.</summary>
public sealed class ServerDnsSuffixTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Authority_can_name_only_what_is_below_the_suffixes()
    {
        await using var server = await RunningServer.StartAsync(("IoTFleet:ServerDnsSuffixes:0", "fleet.example"), ("IoTFleet:Hosts:0", "mqtt.fleet.example"));
        var ca = Path.Combine(server.DataPath, "ca");

        var good = await VerifyAsync(ca, Path.Combine(server.DataPath, "tls", "server.pem"), "-verify_hostname", "mqtt.fleet.example");
        var bad = await VerifyAsync(ca, await SignPastTheRulesAsync(ca, "mqtt.other.example"));

        Assert.Contains("server.pem: OK", good);
        Assert.Contains("permitted subtree violation", bad);
    }

    [Theory]
    [InlineData("mqtt.other.example")]
    [InlineData("10.1.2.3")]
    public async Task Server_does_not_start_with_a_name_that_its_authority_may_not_name(string host)
    {
        var refused = await Assert.ThrowsAsync<StartupException>(() =>
            RunningServer.StartAsync(("IoTFleet:ServerDnsSuffixes:0", "fleet.example"), ("IoTFleet:Hosts:0", host)));
        Assert.Contains(host, refused.Message);
        Assert.Contains("IoTFleet:Hosts", refused.Message);
    }

    [Theory]
    [InlineData("Fleet.example")]
    [InlineData("*.example")]
    [InlineData("10.0.0.1")]
    public async Task Suffix_that_is_none_is_refused_by_name(string suffix)
    {
        var refused = await Assert.ThrowsAsync<StartupException>(() => RunningServer.StartAsync(("IoTFleet:ServerDnsSuffixes:0", suffix)));
        Assert.Contains($"IoTFleet:ServerDnsSuffixes holds '{suffix}'", refused.Message);
    }

    /// <summary>By openssl with the authority's key, as somebody might who has stolen it.</summary>
    private async Task<string> SignPastTheRulesAsync(string ca, string host)
    {
        var (key, request, certificate) = (_folder.File("k.pem"), _folder.File("r.pem"), _folder.File("c.pem"));
        await File.WriteAllTextAsync(_folder.File("ext"), $"subjectAltName=DNS:{host}\nextendedKeyUsage=serverAuth\n");
        await RunAsync("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-subj", "/CN=x", "-out", request);
        await RunAsync("x509", "-req", "-in", request, "-CA", Path.Combine(ca, "servers.pem"), "-CAkey", Path.Combine(ca, "servers.key"), "-CAcreateserial", "-CAserial", _folder.File("serial"),
            "-extfile", _folder.File("ext"), "-days", "2", "-out", certificate);
        return certificate;
    }

    private static async Task RunAsync(params string[] arguments)
    {
        var result = await Peers.RunAsync("openssl", arguments);
        Assert.True(result.ExitCode == 0, result.Everything);
    }

    private static async Task<string> VerifyAsync(string ca, string certificate, params string[] more) => (await Peers.RunAsync("openssl",
        ["verify", "-CAfile", Path.Combine(ca, "root.pem"), "-untrusted", Path.Combine(ca, "servers.pem"), "-purpose", "sslserver", .. more, certificate])).Everything;
}
