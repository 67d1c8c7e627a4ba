using System.Net;
using System.Text.RegularExpressions;
using IoTFleet.Api;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Topics;

namespace IoTFleet.Server.Tests;

/// <summary>The console without a browser: sign-in, the overview, its live part.</summary>
public sealed partial class ConsoleTests : IAsyncLifetime
{
    private RunningServer _server = null!;
    private HttpClient _browser = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await RunningServer.StartAsync();
        var handler = ServerTrust.FromRootFile(_server.RootFile).CreateHandler();
        (handler.CookieContainer, handler.UseCookies, handler.AllowAutoRedirect) = (new CookieContainer(), true, false);
        _browser = new HttpClient(handler) { BaseAddress = new Uri($"https://localhost:{_server.HttpsPort}/") };
    }

    public async ValueTask DisposeAsync()
    {
        _browser.Dispose();
        await _server.DisposeAsync();
    }

    [Theory]
    [InlineData("")]
    [InlineData("console/overview")]
    public async Task Nobody_sees_the_fleet_without_signing_in(string page)
    {
        using var answer = await _browser.GetAsync(page);
        Assert.Equal(HttpStatusCode.Redirect, answer.StatusCode);
        Assert.StartsWith("/signin", answer.Headers.Location!.PathAndQuery, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_administrators_key_opens_the_overview()
    {
        using var certificate = await _server.EnrolAsync("pump-7");
        await using var device = await _server.ConnectAsync("pump-7", certificate);
        using var signedIn = await SignInAsync(_server.ApiKey);
        Assert.Equal("/", signedIn.Headers.Location!.OriginalString);

        var page = await _browser.GetStringAsync("");
        Assert.Contains("Fleet overview", page, StringComparison.Ordinal);
        Assert.Contains("""<span class="value">1</span><span class="name">connected</span>""", await _browser.GetStringAsync("console/overview"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_wrong_key_opens_nothing()
    {
        using var answer = await SignInAsync("ifk_wrong");
        Assert.Equal("/signin?failed=true", answer.Headers.Location!.OriginalString);
        using var overview = await _browser.GetAsync("");
        Assert.Equal(HttpStatusCode.Redirect, overview.StatusCode);
    }

    [Fact]
    public async Task Signing_out_ends_the_session()
    {
        using var signedIn = await SignInAsync(_server.ApiKey);
        using var signedOut = await PostAsync("signout", await _browser.GetStringAsync(""));
        Assert.Equal("/signin", signedOut.Headers.Location!.OriginalString);
        using var overview = await _browser.GetAsync("");
        Assert.Equal(HttpStatusCode.Redirect, overview.StatusCode);
    }

    [Fact]
    public async Task A_form_without_its_antiforgery_token_is_refused()
    {
        using var form = new FormUrlEncodedContent([new("key", _server.ApiKey)]);
        using var answer = await _browser.PostAsync("signin", form);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    [Fact]
    public async Task What_a_device_sends_cannot_become_markup()
    {
        using var certificate = await _server.EnrolAsync("pump-7");
        await using var device = await _server.ConnectAsync("pump-7", certificate);
        await device.SendAsync(new PublishPacket
        {
            Topic = TopicName.Parse("devices/pump-7/telemetry"),
            Payload = "{\"x\":\"<script>alert(1)</script>\"}"u8.ToArray(),
            Qos = QualityOfService.AtLeastOnce,
            PacketId = 1,
        });
        await device.ExpectAsync<PubAckPacket>();
        using var signedIn = await SignInAsync(_server.ApiKey);
        Assert.DoesNotContain("<script>alert", await _browser.GetStringAsync(""), StringComparison.Ordinal);
    }

    private async Task<HttpResponseMessage> SignInAsync(string key) => await PostAsync("signin", await _browser.GetStringAsync("signin"), new KeyValuePair<string, string>("key", key));

    private async Task<HttpResponseMessage> PostAsync(string path, string page, params KeyValuePair<string, string>[] fields)
    {
        var token = AntiforgeryField().Match(page).Groups[1].Value;
        using var form = new FormUrlEncodedContent(fields.Append(new("__RequestVerificationToken", token)));
        return await _browser.PostAsync(path, form);
    }

    [GeneratedRegex("name=\"__RequestVerificationToken\"[^>]*value=\"([^\"]+)\"")]
    private static partial Regex AntiforgeryField();
}
