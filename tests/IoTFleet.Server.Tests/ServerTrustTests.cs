using System.Net;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Api;
using IoTFleet.Pki;
using IoTFleet.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Server.Tests;

public sealed class ServerTrustTests : IDisposable
{
    private readonly TestPki _pki = new();

    public void Dispose() => _pki.Dispose();

    [Fact]
    public async Task Server_under_the_trusted_root_is_believed()
    {
        await using var server = await ListenAsync(_pki.Server());

        Assert.Equal("ours", await GetAsync(server, ServerTrust.FromRoot(_pki.Root)));
    }

    [Fact]
    public async Task Server_under_another_root_is_not()
    {
        using var other = new TestPki();
        await using var server = await ListenAsync(_pki.Server());

        await Assert.ThrowsAsync<HttpRequestException>(() => GetAsync(server, ServerTrust.FromRoot(other.Root)));
    }

    [Fact]
    public async Task Server_of_another_name_is_not()
    {
        await using var server = await ListenAsync(_pki.Server("elsewhere.test"));

        await Assert.ThrowsAsync<HttpRequestException>(() => GetAsync(server, ServerTrust.FromRoot(_pki.Root)));
    }

    [Fact]
    public async Task Certificate_under_the_root_that_is_no_servers_is_not()
    {
        await using var server = await ListenAsync(_pki.Device("localhost"));

        await Assert.ThrowsAsync<HttpRequestException>(() => GetAsync(server, ServerTrust.FromRoot(_pki.Root)));
    }

    [Fact]
    public async Task Root_is_found_by_its_fingerprint_however_it_is_written()
    {
        await using var server = await ListenAsync(_pki.Server());
        var fingerprint = Fingerprint.Sha256(_pki.Root);
        var written = string.Join(':', fingerprint.ToUpperInvariant().Chunk(2).Select(pair => new string(pair)));

        var trust = await ServerTrust.FromRootFingerprintAsync(AddressOf(server), written);

        Assert.Equal(fingerprint, trust.RootFingerprint);
        Assert.Equal("ours", await GetAsync(server, trust));
    }

    [Fact]
    public async Task Server_without_the_root_of_that_fingerprint_is_not_believed()
    {
        using var other = new TestPki();
        await using var server = await ListenAsync(_pki.Server());

        var error = await Assert.ThrowsAsync<ServerUnreachableException>(
            () => ServerTrust.FromRootFingerprintAsync(AddressOf(server), Fingerprint.Sha256(other.Root)));

        Assert.Contains("wrong server or wrong fingerprint", error.Message);
    }

    [Fact]
    public async Task Issuing_authority_does_not_pass_for_the_root()
    {
        await using var server = await ListenAsync(_pki.Server());

        var trust = await ServerTrust.FromRootFingerprintAsync(AddressOf(server), Fingerprint.Sha256(_pki.DeviceIssuer));

        await Assert.ThrowsAsync<HttpRequestException>(() => GetAsync(server, trust));
    }

    private async Task<WebApplication> ListenAsync(X509Certificate2 certificate)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        var chain = SslStreamCertificateContext.Create(certificate, [_pki.ServerIssuer, _pki.DeviceIssuer], offline: true);
        builder.WebHost.UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listener =>
            listener.UseHttps((_, _, _, _) => ValueTask.FromResult(new SslServerAuthenticationOptions { ServerCertificateContext = chain }), state: null!)));
        var server = builder.Build();
        server.MapGet("/", () => "ours");
        server.MapGet("/.well-known/est/cacerts", () => Convert.ToBase64String(CertsOnlyMessage.Encode([_pki.Root, _pki.DeviceIssuer])));
        await server.StartAsync();
        return server;
    }

    private static Uri AddressOf(WebApplication server) => new($"https://localhost:{new Uri(server.Urls.Single()).Port}");

    private static async Task<string> GetAsync(WebApplication server, ServerTrust trust)
    {
        using var http = new HttpClient(trust.CreateHandler()) { BaseAddress = AddressOf(server) };
        return await http.GetStringAsync("/");
    }
}
