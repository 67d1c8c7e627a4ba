using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using IoTFleet.Api;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Server.Alerts;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests.Alerts;

/// <summary>From a reading on the wire to a receiver that checks who calls.</summary>
public sealed class WebhookTests
{
    private static readonly (string, string)[] Local =
        [("Webhooks:AllowPrivateAddresses", "true"), ("Webhooks:AllowHttp", "true"), ("Webhooks:Timeout", "00:01:59"), ("Webhooks:FirstPause", "00:00:00.010"), ("Webhooks:MaxAttempts", "3")];

    [Fact]
    public async Task An_alert_calls_the_webhook_and_openssl_agrees_with_the_signature()
    {
        Peers.Require("openssl");
        using var folder = new TemporaryFolder();
        await using var receiver = await Receiver.StartAsync();
        await using var server = await RunningServer.StartAsync(Local);
        var secret = await HotAsync(server, receiver.Url + "/alerts");

        var call = await Eventually.NotNullAsync(() => receiver.Calls.FirstOrDefault());

        // As docs/telemetry.md tells a receiver.
        await File.WriteAllTextAsync(folder.File("check.sh"), "#" + Repository.Read("docs/telemetry.md").Split("```sh\n# check.sh")[1].Split("```")[0]);
        await File.WriteAllTextAsync(folder.File("body"), call.Body);
        var check = await Peers.RunAsync("bash", folder.File("check.sh"), secret, call.Timestamp, folder.File("body"), call.Signature);
        Assert.Equal("good", check.Output.Trim());
        await File.AppendAllTextAsync(folder.File("body"), " ");
        Assert.Equal("bad", (await Peers.RunAsync("bash", folder.File("check.sh"), secret, call.Timestamp, folder.File("body"), call.Signature)).Output.Trim());
        var alert = JsonElement.Parse(call.Body).GetProperty("alert");
        Assert.Equal(("/alerts", "alert.opened", "pump-7", 90), (call.Path, call.Event, alert.GetProperty("device").GetString(), alert.GetProperty("value").GetInt32()));
        await Eventually.TrueAsync(async () => (await server.Client.GetDeliveriesPageAsync("ops", "delivered")).Items is [{ Attempts: 1, LastStatus: 200 }]);
    }

    [Fact]
    public async Task A_receiver_that_fails_is_called_again_with_the_same_delivery()
    {
        await using var receiver = (await Receiver.StartAsync()).Then(500).Then(404);
        await using var server = await RunningServer.StartAsync(Local);
        await HotAsync(server, receiver.Url);

        await Eventually.TrueAsync(async () => (await server.Client.GetDeliveriesPageAsync("ops", "delivered")).Items is [{ Attempts: 3 }]);

        Assert.Single(receiver.Calls.Select(call => (call.Delivery, call.Body)).Distinct());
    }

    [Fact]
    public async Task What_is_given_up_is_dead_and_delivered_when_an_operator_replays_it()
    {
        await using var receiver = (await Receiver.StartAsync()).Then(500).Then(500).Then(500);
        await using var server = await RunningServer.StartAsync(Local);
        server.ExpectedEvents = ["DeliveryDead"];
        await HotAsync(server, receiver.Url);
        var dead = await Eventually.NotNullAsync(async () => (await server.Client.GetDeliveriesPageAsync("ops", "dead")).Items.SingleOrDefault());
        Assert.Equal((3, 500, "It answered 500."), (dead.Attempts, dead.LastStatus, dead.LastProblem));

        await server.Client.ReplayDeliveryAsync(dead.Id);

        await Eventually.TrueAsync(async () => (await server.Client.GetDeliveriesPageAsync("ops", "delivered")).Items is [{ Attempts: 1 }]);
        Assert.Equal(4, receiver.Calls.Count(call => call.Delivery == dead.Id));
    }

    [Fact]
    public async Task A_receiver_that_asks_for_time_gets_it()
    {
        await using var receiver = (await Receiver.StartAsync()).Then(503, "Retry-After", "1800");
        await using var server = await RunningServer.StartAsync(Local);
        await HotAsync(server, receiver.Url);

        var waiting = await Eventually.NotNullAsync(async () => (await server.Client.GetDeliveriesPageAsync("ops", "waiting")).Items.SingleOrDefault(delivery => delivery.Attempts == 1));

        Assert.Equal(TimeSpan.FromMinutes(30), waiting.NextAttemptAt - waiting.LastAttemptAt);
    }

    [Fact]
    public async Task A_receiver_that_is_gone_is_not_called_again()
    {
        await using var receiver = (await Receiver.StartAsync()).Then(410);
        await using var server = await RunningServer.StartAsync(Local);
        server.ExpectedEvents = ["DeliveryDead"];
        await HotAsync(server, receiver.Url);

        Assert.Equal(1, (await Eventually.NotNullAsync(async () => (await server.Client.GetDeliveriesPageAsync("ops", "dead")).Items.SingleOrDefault())).Attempts);
    }

    [Fact]
    public async Task A_redirect_is_not_followed()
    {
        await using var elsewhere = await Receiver.StartAsync();
        await using var receiver = (await Receiver.StartAsync()).Then(307, "Location", elsewhere.Url);
        await using var server = await RunningServer.StartAsync(Local);
        await HotAsync(server, receiver.Url);

        await Eventually.TrueAsync(async () => (await server.Client.GetDeliveriesPageAsync("ops", "delivered")).Items is [{ Attempts: 2 }]);

        Assert.Empty(elsewhere.Calls);
    }

    [Fact]
    public async Task A_receiver_whose_certificate_nobody_vouches_for_is_not_told()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var made = new CertificateRequest("CN=127.0.0.1", key, HashAlgorithmName.SHA256).CreateSelfSigned(TimeProvider.System.GetUtcNow().AddDays(-1), TimeProvider.System.GetUtcNow().AddDays(1));
        await using var receiver = await Receiver.StartAsync(made);
        await using var server = await RunningServer.StartAsync(Local);
        await HotAsync(server, receiver.Url);

        var failed = await Eventually.NotNullAsync(async () => (await server.Client.GetDeliveriesPageAsync("ops")).Items.SingleOrDefault(delivery => delivery.Attempts > 0));

        Assert.Contains("certificate", failed.LastProblem, StringComparison.OrdinalIgnoreCase);
        Assert.Empty(receiver.Calls);
        server.ExpectedEvents = ["DeliveryDead"];
    }

    [Theory]
    [InlineData("https://127.0.0.1:{0}/", "not on the public Internet")]
    [InlineData("https://localhost:{0}/", "not on the public Internet")]
    [InlineData("https://[::ffff:127.0.0.1]:{0}/", "not on the public Internet")]
    [InlineData("http://127.0.0.1:{0}/", "not https://")]
    public async Task Without_the_setting_nothing_of_this_machine_is_called(string url, string problem)
    {
        await using var receiver = await Receiver.StartAsync();
        await using var server = await RunningServer.StartAsync();
        await HotAsync(server, url.Replace("{0}", $"{new Uri(receiver.Url).Port}", StringComparison.Ordinal));

        var failed = await Eventually.NotNullAsync(async () => (await server.Client.GetDeliveriesPageAsync("ops")).Items.SingleOrDefault(delivery => delivery.Attempts > 0));

        Assert.Contains(problem, failed.LastProblem, StringComparison.Ordinal);
        Assert.Empty(receiver.Calls);
    }

    [Theory]
    [InlineData("8.8.8.8", true)]
    [InlineData("2606:4700::1111", true)]
    [InlineData("10.1.2.3", false)]
    [InlineData("100.64.0.1", false)]
    [InlineData("169.254.169.254", false)]
    [InlineData("172.31.255.255", false)]
    [InlineData("192.168.1.1", false)]
    [InlineData("0.0.0.0", false)]
    [InlineData("255.255.255.255", false)]
    [InlineData("224.0.0.1", false)]
    [InlineData("::1", false)]
    [InlineData("::", false)]
    [InlineData("::ffff:10.0.0.1", false)]
    [InlineData("64:ff9b::a00:1", false)]
    [InlineData("fd00::1", false)]
    [InlineData("fe80::1", false)]
    [InlineData("fec0::1", false)]
    public void Only_addresses_of_the_public_Internet_are_public(string address, bool expected) =>
        Assert.Equal(expected, PublicAddresses.IsPublic(IPAddress.Parse(address)));

    [Fact]
    public async Task A_secret_is_in_no_list_and_no_log()
    {
        await using var receiver = await Receiver.StartAsync();
        await using var server = await RunningServer.StartAsync(Local);
        var secret = await HotAsync(server, receiver.Url);

        var shown = JsonSerializer.Serialize((await server.Client.GetWebhooksAsync())[0]) + JsonSerializer.Serialize((await server.Client.GetAuditPageAsync(new AuditQuery())).Items);

        Assert.DoesNotContain(secret, shown, StringComparison.Ordinal);
        Assert.Equal(-1, (await File.ReadAllBytesAsync(Path.Combine(server.DataPath, "fleet.db"))).AsSpan().IndexOf(Encoding.UTF8.GetBytes(secret)));
    }

    /// <summary>A device too hot, a rule that says so, and a webhook to be told.</summary>
    private static async Task<string> HotAsync(RunningServer server, string url)
    {
        var webhook = await server.Client.CreateWebhookAsync(new CreateWebhookRequest { Id = "ops", Url = url });
        await server.Client.CreateRuleAsync(new CreateRuleRequest { Id = "hot", Metric = "t", Limit = 80, Webhooks = ["ops"] });
        using var certificate = await server.EnrolAsync("pump-7");
        await using var device = await server.ConnectAsync("pump-7", certificate);
        await device.PublishAsync("devices/pump-7/telemetry", """{"t":90}""", QualityOfService.AtLeastOnce, 1);
        await device.ExpectAsync<PubAckPacket>();
        return webhook.Secret;
    }
}
