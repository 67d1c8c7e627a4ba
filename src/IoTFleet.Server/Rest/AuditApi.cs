using System.Globalization;
using IoTFleet.Api;
using IoTFleet.Fleet.Audit;
using static IoTFleet.Server.Security.OperatorAuth;

namespace IoTFleet.Server.Rest;

internal static class AuditApi
{
    public static void MapAudit(this IEndpointRouteBuilder api)
    {
        api.MapGet("/audit", ListAsync);
        api.MapGet("/audit/verify", VerifyAsync);
    }

    private static async Task<IResult> ListAsync(
        FindAudit find, HttpContext context, CancellationToken cancellationToken, string? subject = null, string? action = null, string? outcome = null,
        string? actor = null, DateTimeOffset? from = null, DateTimeOffset? to = null, long? cursor = null, int limit = Page<AuditRecord>.DefaultLimit)
    {
        var request = new FindAuditRequest(subject, action, outcome, actor, from, to, cursor, limit);
        return await find.RunAsync(ActorOf(context), request, cancellationToken) switch
        {
            FindAuditResult.Page page => TypedResults.Ok(new Page<AuditRecord>
            {
                Items = [.. page.Entries.Select(Record)],
                Next = page.Next?.ToString(CultureInfo.InvariantCulture),
            }),
            _ => Problems.Forbidden("read the audit"),
        };
    }

    private static async Task<IResult> VerifyAsync(VerifyAudit verify, HttpContext context, CancellationToken cancellationToken, string[]? anchor = null)
    {
        var anchors = (anchor ?? []).Select(Anchor).ToList();
        if (anchors.Contains(null)) return Problems.Invalid("An anchor is chain:sequence:hash, as 'heads' of an earlier verification gave it.");
        return await verify.RunAsync(ActorOf(context), new VerifyAuditRequest(anchors!), cancellationToken) switch
        {
            VerifyAuditResult.Done done => TypedResults.Ok(new AuditVerification
            {
                Entries = done.Entries,
                Older = done.Older,
                Heads = [.. done.Heads.Select(head => new AuditAnchor { Chain = head.Chain, Sequence = head.Sequence, Hash = head.Hash })],
                Problems = done.Problems,
            }),
            _ => Problems.Forbidden("verify the audit"),
        };
    }

    private static ChainAnchor? Anchor(string text) =>
        text.Split(':') is [var chain, var digits, { Length: 64 } hash] && long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var sequence)
            ? new ChainAnchor(chain, sequence, hash)
            : null;

    private static AuditRecord Record(AuditEntry entry) => new()
    {
        Id = entry.Id,
        At = entry.At,
        ActorKind = entry.ActorKind.ToString(),
        Actor = entry.ActorName,
        Action = entry.Action,
        Subject = entry.Subject,
        Outcome = entry.Outcome,
        Detail = entry.Detail,
        Chain = entry.Chain,
        Sequence = entry.Sequence,
        Hash = entry.Hash,
    };
}
