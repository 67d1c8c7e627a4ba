using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using IoTFleet.Api;

namespace IoTFleet.Cli.Commands;

/// <summary><c>iotfleet command send|list|show|cancel</c></summary>
internal static class CommandCommands
{
    private const int DefaultWait = 60;

    private static readonly Argument<string> Device = new("device") { Description = "The device's id" };
    private static readonly Argument<string> Name = new("name") { Description = "The command's name: a level of its topic" };
    private static readonly Argument<string> Payload = new("payload") { Description = "JSON for the device", DefaultValueFactory = _ => "{}" };
    private static readonly Argument<string> Id = new("command") { Description = "The command's id" };
    private static readonly Option<bool> Wait = new("--wait") { Description = "Wait for the device's answer, until the deadline and at most five minutes" };
    private static readonly Option<int?> Timeout = new("--timeout") { Description = "Seconds until the deadline, 1 to 604800; a minute unless the server says otherwise" };
    private static readonly Option<string?> OwnId = new("--id") { Description = "An id of your own: sent twice with one, it is one command" };
    private static readonly Option<string?> State = new("--state") { Description = "queued, sent, delivered, answered, expired or cancelled" };
    private static readonly Option<int> Limit = new("--limit") { Description = "So many of the newest", DefaultValueFactory = _ => 100 };

    public static Command Create(VerbFactory verb) => new("command", "Commands to devices")
    {
        verb("send", "Send a command to a device", [Device, Name, Payload, Wait, Timeout, OwnId], SendAsync),
        verb("list", "List a device's commands, the newest first", [Device, State, Limit], ListAsync),
        verb("show", "Show a command and its answer", [Device, Id, Wait], ShowAsync),
        verb("cancel", "End a command that nobody has answered", [Device, Id], CancelAsync),
    };

    private static async Task SendAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken)
    {
        var request = new SendCommandRequest
        {
            Name = parsed.GetRequiredValue(Name),
            Payload = ParsePayload(parsed.GetRequiredValue(Payload)),
            TimeoutSeconds = parsed.GetValue(Timeout),
            Id = parsed.GetValue(OwnId),
        };
        var wait = parsed.GetValue(Wait) ? Patience(parsed.GetValue(Timeout)) : TimeSpan.Zero;
        var receipt = await fleet.SendCommandAsync(parsed.GetRequiredValue(Device), request, wait, cancellationToken);
        output.One(receipt, ApiJson.Default.CommandReceipt,
            ("id", receipt.Id),
            ("state", receipt.State),
            ("delivered", Delivered(receipt)),
            ("deadline", Time(receipt.Deadline)),
            ("answer", AnswerOf(receipt)),
            ("payload", receipt.Answer?.Payload?.GetRawText()));
    }

    private static async Task ListAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken)
    {
        var page = await fleet.GetCommandsPageAsync(parsed.GetRequiredValue(Device), parsed.GetValue(State), limit: parsed.GetValue(Limit), cancellationToken: cancellationToken);
        output.Many(page.Items, ApiJson.Default.CommandDetails,
            ("ID", command => command.Id),
            ("NAME", command => command.Name),
            ("STATE", command => command.State),
            ("SENT", command => Time(command.CreatedAt)),
            ("ENDED", command => Time(command.ClosedAt)),
            ("ANSWER", AnswerOf),
            ("BY", command => command.SentBy));
    }

    private static async Task ShowAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken) => Show(
        await fleet.GetCommandAsync(parsed.GetRequiredValue(Device), parsed.GetRequiredValue(Id), parsed.GetValue(Wait) ? Patience(null) : TimeSpan.Zero, cancellationToken), output);

    private static async Task CancelAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken) =>
        Show(await fleet.CancelCommandAsync(parsed.GetRequiredValue(Device), parsed.GetRequiredValue(Id), cancellationToken), output);

    private static void Show(CommandDetails command, Output output) => output.One(command, ApiJson.Default.CommandDetails,
        ("id", command.Id),
        ("device", command.DeviceId),
        ("name", command.Name),
        ("payload", command.Payload?.GetRawText()),
        ("state", command.State),
        ("by", command.SentBy),
        ("created", Time(command.CreatedAt)),
        ("sent", Time(command.SentAt)),
        ("delivered", Time(command.DeliveredAt)),
        ("deadline", Time(command.Deadline)),
        ("ended", Time(command.ClosedAt)),
        ("answer", AnswerOf(command)),
        ("answered", Time(command.Answer?.At)),
        ("said", command.Answer?.Payload?.GetRawText()));

    private static string Delivered(CommandReceipt receipt) => receipt switch
    {
        { Delivered: true } => "yes",
        { Queued: true } => "not yet, the device is away and gets it when it is back",
        _ => "not yet, the device is not there or does not listen, and gets it when it subscribes",
    };

    /// <summary>A little longer than the command lives, so that its end is seen; the server waits five minutes at most.</summary>
    private static TimeSpan Patience(int? timeout) => TimeSpan.FromSeconds(Math.Min((timeout ?? DefaultWait) + 5, 300));

    private static string? AnswerOf(CommandDetails command) => command.Answer?.Status.ToString(CultureInfo.InvariantCulture);

    private static string? Time(DateTimeOffset? time) => time is { } at ? Output.Time(at) : null;

    private static JsonElement ParsePayload(string text)
    {
        try { return JsonElement.Parse(text); }
        catch (JsonException e) { throw new UsageException($"The payload is not JSON: {e.Message}"); }
    }
}
