using System.Text;
using IoTFleet.Pki;
using IoTFleet.Server.Est;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests;

public sealed class EstFormatTests
{
    [Theory]
    [InlineData("")]
    [InlineData("\n")]
    [InlineData("\r\n")]
    [InlineData(" \t\r\n")]
    public void Request_is_read_whatever_its_wrapping(string separator)
    {
        var der = TestPki.Request("pump-1");
        var body = separator + string.Join(separator, Convert.ToBase64String(der).Chunk(64).Select(line => new string(line))) + separator;
        Assert.True(EstFormat.TryReadRequest(Encoding.ASCII.GetBytes(body), out var read, out var problem), problem);
        Assert.Equal(der, read);
    }

    [Theory]
    [InlineData("", "empty")]
    [InlineData(" \r\n", "empty")]
    [InlineData("-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n", "PEM")]
    [InlineData("!!!!", "not base64")]
    [InlineData("MII", "not base64")]
    public void Other_body_is_refused_with_what_to_send(string body, string expected) => Refuse(Encoding.ASCII.GetBytes(body), expected);

    [Fact]
    public void Binary_body_is_refused_with_what_to_send() => Refuse(TestPki.Request("pump-1"), "binary DER");

    [Fact]
    public void Request_above_8_KiB_is_refused()
    {
        Refuse(Base64Of(new byte[SigningRequest.MaxLength + 1]), "larger than 8192");
        Refuse(Base64Of(new byte[100_000]), "larger than 16384");
        Assert.True(EstFormat.TryReadRequest(Base64Of(new byte[SigningRequest.MaxLength]), out _, out _));
    }

    [Fact]
    public void Answer_is_in_lines_of_64()
    {
        var der = new byte[1000];
        var lines = EstFormat.WriteCertificates(der).Split('\n');
        Assert.All(lines[..^2], line => Assert.Equal(64, line.Length));
        Assert.Equal("", lines[^1]);
        Assert.Equal(der, Convert.FromBase64String(string.Concat(lines)));
    }

    private static byte[] Base64Of(byte[] bytes) => Encoding.ASCII.GetBytes(Convert.ToBase64String(bytes));

    private static void Refuse(byte[] body, string expected)
    {
        Assert.False(EstFormat.TryReadRequest(body, out _, out var problem));
        Assert.Contains(expected, problem);
    }
}
