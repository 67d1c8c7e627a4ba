using IoTFleet.Fleet.Telemetry.Rules;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Tests.Telemetry.Rules;

/// <summary>Deliveries as the senders of several nodes share them, and how long they and alerts are kept.</summary>
public class DeliveryQueueTests
{
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task Of_senders_that_found_the_same_due_exactly_one_gets_it()
    {
        await using var fleet = await TestFleet.StartAsync();
        await AddAsync(fleet, [.. Enumerable.Range(0, 20).Select(i => Delivery(fleet, $"d{i:00}"))]);
        var senders = Enumerable.Range(0, 4).Select(_ => new DeliveryQueue(fleet.Databases, fleet.Clock)).ToList();
        var found = await Task.WhenAll(senders.Select(sender => sender.DueAsync("ops", 50, default)));
        Assert.All(found, due => Assert.Equal(20, due.Count));

        var claimed = await Task.WhenAll(senders.Select((sender, i) => Task.Run(async () =>
        {
            var mine = new List<string>();
            foreach (var due in found[i])
                if (await sender.ClaimAsync(due, Lease, default) is not null) mine.Add(due.Id);
            return mine;
        })));

        Assert.Equal(Enumerable.Range(0, 20).Select(i => $"d{i:00}"), claimed.SelectMany(mine => mine).Order());
        Assert.Empty(await senders[0].ReceiversAsync(default));
    }

    [Fact]
    public async Task A_claim_whose_sender_died_is_taken_over_when_it_has_run_out()
    {
        await using var fleet = await TestFleet.StartAsync();
        await AddAsync(fleet, Delivery(fleet, "d"));
        var queue = fleet.Get<DeliveryQueue>();
        var dead = await ClaimAsync(queue);
        Assert.Equal(dead.Until, await queue.NextAsync(default));

        fleet.Clock.Advance(Lease - TimeSpan.FromSeconds(1));
        Assert.Empty(await queue.DueAsync("ops", 50, default));
        fleet.Clock.Advance(TimeSpan.FromSeconds(1));
        var heir = await ClaimAsync(queue);
        dead.Delivery.State = DeliveryState.Dead;
        await queue.RecordAsync(dead, default); // It was only slow; what it says counts no more.
        Assert.Equal(DeliveryState.Waiting, await StateAsync(fleet));
        heir.Delivery.State = DeliveryState.Delivered;
        await queue.RecordAsync(heir, default);

        Assert.Equal(DeliveryState.Delivered, await StateAsync(fleet));
        Assert.Equal("d", heir.Delivery.Id);
    }

    [Fact]
    public async Task A_sender_that_stops_gives_back_what_it_has_claimed()
    {
        await using var fleet = await TestFleet.StartAsync();
        await AddAsync(fleet, Delivery(fleet, "d"));
        var queue = fleet.Get<DeliveryQueue>();
        var claimed = await ClaimAsync(queue);

        await queue.ReleaseAsync(claimed, default);

        fleet.Clock.Advance(TimeSpan.FromSeconds(1));
        Assert.NotNull(await ClaimAsync(queue));
        await queue.ReleaseAsync(claimed, default); // too late: somebody else has it
        Assert.Empty(await queue.DueAsync("ops", 50, default));
    }

    [Fact]
    public async Task What_is_replayed_while_it_is_sent_is_sent_once_more()
    {
        await using var fleet = await TestFleet.StartAsync();
        await AddAsync(fleet, Delivery(fleet, "d"));
        var queue = fleet.Get<DeliveryQueue>();
        var claimed = await ClaimAsync(queue);
        fleet.Clock.Advance(TimeSpan.FromSeconds(1));

        await fleet.Get<ReplayDelivery>().RunAsync(TestFleet.Admin, new("d"), default);
        claimed.Delivery.State = DeliveryState.Delivered;
        await queue.RecordAsync(claimed, default);

        Assert.Equal(DeliveryState.Waiting, await StateAsync(fleet));
        Assert.Single(await queue.DueAsync("ops", 50, default));
    }

    [Fact]
    public async Task Deliveries_go_after_thirty_days_but_not_while_they_wait()
    {
        await using var fleet = await TestFleet.StartAsync();
        var queue = fleet.Get<DeliveryQueue>();
        await AddAsync(fleet, Delivery(fleet, "sent", DeliveryState.Delivered), Delivery(fleet, "dead", DeliveryState.Dead), Delivery(fleet, "waits"));
        fleet.Clock.Advance(TimeSpan.FromDays(30));
        await AddAsync(fleet, Delivery(fleet, "young", DeliveryState.Delivered));

        await queue.ForgetAsync(default);
        Assert.Equal(4, await fleet.ReadAsync(db => db.AlertDeliveries.CountAsync())); // to the microsecond
        fleet.Clock.Advance(TimeSpan.FromMilliseconds(1));
        await queue.ForgetAsync(default);

        Assert.Equal(["waits", "young"], await fleet.ReadAsync(db => db.AlertDeliveries.Select(delivery => delivery.Id).OrderBy(id => id).ToListAsync()));
    }

    [Fact]
    public async Task Alerts_go_a_year_after_they_closed_however_many_and_open_ones_stay()
    {
        await using var fleet = await TestFleet.StartAsync();
        var queue = fleet.Get<DeliveryQueue>();
        await AddAsync(fleet, [Alert(fleet, "open", null), .. Enumerable.Range(0, 2_300).Select(i => Alert(fleet, $"old{i}", fleet.Clock.GetUtcNow()))]);
        fleet.Clock.Advance(TimeSpan.FromDays(365));
        await AddAsync(fleet, Alert(fleet, "young", fleet.Clock.GetUtcNow()));

        await queue.ForgetAsync(default);
        Assert.Equal(2_302, await fleet.ReadAsync(db => db.Alerts.CountAsync()));
        fleet.Clock.Advance(TimeSpan.FromMilliseconds(1));
        await queue.ForgetAsync(default);

        Assert.Equal(["open", "young"], await fleet.ReadAsync(db => db.Alerts.Select(alert => alert.Id).OrderBy(id => id).ToListAsync()));
    }

    private static async Task<ClaimedDelivery> ClaimAsync(DeliveryQueue queue) =>
        Assert.IsType<ClaimedDelivery>(await queue.ClaimAsync(Assert.Single(await queue.DueAsync("ops", 50, default)), Lease, default));

    private static Task<DeliveryState> StateAsync(TestFleet fleet) => fleet.ReadAsync(db => db.AlertDeliveries.Select(delivery => delivery.State).SingleAsync());

    private static Task AddAsync(TestFleet fleet, params object[] rows) => fleet.ReadAsync(db =>
    {
        db.AddRange(rows);
        return db.SaveChangesAsync();
    });

    private static AlertDelivery Delivery(TestFleet fleet, string id, DeliveryState state = DeliveryState.Waiting) => new()
    {
        Id = id,
        WebhookId = "ops",
        AlertId = "a",
        Event = AlertNotice.Opened,
        Topic = "alerts/default/pump-1/hot",
        Body = "{}",
        State = state,
        CreatedAt = fleet.Clock.GetUtcNow(),
        StartedAt = fleet.Clock.GetUtcNow(),
        NextAttemptAt = fleet.Clock.GetUtcNow(),
    };

    private static Alert Alert(TestFleet fleet, string id, DateTimeOffset? closedAt) => new()
    {
        Id = id,
        RuleId = "hot",
        Kind = RuleKind.Threshold,
        Severity = AlertSeverity.Info,
        DeviceId = "pump-1",
        GroupId = "default",
        State = closedAt is null ? AlertState.Open : AlertState.Closed,
        OpenKey = closedAt is null ? id : null,
        ClosedAt = closedAt,
        Since = fleet.Clock.GetUtcNow(),
        OpenedAt = fleet.Clock.GetUtcNow(),
        Detail = "t is 90, above 80",
    };
}
