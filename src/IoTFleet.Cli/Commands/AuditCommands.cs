using System.CommandLine;
using System.Text.Json;
using IoTFleet.Api;

namespace IoTFleet.Cli.Commands;

/// <summary><c>iotfleet audit list|verify</c></summary>
internal static class AuditCommands
{
    private static readonly Option<string?> Subject = new("--subject") { Description = "Only entries about this device, token or key" };
    private static readonly Option<string?> Action = new("--action") { Description = "Only this action; device. for all that begin so" };
    private static readonly Option<string?> Outcome = new("--outcome") { Description = "Only with this outcome: done, or a refusal's code" };
    private static readonly Option<string?> Actor = new("--actor") { Description = "Only by this actor" };
    private static readonly Option<DateTimeOffset?> From = new("--from") { Description = "Not before this time" };
    private static readonly Option<DateTimeOffset?> To = new("--to") { Description = "Before this time" };
    private static readonly Option<int> Limit = new("--limit") { Description = "At most so many, the newest", DefaultValueFactory = _ => 100 };
    private static readonly Option<string?> Anchors = new("--anchors")
    {
        Description = "A file that keeps the chains' ends: what it holds from the last time must still be there; then it is written anew",
    };

    public static Command Create(VerbFactory verb) => new("audit", "What was done and what was refused, by whom")
    {
        verb("list", "List entries, newest first", [Subject, Action, Outcome, Actor, From, To, Limit], ListAsync),
        verb("verify", "Hash every entry anew and find what was changed, deleted or moved", [Anchors], VerifyAsync),
    };

    private static async Task ListAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken)
    {
        var query = new AuditQuery
        {
            Subject = parsed.GetValue(Subject),
            Action = parsed.GetValue(Action),
            Outcome = parsed.GetValue(Outcome),
            Actor = parsed.GetValue(Actor),
            From = parsed.GetValue(From),
            To = parsed.GetValue(To),
        };
        var page = await fleet.GetAuditPageAsync(query, null, parsed.GetValue(Limit), cancellationToken);
        output.Many(page.Items, ApiJson.Default.AuditRecord,
            ("AT", entry => Output.Time(entry.At)),
            ("ACTOR", entry => entry.Actor),
            ("ACTION", entry => entry.Action),
            ("SUBJECT", entry => entry.Subject),
            ("OUTCOME", entry => entry.Outcome),
            ("DETAIL", entry => entry.Detail));
    }

    private static async Task VerifyAsync(ParseResult parsed, FleetClient fleet, Output output, CancellationToken cancellationToken)
    {
        var file = parsed.GetValue(Anchors);
        var result = await fleet.VerifyAuditAsync(Read(file), cancellationToken);
        output.One(result, ApiJson.Default.AuditVerification,
            ("entries", $"{result.Entries}"),
            ("older, unprotected", result.Older == 0 ? null : $"{result.Older}"),
            ("chains", string.Join(", ", result.Heads.Select(head => $"{head.Chain} up to {head.Sequence}"))),
            ("problems", $"{result.Problems.Count}"));
        if (result.Problems.Count > 0) throw new UnsoundException("The audit is not sound. " + string.Join(' ', result.Problems));
        if (file is not null) await File.WriteAllLinesAsync(file, result.Heads.Select(head => JsonSerializer.Serialize(head, ApiJson.Default.AuditAnchor)), cancellationToken);
    }

    private static List<AuditAnchor> Read(string? file)
    {
        if (file is null || !File.Exists(file)) return [];
        try
        {
            return [.. File.ReadLines(file).Where(line => line.Length > 0).Select(line => JsonSerializer.Deserialize(line, ApiJson.Default.AuditAnchor)!)];
        }
        catch (JsonException)
        {
            throw new UsageException($"{file} is not a file that 'audit verify --anchors' has written.");
        }
    }
}
