using System.Text.Json;
using IoTFleet.Api;
using IoTFleet.Cli;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests.Alerts;

/// <summary>Rules and alerts by REST, by the command line and by MQTT.</summary>
public sealed class AlertRoundTripTests(InteropFleet fleet) : IClassFixture<InteropFleet>
{
    [Fact]
    public async Task A_service_hears_of_alerts_by_mosquitto_sub()
    {
        Peers.Require("mosquitto_sub");
        var service = await fleet.ServiceAsync("duty", ["alerts/#"], []);
        string[] connection = ["-h", "localhost", "-p", $"{fleet.Server.MqttPort}", "--cafile", fleet.Server.RootFile, "--cert", service.Certificate, "--key", service.Key, "-V", "mqttv5", "-i", "duty"];
        Assert.Equal(0, (await Peers.RunAsync("mosquitto_sub", [.. connection, "-c", "-x", "3600", "-q", "1", "-E", "-t", "alerts/default/pump-1/#"])).ExitCode); // waits for it
        await fleet.Server.Client.CreateRuleAsync(new CreateRuleRequest { Id = "hot-1", Metric = "t", Limit = 80, Severity = "critical", Devices = ["pump-1"] });

        await SendAsync("pump-1", """{"t":91}""");

        var heard = await Peers.RunAsync("mosquitto_sub", [.. connection, "-c", "-x", "3600", "-q", "1", "-C", "1", "-t", "alerts/default/pump-1/#", "-F", "%t %p"]);
        Assert.StartsWith("alerts/default/pump-1/hot-1 {\"event\":\"alert.opened\"", heard.Output, StringComparison.Ordinal);
        Assert.Equal("critical", JsonElement.Parse(heard.Output.Trim().Split(' ', 2)[1]).GetProperty("alert").GetProperty("severity").GetString());
    }

    [Fact]
    public async Task A_device_hears_of_no_alerts()
    {
        using var certificate = await fleet.Server.EnrolAsync("pump-2");
        await using var device = await fleet.Server.ConnectAsync("pump-2", certificate);

        Assert.Equal(ReasonCode.NotAuthorized, await device.SubscribeAsync("alerts/#"));
        Assert.Equal(ReasonCode.NotAuthorized, await device.SubscribeAsync("alerts/default/pump-2/#"));
    }

    [Fact]
    public async Task By_the_command_line_a_rule_is_made_and_its_alert_seen_acknowledged_and_closed()
    {
        await RunAsync("rule", "create", "hot-3", "--metric", "motor.t", "--above", "80", "--clear", "75", "--device", "pump-3", "--severity", "critical", "--mqtt", "false");
        await RunAsync("rule", "change", "hot-3", "--description", "bearing");
        Assert.Contains("above 80", await RunAsync("rule", "list"), StringComparison.Ordinal);
        await SendAsync("pump-3", """{"motor":{"t":81}}""");

        var alert = await Eventually.NotNullAsync(async () => (await fleet.Server.Client.GetAlertsPageAsync("open", "hot-3", "pump-3")).Items.SingleOrDefault());
        Assert.Contains("motor.t is 81, above 80", await RunAsync("alert", "list", "--device", "pump-3"), StringComparison.Ordinal);
        Assert.Contains("by administrator", await RunAsync("alert", "ack", alert.Id, "--note", "on my way"), StringComparison.Ordinal);
        Assert.Contains("acknowledged", await RunAsync("alert", "show", alert.Id), StringComparison.Ordinal);
        Assert.Contains("(operator)", await RunAsync("alert", "close", alert.Id), StringComparison.Ordinal);
        await RunAsync("rule", "delete", "hot-3");

        var refused = await Assert.ThrowsAsync<ApiProblemException>(() => fleet.Server.Client.GetRuleAsync("hot-3"));
        Assert.Equal(ProblemCodes.RuleNotFound, refused.Code);
        Assert.Equal(ProblemCodes.AlertClosed, (await Assert.ThrowsAsync<ApiProblemException>(() => fleet.Server.Client.AcknowledgeAlertAsync(alert.Id))).Code);
    }

    [Fact]
    public async Task By_the_command_line_a_webhook_is_made_listed_and_deleted()
    {
        Assert.Contains("iotfleet_hook_", await RunAsync("webhook", "create", "night", "https://night.example/hook"), StringComparison.Ordinal);
        Assert.DoesNotContain("iotfleet_hook_", await RunAsync("webhook", "list", "-o", "json"), StringComparison.Ordinal);
        await RunAsync("webhook", "deliveries", "--webhook", "night");
        await RunAsync("webhook", "delete", "night");
        Assert.Equal(ProblemCodes.WebhookNotFound, (await Assert.ThrowsAsync<ApiProblemException>(() => fleet.Server.Client.DeleteWebhookAsync("night"))).Code);
    }

    [Theory]
    [InlineData("""{"id":"x","metric":"t","limit":1,"kind":"magic"}""", "'magic' is no kind; there is threshold, rate, silence.")]
    [InlineData("""{"id":"x","metric":"t","limit":1,"webhooks":["nobody"]}""", "There is no webhook nobody.")]
    [InlineData("""{"id":"x","kind":"silence"}""", "A silence needs a duration: for how long nothing was heard.")]
    [InlineData("""{"id":"x","kind":"rate","metric":"t","limit":1}""", "A rate needs the span it is taken over, at least a second.")]
    public async Task A_rule_that_makes_no_sense_is_refused_with_what_is_wrong(string body, string problem)
    {
        var request = JsonSerializer.Deserialize(body, ApiJson.Default.CreateRuleRequest)!;

        Assert.Contains(problem, (await Assert.ThrowsAsync<ApiProblemException>(() => fleet.Server.Client.CreateRuleAsync(request))).Message, StringComparison.Ordinal);
    }

    private async Task SendAsync(string id, string body)
    {
        using var certificate = await fleet.Server.EnrolAsync(id);
        await using var device = await fleet.Server.ConnectAsync(id, certificate);
        await device.PublishAsync($"devices/{id}/telemetry", body, QualityOfService.AtLeastOnce, 1);
        await device.ExpectAsync<PubAckPacket>();
    }

    private async Task<string> RunAsync(params string[] arguments)
    {
        using var output = new StringWriter();
        using var errors = new StringWriter();
        var client = new FleetClient(new Uri($"https://localhost:{fleet.Server.HttpsPort}"), fleet.Server.ApiKey, ServerTrust.FromRootFile(fleet.Server.RootFile));
        var code = await new CommandLine(output, errors, new Connection(_ => null), (_, _) => Task.FromResult(client)).InvokeAsync(arguments);
        Assert.True(code == ExitCodes.Done, errors.ToString());
        return output.ToString();
    }
}
