using System.Buffers;
using System.Text;
using System.Text.Json;

namespace IoTFleet.Fleet.Telemetry.Rules;

/// <summary>What receivers are told, and the rows that tell them.</summary>
internal static class AlertNotice
{
    internal const string Opened = "alert.opened";
    internal const string Acknowledged = "alert.acknowledged";
    internal const string Closed = "alert.closed";
    internal const string Test = "webhook.test";

    /// <summary>One for each receiver of the rule that there is, and one by MQTT. Joins the caller's unit of work.</summary>
    internal static void Add(FleetDbContext db, Rule? rule, IReadOnlySet<string> webhooks, Alert alert, string @event, TimeProvider clock)
    {
        if (rule is null) return;
        var body = Body(alert, @event);
        foreach (var webhook in rule.WebhookIds.Where(webhooks.Contains)) db.AlertDeliveries.Add(Delivery(webhook, alert, @event, body, clock));
        if (rule.Mqtt) db.AlertDeliveries.Add(Delivery(null, alert, @event, body, clock));
    }

    /// <summary>Of an alert that there is not; its event says so.</summary>
    internal static AlertDelivery Sample(string webhook, TimeProvider clock)
    {
        var now = clock.GetUtcNow();
        var alert = new Alert
        {
            Id = RowId.New(clock),
            RuleId = "sample",
            Kind = RuleKind.Threshold,
            Severity = AlertSeverity.Info,
            DeviceId = "sample",
            GroupId = "sample",
            Since = now,
            OpenedAt = now,
            Value = 1,
            Detail = "Somebody tries whether this receiver is told.",
        };
        return Delivery(webhook, alert, Test, Body(alert, Test), clock);
    }

    private static AlertDelivery Delivery(string? webhook, Alert alert, string @event, string body, TimeProvider clock) => new()
    {
        Id = RowId.New(clock),
        WebhookId = webhook,
        AlertId = alert.Id,
        Event = @event,
        Topic = $"alerts/{alert.GroupId}/{alert.DeviceId}/{alert.RuleId}",
        Body = body,
        CreatedAt = clock.GetUtcNow(),
        StartedAt = clock.GetUtcNow(),
        NextAttemptAt = clock.GetUtcNow(),
    };

    private static string Body(Alert alert, string @event)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("event", @event);
            json.WriteStartObject("alert");
            json.WriteString("id", alert.Id);
            json.WriteNumber("version", alert.Version);
            json.WriteString("state", Word(alert.State));
            json.WriteString("rule", alert.RuleId);
            json.WriteString("kind", Word(alert.Kind));
            json.WriteString("severity", Word(alert.Severity));
            json.WriteString("device", alert.DeviceId);
            json.WriteString("group", alert.GroupId);
            json.WriteString("since", alert.Since);
            json.WriteString("openedAt", alert.OpenedAt);
            if (alert.Value is { } value) json.WriteNumber("value", value);
            json.WriteString("detail", alert.Detail);
            if (alert.AcknowledgedAt is { } acknowledged) json.WriteString("acknowledgedAt", acknowledged);
            if (alert.ClosedAt is { } closed) json.WriteString("closedAt", closed);
            if (alert.CloseReason is { } reason) json.WriteString("closeReason", reason);
            json.WriteEndObject();
            json.WriteEndObject();
        }
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    private static string Word<T>(T value)
        where T : struct, Enum => value.ToString().ToLowerInvariant();
}
