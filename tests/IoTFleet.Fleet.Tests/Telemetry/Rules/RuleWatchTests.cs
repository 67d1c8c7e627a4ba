using System.Text;
using System.Text.Json;
using IoTFleet.Fleet.Audit;
using IoTFleet.Fleet.Certificates;
using IoTFleet.Fleet.Telemetry;
using IoTFleet.Fleet.Telemetry.Formats;
using IoTFleet.Fleet.Telemetry.Rules;
using IoTFleet.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;

namespace IoTFleet.Fleet.Tests.Telemetry.Rules;

public class RuleWatchTests
{
    private static readonly RuleSettings Hot = new() { Kind = RuleKind.Threshold, Metric = "t", Limit = 80 };

    [Fact]
    public async Task What_is_stored_opens_and_closes_an_alert_and_each_change_has_its_notice()
    {
        await using var fleet = await WatchedAsync(Hot);

        await StoreAsync(fleet, 90);
        var alert = await OneAsync(fleet, alert => alert.State == AlertState.Open);
        await StoreAsync(fleet, 70);
        await OneAsync(fleet, alert => alert is { State: AlertState.Closed, CloseReason: CloseReasons.Cleared, OpenKey: null });

        Assert.Equal(("hot", "pump-1", 90d, "t is 90, above 80"), (alert.RuleId, alert.DeviceId, alert.Value, alert.Detail));
        var notices = await fleet.ReadAsync(db => db.AlertDeliveries.OrderBy(delivery => delivery.Event).ToListAsync());
        Assert.Equal([("alert.closed", (string?)null, "alerts/default/pump-1/hot"), ("alert.opened", null, "alerts/default/pump-1/hot")], notices.Select(notice => (notice.Event, notice.WebhookId, notice.Topic)));
        Assert.Equal(alert.Id, JsonDocument.Parse(notices[0].Body).RootElement.GetProperty("alert").GetProperty("id").GetString());
    }

    [Fact]
    public async Task A_new_rule_judges_the_newest_values()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.EnrolAsync("pump-1");
        await StoreAsync(fleet, 90);
        fleet.Get<RuleWatch>().Start();

        await CreateAsync(fleet, Hot);

        await OneAsync(fleet, alert => alert.State == AlertState.Open);
    }

    [Fact]
    public async Task A_restart_in_the_middle_keeps_the_one_alert_and_closes_it_by_what_came_meanwhile()
    {
        await using var fleet = await WatchedAsync(Hot);
        await StoreAsync(fleet, 90);
        var before = await OneAsync(fleet, alert => alert.State == AlertState.Open);
        await fleet.Get<RuleWatch>().StopAsync();
        await StoreAsync(fleet, 95);

        await using var again = Another(fleet);
        await Eventually.TrueAsync(() => Task.FromResult(again.Looks > 0));
        Assert.Equal(before.Id, (await OneAsync(fleet, alert => alert.State == AlertState.Open)).Id);
        await again.StopAsync();
        await StoreAsync(fleet, 60);
        await using var third = Another(fleet);

        Assert.Equal(before.Id, (await OneAsync(fleet, alert => alert.State == AlertState.Closed)).Id);
    }

    [Fact]
    public async Task A_device_that_never_sent_is_silent_and_one_that_is_revoked_is_not()
    {
        await using var fleet = await WatchedAsync(new() { Kind = RuleKind.Silence, ForSeconds = 600 });
        await fleet.EnrolAsync("pump-2");
        fleet.Get<RuleSignals>().RulesChanged();
        await LookedAsync(fleet);

        fleet.Clock.Advance(TimeSpan.FromSeconds(599));
        await LookedAsync(fleet);
        Assert.Equal(0, await fleet.ReadAsync(db => db.Alerts.CountAsync()));
        fleet.Clock.Advance(TimeSpan.FromSeconds(1));
        await Eventually.TrueAsync(() => fleet.ReadAsync(async db => await db.Alerts.CountAsync(alert => alert.State == AlertState.Open) == 2));
        await fleet.Get<RevokeDevice>().RunAsync(TestFleet.Admin, new("pump-2"), default);
        fleet.Get<RuleSignals>().RulesChanged();

        await Eventually.TrueAsync(() => fleet.ReadAsync(db => db.Alerts.AnyAsync(alert => alert.DeviceId == "pump-2" && alert.CloseReason == CloseReasons.NotWatched)));
        Assert.Equal(AlertState.Open, await fleet.ReadAsync(db => db.Alerts.Where(alert => alert.DeviceId == "pump-1").Select(alert => alert.State).SingleAsync()));
    }

    [Fact]
    public async Task A_device_that_leaves_the_group_leaves_its_alerts()
    {
        await using var fleet = await WatchedAsync(Hot with { GroupId = "default" });
        await StoreAsync(fleet, 90);
        await OneAsync(fleet, alert => alert.State == AlertState.Open);

        await fleet.ReadAsync(db => db.Devices.ExecuteUpdateAsync(set => set.SetProperty(device => device.GroupId, "plant")));
        fleet.Get<RuleSignals>().RulesChanged();

        await OneAsync(fleet, alert => alert.CloseReason == CloseReasons.NotWatched);
        await StoreAsync(fleet, 95);
        await JudgedAsync(fleet, 2);
        Assert.Equal(1, await fleet.ReadAsync(db => db.Alerts.CountAsync()));
    }

    [Fact]
    public async Task One_that_closes_and_opens_again_in_one_message_is_two_alerts()
    {
        await using var fleet = await WatchedAsync(Hot);
        await StoreAsync(fleet, 90);
        var first = await OneAsync(fleet, alert => alert.State == AlertState.Open);
        fleet.Clock.Advance(TimeSpan.FromSeconds(1));
        var (down, up) = (Message(fleet, 70, 1), Message(fleet, 95, 2));

        await fleet.StoreAsync(down with { Readings = [.. down.Readings, .. up.Readings] });

        await Eventually.TrueAsync(() => fleet.ReadAsync(db => db.Alerts.AnyAsync(alert => alert.State == AlertState.Open && alert.Id != first.Id && alert.Value == 95)));
        Assert.Equal(AlertState.Closed, await fleet.ReadAsync(db => db.Alerts.Where(alert => alert.Id == first.Id).Select(alert => alert.State).SingleAsync()));
        Assert.Equal(3, await fleet.ReadAsync(db => db.AlertDeliveries.CountAsync()));
    }

    [Fact]
    public async Task An_acknowledged_alert_closes_by_itself()
    {
        await using var fleet = await WatchedAsync(Hot);
        await StoreAsync(fleet, 90);
        var id = (await OneAsync(fleet, alert => alert.State == AlertState.Open)).Id;

        Assert.IsType<AcknowledgeAlertResult.Done>(await fleet.Get<AcknowledgeAlert>().RunAsync(TestFleet.Admin, new(id, "on my way"), default));
        await StoreAsync(fleet, 70);

        var closed = await OneAsync(fleet, alert => alert.State == AlertState.Closed);
        Assert.Equal(("ada", "on my way", 3), (closed.AcknowledgedBy, closed.Note, closed.Version));
        Assert.IsType<AcknowledgeAlertResult.IsClosed>(await fleet.Get<AcknowledgeAlert>().RunAsync(TestFleet.Admin, new(id), default));
        Assert.Equal("alert.acknowledge", Assert.Single(await fleet.AuditAsync(id)).Action);
    }

    [Fact]
    public async Task What_an_operator_closes_and_is_still_so_opens_another()
    {
        await using var fleet = await WatchedAsync(Hot);
        await StoreAsync(fleet, 90);
        var id = (await OneAsync(fleet, alert => alert.State == AlertState.Open)).Id;

        await fleet.Get<CloseAlert>().RunAsync(TestFleet.Admin, new(id), default);
        await LookedAsync(fleet);
        await StoreAsync(fleet, 91);

        await Eventually.TrueAsync(() => fleet.ReadAsync(db => db.Alerts.AnyAsync(alert => alert.Id != id && alert.State == AlertState.Open)));
        Assert.Equal("ada", await fleet.ReadAsync(db => db.Alerts.Where(alert => alert.Id == id).Select(alert => alert.ClosedBy).SingleAsync()));
    }

    [Fact]
    public async Task A_silence_that_an_operator_closed_opens_again_only_after_something_was_heard()
    {
        await using var fleet = await WatchedAsync(new() { Kind = RuleKind.Silence, ForSeconds = 600 });
        fleet.Clock.Advance(TimeSpan.FromSeconds(600));
        var id = (await OneAsync(fleet, alert => alert.State == AlertState.Open)).Id;

        await fleet.Get<CloseAlert>().RunAsync(TestFleet.Admin, new(id), default);
        await LookedAsync(fleet);
        fleet.Clock.Advance(TimeSpan.FromSeconds(600));
        await LookedAsync(fleet);
        Assert.Equal(1, await fleet.ReadAsync(db => db.Alerts.CountAsync()));
        await StoreAsync(fleet, 1);
        await JudgedAsync(fleet, 1);
        fleet.Clock.Advance(TimeSpan.FromSeconds(601)); // to a tick after the time is over

        await Eventually.TrueAsync(() => fleet.ReadAsync(async db => await db.Alerts.CountAsync() == 2));
    }

    [Fact]
    public async Task A_rule_that_is_deleted_or_disabled_closes_its_alerts_and_watches_no_more()
    {
        await using var fleet = await WatchedAsync(Hot);
        await StoreAsync(fleet, 90);
        await OneAsync(fleet, alert => alert.State == AlertState.Open);

        await fleet.Get<ChangeRule>().RunAsync(TestFleet.Admin, new("hot", Hot with { Enabled = false }), default);
        Assert.Equal(CloseReasons.NotWatched, (await OneAsync(fleet, alert => alert.State == AlertState.Closed)).CloseReason);
        Assert.IsType<DeleteRuleResult.Deleted>(await fleet.Get<DeleteRule>().RunAsync(TestFleet.Admin, new("hot"), default));
        await LookedAsync(fleet);
        await StoreAsync(fleet, 99);
        await LookedAsync(fleet);

        Assert.Equal(1, await fleet.ReadAsync(db => db.Alerts.CountAsync()));
        Assert.Equal(["rule.create", "rule.change", "rule.delete"], (await fleet.AuditAsync("hot")).Select(entry => entry.Action));
    }

    [Fact]
    public async Task Messages_that_were_missed_are_made_good_by_the_newest_values()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.EnrolAsync("pump-1");
        await CreateAsync(fleet, Hot);
        await StoreAsync(fleet, 70);
        var held = new HeldContexts(fleet.Databases);
        var clogged = new RuleWatch(held, fleet.Get<TelemetryFeed>(), fleet.Get<TelemetryReader>(), fleet.Get<FleetWriter>(), fleet.Get<RuleSignals>(), fleet.Clock, NullLogger<RuleWatch>.Instance, capacity: 1);
        await using var _ = clogged;
        clogged.Start();
        await Eventually.TrueAsync(() => Task.FromResult(clogged.Looks > 0));

        held.Hold();
        fleet.Get<RuleSignals>().RulesChanged();
        await held.Reached; // It looks at the database, and judges nothing meanwhile.
        for (var i = 1; i <= 5; i++) await fleet.StoreAsync(Message(fleet, i == 5 ? 90 : 70, i));
        held.Release();

        await OneAsync(fleet, alert => alert.State == AlertState.Open);
        Assert.Equal((4, 1), (clogged.Missed, clogged.Judged));
    }

    [Theory]
    [InlineData("A limit is needed")]
    [InlineData("Which metric?")]
    public async Task A_rule_that_cannot_be_judged_is_refused(string problem)
    {
        await using var fleet = await TestFleet.StartAsync();
        var settings = problem[0] == 'W' ? Hot with { Metric = null } : Hot with { Limit = double.NaN };

        var refused = Assert.IsType<CreateRuleResult.Invalid>(await fleet.Get<CreateRule>().RunAsync(TestFleet.Admin, new("hot", settings), default));

        Assert.StartsWith(problem, refused.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_webhooks_secret_is_shown_once_and_kept_encrypted()
    {
        await using var fleet = await TestFleet.StartAsync();

        var created = Assert.IsType<CreateWebhookResult.Created>(await fleet.Get<CreateWebhook>().RunAsync(TestFleet.Admin, new("ops", "https://ops.example/hook"), default));

        var stored = await fleet.ReadAsync(db => db.Webhooks.SingleAsync());
        var secret = Encoding.UTF8.GetBytes(created.Secret.Reveal());
        Assert.NotEqual(secret, stored.ProtectedSecret);
        Assert.Equal(secret, fleet.Get<WebhookSecrets>().Reveal(stored.ProtectedSecret));
        Assert.DoesNotContain(created.Secret.Reveal(), Assert.Single(await fleet.AuditAsync("ops")).Detail!, StringComparison.Ordinal);
    }

    private static async Task<TestFleet> WatchedAsync(RuleSettings settings)
    {
        var fleet = await TestFleet.StartAsync();
        await fleet.EnrolAsync("pump-1");
        await CreateAsync(fleet, settings);
        fleet.Get<RuleWatch>().Start();
        await Eventually.TrueAsync(() => Task.FromResult(fleet.Get<RuleWatch>().Looks > 0));
        return fleet;
    }

    private static async Task CreateAsync(TestFleet fleet, RuleSettings settings) =>
        Assert.IsType<CreateRuleResult.Created>(await fleet.Get<CreateRule>().RunAsync(TestFleet.Admin, new(settings.Kind == RuleKind.Silence ? "silent" : "hot", settings), default));

    private static RuleWatch Another(TestFleet fleet)
    {
        var watch = new RuleWatch(fleet.Databases, fleet.Get<TelemetryFeed>(), fleet.Get<TelemetryReader>(), fleet.Get<FleetWriter>(), fleet.Get<RuleSignals>(), fleet.Clock, NullLogger<RuleWatch>.Instance);
        watch.Start();
        return watch;
    }

    private static Task StoreAsync(TestFleet fleet, double value)
    {
        fleet.Clock.Advance(TimeSpan.FromMilliseconds(1));
        return fleet.StoreAsync(Message(fleet, value, 0));
    }

    private static TelemetryMessage Message(TestFleet fleet, double value, int later)
    {
        var body = Encoding.UTF8.GetBytes(FormattableString.Invariant($$"""{"t":{{value}}}"""));
        var now = fleet.Clock.GetUtcNow();
        return new TelemetryMessage("pump-1", "", now, null, null, body, [new Reading(now.AddMilliseconds(later), true, body)]);
    }

    private static Task<Alert> OneAsync(TestFleet fleet, Func<Alert, bool> expected) =>
        Eventually.NotNullAsync(() => fleet.ReadAsync(async db => (await db.Alerts.AsNoTracking().ToListAsync()).SingleOrDefault(expected)));

    /// <summary>Until the loop has gone round once more, with all that was before.</summary>
    private static async Task LookedAsync(TestFleet fleet)
    {
        var watch = fleet.Get<RuleWatch>();
        for (var time = 0; time < 2; time++) // the first may have begun before
        {
            var looks = watch.Looks;
            fleet.Get<RuleSignals>().RulesChanged();
            await Eventually.TrueAsync(() => Task.FromResult(watch.Looks > looks));
        }
    }

    /// <summary>A database that keeps whoever asks waiting while the test says so.</summary>
    private sealed class HeldContexts(IDbContextFactory<FleetDbContext> real) : IDbContextFactory<FleetDbContext>
    {
        private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private TaskCompletionSource? _gate;

        internal Task Reached => _reached.Task;

        internal void Hold() => Volatile.Write(ref _gate, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));

        internal void Release() => Interlocked.Exchange(ref _gate, null)!.SetResult();

        public FleetDbContext CreateDbContext() => real.CreateDbContext();

        public async Task<FleetDbContext> CreateDbContextAsync(CancellationToken cancellationToken = default)
        {
            if (Volatile.Read(ref _gate) is { } gate)
            {
                _reached.TrySetResult();
                await gate.Task.WaitAsync(cancellationToken);
            }
            return await real.CreateDbContextAsync(cancellationToken);
        }
    }

    private static Task JudgedAsync(TestFleet fleet, int messages) => Eventually.TrueAsync(() => Task.FromResult(fleet.Get<RuleWatch>().Judged >= messages));
}
