using System.Globalization;
using IoTFleet.Api;
using IoTFleet.Fleet;
using IoTFleet.Fleet.IssuanceLog;
using static IoTFleet.Server.Security.OperatorAuth;

namespace IoTFleet.Server.Rest;

/// <summary>The log of issued certificates, for whoever watches it.</summary>
internal static class LogApi
{
    public static void MapLog(this IEndpointRouteBuilder api)
    {
        api.MapGet("/log/checkpoint", CheckpointAsync);
        api.MapGet("/log/head", HeadAsync);
        api.MapGet("/log/proof", ProofAsync);
        api.MapGet("/log/consistency", ConsistencyAsync);
        api.MapGet("/log/leaves", LeavesAsync);
        api.MapGet("/log/verify", VerifyAsync);
    }

    /// <summary>As text, for the log's own kind of tools.</summary>
    private static Task<IResult> CheckpointAsync(IssuedLog log, HttpContext context, CancellationToken cancellationToken) =>
        AnswerAsync(context, async () => TypedResults.Text(await log.CheckpointAsync(cancellationToken)));

    private static Task<IResult> HeadAsync(IssuedLog log, HttpContext context, CancellationToken cancellationToken) =>
        AnswerAsync(context, async () => TypedResults.Ok(new LogHead { Checkpoint = await log.CheckpointAsync(cancellationToken), Key = log.Verifier.ToString() }));

    private static Task<IResult> ProofAsync(string serial, IssuedLog log, HttpContext context, CancellationToken cancellationToken) => AnswerAsync(context, async () =>
        await log.ProofForAsync(serial, cancellationToken) is { } proof
            ? TypedResults.Ok(new InclusionProof { Index = proof.Index, TreeSize = proof.TreeSize, Proof = Base64(proof.Proof), Checkpoint = proof.Checkpoint })
            : Problems.NotFound(ProblemCodes.NotInLog, $"No certificate {serial} is in the log."));

    private static Task<IResult> ConsistencyAsync(long from, IssuedLog log, HttpContext context, CancellationToken cancellationToken, long? to = null) => AnswerAsync(context, async () =>
        await log.ConsistencyAsync(from, to, cancellationToken) is { } proof
            ? TypedResults.Ok(new ConsistencyProof { From = proof.First, To = proof.Second, Proof = Base64(proof.Proof), Checkpoint = proof.Checkpoint })
            : Problems.Invalid("'from' is at least 0, 'to' not below it, and the log has that many entries."));

    private static async Task<IResult> LeavesAsync(
        FindLeaves find, HttpContext context, CancellationToken cancellationToken, long from = 0, int limit = Page<LogEntry>.DefaultLimit) =>
        await find.RunAsync(ActorOf(context), new FindLeavesRequest(from, limit), cancellationToken) switch
        {
            FindLeavesResult.Page page => TypedResults.Ok(new Page<LogEntry>
            {
                Items = [.. page.Leaves.Select(leaf => new LogEntry { Index = leaf.Index, Serial = leaf.Serial, Hash = Convert.ToBase64String(leaf.Hash), At = leaf.At })],
                Next = page.Next?.ToString(CultureInfo.InvariantCulture),
            }),
            _ => Forbidden(),
        };

    private static async Task<IResult> VerifyAsync(VerifyLog verify, HttpContext context, CancellationToken cancellationToken) =>
        await verify.RunAsync(ActorOf(context), cancellationToken) switch
        {
            VerifyLogResult.Done done => TypedResults.Ok(new LogVerification
            {
                Leaves = done.Leaves,
                Root = Convert.ToBase64String(done.Root),
                Checkpoints = done.Checkpoints,
                Problems = done.Problems,
            }),
            _ => Forbidden(),
        };

    private static async Task<IResult> AnswerAsync(HttpContext context, Func<Task<IResult>> answer)
    {
        if (!ActorOf(context).May(Permission.ReadFleet)) return Forbidden();
        try
        {
            return await answer();
        }
        catch (LogDamagedException damage)
        {
            return Problems.Of(StatusCodes.Status503ServiceUnavailable, ProblemCodes.LogDamaged, "Log damaged", damage.Message);
        }
    }

    private static IResult Forbidden() => Problems.Forbidden("read the log of issued certificates");

    private static string[] Base64(IReadOnlyList<byte[]> hashes) => [.. hashes.Select(Convert.ToBase64String)];
}
