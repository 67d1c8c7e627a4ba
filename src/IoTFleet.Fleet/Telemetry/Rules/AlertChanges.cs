using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Telemetry.Rules;

/// <summary>An alert as it opens or closes, before it is written.</summary>
internal sealed record AlertChange(WatchedDevice Device, WatchedRule Rule, Standing Standing, Verdict Verdict);

/// <summary>Brings alerts and their notices to the database, many in one transaction.</summary>
internal sealed class AlertChanges(FleetWriter writer, RuleSignals signals, TimeProvider clock)
{
    /// <summary>Applying the same again changes nothing: an alert that is open is not opened, and a closed one not closed. Sets the standings' alerts.</summary>
    internal async Task ApplyAsync(IReadOnlyList<AlertChange> changes, CancellationToken ct)
    {
        foreach (var some in changes.Chunk(RuleLimits.MaxChanges))
        {
            var outcome = await writer.RunAsync((db, token) => WriteAsync(db, some, token), ct);
            for (var i = 0; i < some.Length; i++) some[i].Standing.AlertId = outcome[i];
            signals.DeliveriesWait();
        }
    }

    /// <returns>Of each change, the alert that is open afterwards.</returns>
    private async Task<string?[]> WriteAsync(FleetDbContext db, AlertChange[] changes, CancellationToken ct)
    {
        var keys = changes.Select(change => Alert.KeyOf(change.Rule.Rule.Id, change.Device.Id)).ToList();
        var open = await db.Alerts.Where(alert => keys.Contains(alert.OpenKey!)).ToDictionaryAsync(alert => alert.OpenKey!, StringComparer.Ordinal, ct);
        var webhooks = await WebhooksAsync(db, ct);
        var outcome = new string?[changes.Length];
        for (var i = 0; i < changes.Length; i++)
        {
            var (change, key) = (changes[i], keys[i]);
            if (change.Verdict.Turn == Turn.Opens && !open.ContainsKey(key))
            {
                open[key] = NewAlert(change, key);
                db.Alerts.Add(open[key]);
                AlertNotice.Add(db, change.Rule.Rule, webhooks, open[key], AlertNotice.Opened, clock);
            }
            else if (change.Verdict.Turn == Turn.Closes && open.Remove(key, out var alert))
            {
                Close(alert, "system", CloseReasons.Cleared, clock);
                AlertNotice.Add(db, change.Rule.Rule, webhooks, alert, AlertNotice.Closed, clock);
                if (keys.IndexOf(key, i + 1) >= 0) await db.SaveChangesAsync(ct); // It opens again further down, and there is one key.
            }
            outcome[i] = open.GetValueOrDefault(key)?.Id;
        }
        return outcome;
    }

    /// <summary>Closes what is open of a rule and not watched by it any more. Joins the caller's unit of work.</summary>
    internal static async Task CloseAllAsync(FleetDbContext db, string ruleId, Rule? rule, Func<string, bool> ofDevice, string by, TimeProvider clock, CancellationToken ct)
    {
        var webhooks = await WebhooksAsync(db, ct);
        var open = await db.Alerts.Where(alert => alert.RuleId == ruleId && alert.OpenKey != null).ToListAsync(ct);
        foreach (var alert in open.Where(alert => ofDevice(alert.DeviceId)))
        {
            Close(alert, by, CloseReasons.NotWatched, clock);
            AlertNotice.Add(db, rule, webhooks, alert, AlertNotice.Closed, clock);
        }
    }

    internal static void Close(Alert alert, string by, string reason, TimeProvider clock)
    {
        (alert.State, alert.OpenKey, alert.ClosedAt, alert.ClosedBy, alert.CloseReason) = (AlertState.Closed, null, clock.GetUtcNow(), by, reason);
        alert.Version++;
    }

    internal static async Task<IReadOnlySet<string>> WebhooksAsync(FleetDbContext db, CancellationToken ct) =>
        (await db.Webhooks.Select(webhook => webhook.Id).ToListAsync(ct)).ToHashSet(StringComparer.Ordinal);

    private Alert NewAlert(AlertChange change, string key) => new()
    {
        Id = RowId.New(clock),
        RuleId = change.Rule.Rule.Id,
        Kind = change.Rule.Rule.Kind,
        Severity = change.Rule.Rule.Severity,
        DeviceId = change.Device.Id,
        GroupId = change.Device.Group,
        OpenKey = key,
        Since = EpochTime.FromMicroseconds(change.Verdict.SinceUs),
        OpenedAt = clock.GetUtcNow(),
        Value = change.Rule.IsSilence ? null : change.Verdict.Value,
        Detail = change.Rule.Describe(change.Verdict.Value),
    };
}
