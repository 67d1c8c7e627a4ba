using System.CommandLine;
using System.Globalization;
using IoTFleet.Api;

namespace IoTFleet.Cli.Commands;

/// <summary><c>iotfleet webhook create|list|rotate|retire|test|delete|deliveries|replay</c></summary>
internal static class WebhookCommands
{
    private static readonly Argument<string> Id = new("name") { Description = "The webhook's name" };
    private static readonly Argument<string> Url = new("url") { Description = "Where to, https://..." };
    private static readonly Option<string?> Description = new("--description") { Description = "For people" };
    private static readonly Option<int> KeepOld = new("--keep") { Description = "Hours for which the old secret signs, too; 0 when it has leaked", DefaultValueFactory = _ => 24 };
    private static readonly Option<string?> Webhook = new("--webhook") { Description = "Only to this one" };
    private static readonly Option<string?> State = new("--state") { Description = "Only waiting, delivered or dead ones" };
    private static readonly Option<string?> Alert = new("--alert") { Description = "Only of this alert" };
    private static readonly Option<int> Limit = new("--limit") { Description = "At most so many, newest first", DefaultValueFactory = _ => 100 };
    private static readonly Argument<string> Delivery = new("id") { Description = "The delivery's id, as the list shows it" };

    public static Command Create(VerbFactory verb) => new("webhook", "Addresses that are told of alerts")
    {
        verb("create", "Make a webhook; its secret is shown once", [Id, Url, Description], CreateAsync),
        verb("list", "List webhooks", [], ListAsync),
        verb("rotate", "Make a new secret, shown once; requests are signed with both until the old one is retired", [Id, KeepOld], RotateAsync),
        verb("retire", "Have the old secret of a rotation sign no more", [Id], RetireAsync),
        verb("test", "Send a signed sample and say how the receiver took it", [Id], TestAsync),
        verb("delete", "Delete a webhook with what waits for it", [Id], DeleteAsync),
        verb("deliveries", "List what receivers were told, newest first", [Webhook, State, Alert, Limit], DeliveriesAsync),
        verb("replay", "Send a delivery once more", [Delivery], ReplayAsync),
    };

    private static async Task CreateAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken)
    {
        var request = new CreateWebhookRequest { Id = parsed.GetRequiredValue(Id), Url = parsed.GetRequiredValue(Url), Description = parsed.GetValue(Description) };
        var webhook = await fleet.CreateWebhookAsync(request, cancellationToken);
        output.One(webhook, ApiJson.Default.CreatedWebhook, ("name", webhook.Id), ("url", webhook.Url), ("secret", webhook.Secret));
        output.Say("The secret cannot be shown again.");
    }

    private static async Task ListAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken) =>
        output.Many(await fleet.GetWebhooksAsync(cancellationToken), ApiJson.Default.WebhookDetails,
            ("NAME", webhook => webhook.Id),
            ("URL", webhook => webhook.Url),
            ("OLD SECRET UNTIL", webhook => Output.Time(webhook.OldSecretUntil)),
            ("DESCRIPTION", webhook => webhook.Description));

    private static async Task RotateAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken)
    {
        var webhook = await fleet.RotateWebhookAsync(parsed.GetRequiredValue(Id), new RotateWebhookRequest { KeepOldHours = parsed.GetValue(KeepOld) }, cancellationToken);
        output.One(webhook, ApiJson.Default.CreatedWebhook, ("name", webhook.Id), ("secret", webhook.Secret), ("old secret until", Output.Time(webhook.OldSecretUntil)));
        output.Say("The secret cannot be shown again.");
    }

    private static async Task RetireAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken)
    {
        var webhook = await fleet.RetireWebhookSecretAsync(parsed.GetRequiredValue(Id), cancellationToken);
        output.One(webhook, ApiJson.Default.WebhookDetails, ("name", webhook.Id), ("url", webhook.Url));
        output.Say("Only the newest secret signs.");
    }

    private static async Task TestAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken)
    {
        var test = await fleet.TestWebhookAsync(parsed.GetRequiredValue(Id), cancellationToken);
        output.One(test, ApiJson.Default.WebhookTest,
            ("delivered", test.Delivered ? "yes" : "no"),
            ("status", test.Status?.ToString(CultureInfo.InvariantCulture)),
            ("milliseconds", test.Milliseconds.ToString("0.0", CultureInfo.InvariantCulture)),
            ("delivery", test.Delivery));
        if (!test.Delivered) throw new UnsoundException($"The receiver did not take it: {test.Problem}");
    }

    private static async Task DeleteAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken)
    {
        await fleet.DeleteWebhookAsync(parsed.GetRequiredValue(Id), cancellationToken);
        output.Say($"Webhook {parsed.GetRequiredValue(Id)} deleted.");
    }

    private static async Task DeliveriesAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken)
    {
        var page = await fleet.GetDeliveriesPageAsync(parsed.GetValue(Webhook), parsed.GetValue(State), parsed.GetValue(Alert), null, parsed.GetValue(Limit), cancellationToken);
        output.Many(page.Items, ApiJson.Default.DeliveryDetails,
            ("ID", delivery => delivery.Id),
            ("TO", delivery => delivery.Webhook ?? "MQTT"),
            ("EVENT", delivery => delivery.Event),
            ("STATE", delivery => delivery.State),
            ("ATTEMPTS", delivery => delivery.Attempts.ToString(CultureInfo.InvariantCulture)),
            ("NEXT", delivery => Output.Time(delivery.NextAttemptAt)),
            ("PROBLEM", delivery => delivery.LastProblem));
    }

    private static async Task ReplayAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken)
    {
        var delivery = await fleet.ReplayDeliveryAsync(parsed.GetRequiredValue(Delivery), cancellationToken);
        output.One(delivery, ApiJson.Default.DeliveryDetails, ("id", delivery.Id), ("to", delivery.Webhook ?? "MQTT"), ("state", delivery.State));
    }
}
