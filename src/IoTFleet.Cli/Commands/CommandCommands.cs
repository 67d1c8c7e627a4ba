using System.CommandLine;
using System.Text.Json;
using IoTFleet.Api;

namespace IoTFleet.Cli.Commands;

/// <summary><c>iotfleet command send</c></summary>
internal static class CommandCommands
{
    private static readonly Argument<string> Device = new("device") { Description = "The device's id" };
    private static readonly Argument<string> Name = new("name") { Description = "The command's name: the last level of its topic" };
    private static readonly Argument<string> Payload = new("payload") { Description = "JSON for the device", DefaultValueFactory = _ => "{}" };

    public static Command Create(VerbFactory verb) => new("command", "Commands to devices")
    {
        verb("send", "Send a command to a device", [Device, Name, Payload], SendAsync),
    };

    private static async Task SendAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken)
    {
        var request = new SendCommandRequest { Name = parsed.GetRequiredValue(Name), Payload = ParsePayload(parsed.GetRequiredValue(Payload)) };
        var receipt = await fleet.SendCommandAsync(parsed.GetRequiredValue(Device), request, cancellationToken);
        output.One(receipt, ApiJson.Default.CommandReceipt,
            ("id", receipt.Id),
            ("delivered", Delivered(receipt)));
    }

    private static string Delivered(CommandReceipt receipt) => receipt switch
    {
        { Delivered: true } => "yes",
        { Queued: true } => "not yet, the device is away and gets it when it is back",
        _ => "no, the device is not there or does not listen",
    };

    private static JsonElement ParsePayload(string text)
    {
        try { return JsonElement.Parse(text); }
        catch (JsonException e) { throw new UsageException($"The payload is not JSON: {e.Message}"); }
    }
}
