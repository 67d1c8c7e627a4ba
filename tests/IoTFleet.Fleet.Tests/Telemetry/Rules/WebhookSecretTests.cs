using System.Text;
using IoTFleet.Fleet.Telemetry.Rules;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Tests.Telemetry.Rules;

/// <summary>A webhook's secret is changed without its receiver missing a request.</summary>
public class WebhookSecretTests
{
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);

    [Fact]
    public async Task After_a_rotation_both_secrets_sign_until_the_old_one_is_over()
    {
        await using var fleet = await TestFleet.StartAsync();
        var first = await CreateAsync(fleet);
        var second = await RotateAsync(fleet, Day);

        Assert.Equal([second, first], await SigningAsync(fleet));
        fleet.Clock.Advance(Day - TimeSpan.FromSeconds(1));
        Assert.Equal([second, first], await SigningAsync(fleet));
        fleet.Clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal([second], await SigningAsync(fleet));
        await fleet.Get<DeliveryQueue>().ForgetAsync(default);

        Assert.Null(await fleet.ReadAsync(db => db.Webhooks.Select(webhook => webhook.OldProtectedSecret).SingleAsync()));
    }

    [Fact]
    public async Task The_old_one_is_retired_as_soon_as_the_receiver_has_the_new_one()
    {
        await using var fleet = await TestFleet.StartAsync();
        await CreateAsync(fleet);
        var second = await RotateAsync(fleet, Day);

        Assert.IsType<RetireWebhookSecretResult.Retired>(await fleet.Get<RetireWebhookSecret>().RunAsync(TestFleet.Admin, new("ops"), default));
        Assert.IsType<RetireWebhookSecretResult.Retired>(await fleet.Get<RetireWebhookSecret>().RunAsync(TestFleet.Admin, new("ops"), default));

        Assert.Equal([second], await SigningAsync(fleet));
        Assert.Equal(["webhook.create", "webhook.rotate", "webhook.retire"], (await fleet.AuditAsync("ops")).Select(entry => entry.Action));
    }

    [Fact]
    public async Task A_second_rotation_waits_for_the_first_unless_the_secrets_have_leaked()
    {
        await using var fleet = await TestFleet.StartAsync();
        await CreateAsync(fleet);
        await RotateAsync(fleet, Day);

        var refused = Assert.IsType<RotateWebhookSecretResult.StillRotating>(await fleet.Get<RotateWebhookSecret>().RunAsync(TestFleet.Admin, new("ops", Day), default));
        Assert.Equal(fleet.Clock.GetUtcNow() + Day, refused.Until);
        var third = await RotateAsync(fleet, TimeSpan.Zero);

        Assert.Equal([third], await SigningAsync(fleet));
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(721)]
    public async Task An_old_secret_is_kept_for_thirty_days_at_most(int hours)
    {
        await using var fleet = await TestFleet.StartAsync();
        await CreateAsync(fleet);

        Assert.IsType<RotateWebhookSecretResult.Invalid>(await fleet.Get<RotateWebhookSecret>().RunAsync(TestFleet.Admin, new("ops", TimeSpan.FromHours(hours)), default));
    }

    [Fact]
    public async Task Of_a_webhook_that_there_is_not_nothing_can_be_changed_or_tried()
    {
        await using var fleet = await TestFleet.StartAsync();

        Assert.IsType<RotateWebhookSecretResult.UnknownWebhook>(await fleet.Get<RotateWebhookSecret>().RunAsync(TestFleet.Admin, new("ops", Day), default));
        Assert.IsType<RetireWebhookSecretResult.UnknownWebhook>(await fleet.Get<RetireWebhookSecret>().RunAsync(TestFleet.Admin, new("ops"), default));
        Assert.IsType<TestWebhookResult.UnknownWebhook>(await fleet.Get<TestWebhook>().RunAsync(TestFleet.Admin, new("ops"), default));
    }

    [Fact]
    public async Task Who_tried_a_webhook_is_written_down_and_nothing_waits_for_it()
    {
        await using var fleet = await TestFleet.StartAsync();
        await CreateAsync(fleet);

        var called = Assert.IsType<TestWebhookResult.Called>(await fleet.Get<TestWebhook>().RunAsync(TestFleet.Admin, new("ops"), default));

        Assert.Equal(204, called.Answer.Status);
        Assert.Contains("\"event\":\"webhook.test\"", called.Delivery.Body, StringComparison.Ordinal);
        Assert.Equal(("webhook.test", "204", "ada"), (await fleet.AuditAsync("ops")).Select(entry => (entry.Action, entry.Detail!, entry.ActorName)).Last());
        Assert.Equal(0, await fleet.ReadAsync(db => db.AlertDeliveries.CountAsync()));
    }

    private static async Task<string> CreateAsync(TestFleet fleet) =>
        Assert.IsType<CreateWebhookResult.Created>(await fleet.Get<CreateWebhook>().RunAsync(TestFleet.Admin, new("ops", "https://ops.example/hook"), default)).Secret.Reveal();

    private static async Task<string> RotateAsync(TestFleet fleet, TimeSpan keepOld) =>
        Assert.IsType<RotateWebhookSecretResult.Rotated>(await fleet.Get<RotateWebhookSecret>().RunAsync(TestFleet.Admin, new("ops", keepOld), default)).Secret.Reveal();

    /// <summary>What the next request would be signed with.</summary>
    private static async Task<IEnumerable<string>> SigningAsync(TestFleet fleet)
    {
        var webhook = await fleet.ReadAsync(db => db.Webhooks.AsNoTracking().SingleAsync());
        return webhook.SecretsAt(fleet.Clock.GetUtcNow()).Select(secret => Encoding.UTF8.GetString(fleet.Get<WebhookSecrets>().Reveal(secret)));
    }
}
