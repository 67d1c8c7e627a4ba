using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Unicode;
using IoTFleet.Api;

namespace IoTFleet.Cli.Commands;

/// <summary><c>iotfleet quarantine list|show|delete</c></summary>
internal static class QuarantineCommands
{
    private static readonly Argument<long> Id = new("id") { Description = "Its number in the list" };
    private static readonly Option<long?> OneId = new("--id") { Description = "Only this one" };
    private static readonly Option<string?> Device = new("--device") { Description = "Only this device's" };
    private static readonly Option<string?> Code = new("--code") { Description = "Only for this reason, a code of docs/reasons.md" };
    private static readonly Option<int> Limit = new("--limit") { Description = "At most so many, newest first", DefaultValueFactory = _ => 100 };
    private static readonly Option<bool> All = new("--all") { Description = "All of them" };

    public static Command Create(VerbFactory verb) => new("quarantine", "Telemetry that could not be read")
    {
        verb("list", "List what could not be read, newest first", [Device, Code, Limit], ListAsync),
        verb("show", "Show one with its payload", [Id], ShowAsync),
        verb("delete", "Delete what fits", [OneId, Device, Code, All], DeleteAsync),
    };

    private static async Task ListAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken)
    {
        var page = await fleet.GetQuarantinePageAsync(parsed.GetValue(Device), parsed.GetValue(Code), null, parsed.GetValue(Limit), cancellationToken);
        output.Many(page.Items, ApiJson.Default.QuarantinedMessage,
            ("ID", message => message.Id.ToString(CultureInfo.InvariantCulture)),
            ("RECEIVED", message => Output.Time(message.ReceivedAt)),
            ("TOPIC", message => message.Topic),
            ("CODE", message => message.Code),
            ("BYTES", message => message.Length.ToString(CultureInfo.InvariantCulture)),
            ("WHAT IS WRONG", message => message.Detail));
    }

    private static async Task ShowAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken)
    {
        var message = await fleet.GetQuarantinedAsync(parsed.GetRequiredValue(Id), cancellationToken);
        var body = message.Body ?? [];
        var isText = Utf8.IsValid(body) && !Array.Exists(body, value => value < 0x20 && value is not ((byte)'\n' or (byte)'\r' or (byte)'\t'));
        output.One(message, ApiJson.Default.QuarantinedMessage,
            ("device", message.DeviceId),
            ("topic", message.Topic),
            ("received", Output.Time(message.ReceivedAt)),
            ("code", message.Code),
            ("what is wrong", message.Detail),
            ("what to do", message.WhatToDo),
            ("content type", message.ContentType),
            ("bytes", message.Length > body.Length ? $"{message.Length}, of which the first {body.Length} are kept" : $"{message.Length}"),
            (isText ? "payload" : "payload, hex", isText ? Encoding.UTF8.GetString(body) : Convert.ToHexString(body)));
    }

    private static async Task DeleteAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken)
    {
        var (id, device, code) = (parsed.GetValue(OneId), parsed.GetValue(Device), parsed.GetValue(Code));
        if (id is null && device is null && code is null && !parsed.GetValue(All)) throw new UsageException("Say which: --id, --device, --code or --all.");
        var result = await fleet.DeleteQuarantinedAsync(id, device, code, cancellationToken);
        output.One(result, ApiJson.Default.QuarantineDeletion, ("deleted", $"{result.Deleted}"));
    }
}
