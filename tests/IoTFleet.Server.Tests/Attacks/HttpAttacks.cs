using System.Net.Security;
using System.Net.Sockets;
using System.Text;

namespace IoTFleet.Server.Tests.Attacks;

/// <summary>HTTP at EST that means one thing to one reader and another to the next, or too much of it.</summary>
public sealed class HttpAttacks(AttackedServer attacked) : IClassFixture<AttackedServer>
{
    private const string Post = "POST /.well-known/est/simpleenroll HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/pkcs10\r\n";
    private const string Smuggled = "GET /.well-known/est/cacerts HTTP/1.1\r\nHost: localhost\r\n\r\n";

    [Theory]
    [InlineData("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n")]
    [InlineData("Content-Length: 0\r\nContent-Length: 40\r\n\r\n")]
    [InlineData("Content-Length: 0, 40\r\n\r\n")]
    [InlineData("Content-Length: -1\r\n\r\n")]
    [InlineData("Content-Length: 0x0\r\n\r\n")]
    [InlineData("Transfer-Encoding: gzip\r\n\r\n")]
    [InlineData("Transfer-Encoding: chunked, identity\r\n\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\nZZ\r\n")]
    [InlineData("Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n")]
    [InlineData("Content-Length : 0\r\n\r\n")]
    [InlineData("X: 1\n\nGET / HTTP/1.1\r\n\r\n")]
    public async Task Row_38_a_body_of_two_lengths_is_one_answer_and_the_end(string rest)
    {
        var before = await attacked.FiguresAsync();
        var answers = Answers(await SendAsync(Post + rest + Smuggled));
        Assert.Contains(Assert.Single(answers), (string[])["400", "401"]);      // 401 where nobody is let in before the body is looked at
        Assert.Equal(before, await attacked.FiguresAsync());
    }

    [Theory]
    [InlineData("Content-Length: 100000\r\n\r\n", "413")]
    [InlineData("Content-Length: 99999999999999\r\n\r\n", "413")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n8000\r\n", "413")]
    public async Task Row_38_a_body_that_is_too_long_is_not_read_to_its_end(string rest, string status)
    {
        var refused = attacked.Server.Refused("request-too-large");
        var before = await attacked.FiguresAsync();
        var answers = Answers(await SendAsync(Post + Credentials() + rest + new string('A', 0x8000)));
        Assert.Equal(status, answers[0]);
        Assert.True(attacked.Server.Refused("request-too-large") > refused || rest.Contains("9999", StringComparison.Ordinal));
        Assert.Equal(before, await attacked.FiguresAsync());
    }

    /// <summary>Little more than the 8 KB that it may be: of a connection closed while much is unread, TCP may take the answer away again.</summary>
    [Fact]
    public async Task Row_38_a_header_that_is_too_long_is_not_read_to_its_end() =>
        Assert.Equal(["431"], Answers(await SendAsync(Post + "X-Long: " + new string('A', 8 * 1024) + "\r\n\r\n")));

    [Fact]
    public async Task Row_38_no_other_http_than_1_1_is_spoken()
    {
        using var socket = new TcpClient();
        await socket.ConnectAsync("127.0.0.1", attacked.Server.HttpsPort);
        await using var tls = new SslStream(socket.GetStream());
        var options = attacked.Server.TlsOptions(null);
        options.ApplicationProtocols = [SslApplicationProtocol.Http2, SslApplicationProtocol.Http11];
        await tls.AuthenticateAsClientAsync(options);
        Assert.Equal(SslApplicationProtocol.Http11, tls.NegotiatedApplicationProtocol);
    }

    private static string Credentials() => $"Authorization: Basic {Convert.ToBase64String("pump-38:ift_nothing"u8)}\r\n";

    /// <summary>The status codes of all answers that came back.</summary>
    private static List<string> Answers(string text) =>
        [.. text.Split("HTTP/1.1 ").Skip(1).Select(answer => answer[..3])];

    /// <returns>All that came until the server closed, or had nothing more to say.</returns>
    private async Task<string> SendAsync(string request)
    {
        using var socket = new TcpClient();
        await socket.ConnectAsync("127.0.0.1", attacked.Server.HttpsPort);
        await using var tls = new SslStream(socket.GetStream());
        await tls.AuthenticateAsClientAsync(attacked.Server.TlsOptions(null));
        var received = new MemoryStream();
        try
        {
            await tls.WriteAsync(Encoding.Latin1.GetBytes(request));
            await tls.CopyToAsync(received).WaitAsync(TimeSpan.FromMinutes(1));
        }
        catch (IOException)
        {
            // Closed before it had read all; what it said before that counts.
        }

        return Encoding.Latin1.GetString(received.ToArray());
    }
}
