using System.Text.Json;
using IoTFleet.Api;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests.Alerts;

/// <summary>Secrets that change, and a receiver that is tried, by REST and by the program that an operator types.</summary>
public sealed class WebhookSecretTests
{
    private static readonly (string, string)[] Local = [("Webhooks:AllowPrivateAddresses", "true"), ("Webhooks:AllowHttp", "true"), ("Webhooks:Timeout", "00:01:59")];

    [Fact]
    public async Task While_a_secret_changes_a_receiver_that_has_either_agrees_with_the_signature()
    {
        Peers.Require("openssl");
        await using var receiver = await Receiver.StartAsync();
        await using var server = await RunningServer.StartAsync(Local);
        var old = (await server.Client.CreateWebhookAsync(new CreateWebhookRequest { Id = "ops", Url = receiver.Url })).Secret;
        var rotated = await server.Client.RotateWebhookAsync("ops", new RotateWebhookRequest { KeepOldHours = 48 });
        Assert.NotEqual(old, rotated.Secret);
        Assert.NotNull(Assert.Single(await server.Client.GetWebhooksAsync()).OldSecretUntil);

        await server.Client.TestWebhookAsync("ops");
        await server.Client.RetireWebhookSecretAsync("ops");
        await server.Client.TestWebhookAsync("ops");

        Assert.Equal(["good", "good"], await Task.WhenAll(CheckAsync(old, receiver.Calls.First()), CheckAsync(rotated.Secret, receiver.Calls.First())));
        Assert.Equal(["bad", "good"], await Task.WhenAll(CheckAsync(old, receiver.Calls.Last()), CheckAsync(rotated.Secret, receiver.Calls.Last())));
        Assert.Equal("bad", await CheckAsync("iotfleet_hook_guessed", receiver.Calls.First()));
    }

    [Fact]
    public async Task A_second_rotation_is_refused_while_two_secrets_sign()
    {
        await using var server = await RunningServer.StartAsync(Local);
        await server.Client.CreateWebhookAsync(new CreateWebhookRequest { Id = "ops", Url = "https://ops.example/" });
        await server.Client.RotateWebhookAsync("ops", new RotateWebhookRequest());

        Assert.Equal(ProblemCodes.WebhookRotating, (await Assert.ThrowsAsync<ApiProblemException>(() => server.Client.RotateWebhookAsync("ops", new RotateWebhookRequest()))).Code);
        Assert.Null((await server.Client.RotateWebhookAsync("ops", new RotateWebhookRequest { KeepOldHours = 0 })).OldSecretUntil);
    }

    [Fact]
    public async Task A_test_says_what_the_receiver_answered_and_leaves_no_delivery()
    {
        await using var receiver = (await Receiver.StartAsync()).Then(204).Then(500);
        await using var server = await RunningServer.StartAsync(Local);
        await server.Client.CreateWebhookAsync(new CreateWebhookRequest { Id = "ops", Url = receiver.Url });

        var (good, bad) = (await server.Client.TestWebhookAsync("ops"), await server.Client.TestWebhookAsync("ops"));

        Assert.Equal((true, 204, null), (good.Delivered, good.Status, good.Problem));
        Assert.Equal((false, 500, "It answered 500."), (bad.Delivered, bad.Status, bad.Problem));
        Assert.True(good.Milliseconds > 0);
        Assert.Equal([(good.Delivery, "webhook.test", good.Body), (bad.Delivery, "webhook.test", bad.Body)], receiver.Calls.Select(call => (call.Delivery, call.Event, call.Body)));
        Assert.Equal("sample", JsonElement.Parse(good.Body).GetProperty("alert").GetProperty("device").GetString());
        Assert.Empty((await server.Client.GetDeliveriesPageAsync("ops")).Items);
        Assert.Equal(ProblemCodes.WebhookNotFound, (await Assert.ThrowsAsync<ApiProblemException>(() => server.Client.TestWebhookAsync("nobody"))).Code);
    }

    [Fact]
    public async Task A_test_calls_no_address_that_notices_may_not_go_to()
    {
        await using var receiver = await Receiver.StartAsync();
        await using var server = await RunningServer.StartAsync(("Webhooks:AllowHttp", "true"));
        await server.Client.CreateWebhookAsync(new CreateWebhookRequest { Id = "ops", Url = receiver.Url });

        var test = await server.Client.TestWebhookAsync("ops");

        Assert.False(test.Delivered);
        Assert.Contains("Webhooks:AllowPrivateAddresses is off", test.Problem, StringComparison.Ordinal);
        Assert.Empty(receiver.Calls);
    }

    /// <summary>As docs/telemetry.md tells a receiver.</summary>
    private static async Task<string> CheckAsync(string secret, ReceivedCall call)
    {
        using var folder = new TemporaryFolder();
        await File.WriteAllTextAsync(folder.File("check.sh"), "#" + Repository.Read("docs/telemetry.md").Split("```sh\n# check.sh")[1].Split("```")[0]);
        await File.WriteAllTextAsync(folder.File("body"), call.Body);
        return (await Peers.RunAsync("bash", folder.File("check.sh"), secret, call.Timestamp, folder.File("body"), call.Signature)).Output.Trim();
    }
}
