using IoTFleet.Device.Enrolment;
using IoTFleet.Testing;

namespace IoTFleet.Device.Tests;

public sealed class CertsOnlyMessageTests
{
    [Theory]
    [InlineData("not base64!")]
    [InlineData("AAAA")]
    [InlineData("MAA=")]
    [InlineData("")]
    public void Anything_else_is_refused(string body) => Assert.Throws<FormatException>(() => CertsOnlyMessage.Parse(body));

    [Fact]
    public void Certificates_are_read_with_and_without_line_breaks()
    {
        using var pki = new TestPki();
        var message = Pki.CertsOnlyMessage.Encode([pki.Root, pki.DeviceIssuer]);

        var wrapped = CertsOnlyMessage.Parse(Convert.ToBase64String(message, Base64FormattingOptions.InsertLineBreaks));
        var unwrapped = CertsOnlyMessage.Parse(Convert.ToBase64String(message));

        Assert.Equal(wrapped, unwrapped);
        Assert.Equal(2, wrapped.Count);
    }

    [Fact]
    public async Task What_openssl_writes_is_read()
    {
        Peers.Require("openssl");
        using var pki = new TestPki();
        var pem = Path.GetTempFileName();
        await File.WriteAllTextAsync(pem, pki.Root.ExportCertificatePem() + "\n" + pki.DeviceIssuer.ExportCertificatePem() + "\n");
        var result = await Peers.RunAsync("openssl", "crl2pkcs7", "-nocrl", "-certfile", pem);

        var body = result.Output.Replace("-----BEGIN PKCS7-----", "").Replace("-----END PKCS7-----", "");

        Assert.Contains(pki.Root, CertsOnlyMessage.Parse(body));
        File.Delete(pem);
    }
}
