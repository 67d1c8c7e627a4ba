using System.CommandLine;
using System.Globalization;
using IoTFleet.Api;

namespace IoTFleet.Cli.Commands;

/// <summary><c>iotfleet webhook create|list|delete|deliveries|replay</c></summary>
internal static class WebhookCommands
{
    private static readonly Argument<string> Id = new("name") { Description = "The webhook's name" };
    private static readonly Argument<string> Url = new("url") { Description = "Where to, https://..." };
    private static readonly Option<string?> Description = new("--description") { Description = "For people" };
    private static readonly Option<string?> Webhook = new("--webhook") { Description = "Only to this one" };
    private static readonly Option<string?> State = new("--state") { Description = "Only waiting, delivered or dead ones" };
    private static readonly Option<string?> Alert = new("--alert") { Description = "Only of this alert" };
    private static readonly Option<int> Limit = new("--limit") { Description = "At most so many, newest first", DefaultValueFactory = _ => 100 };
    private static readonly Argument<string> Delivery = new("id") { Description = "The delivery's id, as the list shows it" };

    public static Command Create(VerbFactory verb) => new("webhook", "Addresses that are told of alerts")
    {
        verb("create", "Make a webhook; its secret is shown once", [Id, Url, Description], CreateAsync),
        verb("list", "List webhooks", [], ListAsync),
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
            ("DESCRIPTION", webhook => webhook.Description));

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
