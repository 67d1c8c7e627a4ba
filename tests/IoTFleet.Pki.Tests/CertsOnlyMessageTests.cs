using System.Security.Cryptography.X509Certificates;
using IoTFleet.Testing;

namespace IoTFleet.Pki.Tests;

public sealed class CertsOnlyMessageTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly TestPki _pki = new();

    [Fact]
    public async Task Message_is_read_by_openssl()
    {
        var output = await OpensslAsync("pkcs7", "-inform", "DER", "-print_certs", "-noout");
        Assert.Contains("CN = " + _pki.Root.GetNameInfo(X509NameType.SimpleName, forIssuer: false), output);
        Assert.Contains("CN = " + _pki.DeviceIssuer.GetNameInfo(X509NameType.SimpleName, forIssuer: false), output);
    }

    [Fact]
    public async Task Message_has_no_content_and_no_signer()
    {
        var output = await OpensslAsync("cms", "-inform", "DER", "-cmsout", "-print");
        Assert.Matches(@"eContent: <ABSENT>", output);
        Assert.Matches(@"signerInfos:\s+<EMPTY>", output);
        Assert.Matches(@"digestAlgorithms:\s+<EMPTY>", output);
    }

    public void Dispose()
    {
        _pki.Dispose();
        _folder.Dispose();
    }

    private async Task<string> OpensslAsync(params string[] command)
    {
        var file = _folder.File("certs.p7");
        await File.WriteAllBytesAsync(file, CertsOnlyMessage.Encode([_pki.Root, _pki.DeviceIssuer]));
        var result = await Peers.RunAsync("openssl", [.. command, "-in", file]);
        Assert.True(result.ExitCode == 0, result.Errors);
        return result.Output;
    }
}
