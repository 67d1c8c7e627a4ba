using IoTFleet.Api;
using IoTFleet.Fleet.Enrolment;
using IoTFleet.Fleet.Enrolment.Approvals;
using static IoTFleet.Server.Security.OperatorAuth;

namespace IoTFleet.Server.Rest;

internal static class ApprovalsApi
{
    private const string All = "all";

    public static void MapApprovals(this IEndpointRouteBuilder api)
    {
        api.MapGet("/approvals", ListAsync);
        api.MapPost("/approvals/{id}/approve", (string id, DecideEnrolment decide, HttpContext context, CancellationToken ct) => DecideAsync(id, true, decide, context, ct));
        api.MapPost("/approvals/{id}/reject", (string id, DecideEnrolment decide, HttpContext context, CancellationToken ct) => DecideAsync(id, false, decide, context, ct));
    }

    private static async Task<IResult> ListAsync(FindPending find, HttpContext context, CancellationToken cancellationToken, string state = "waiting", string? group = null)
    {
        PendingState wanted = default;
        if (state != All && (!Enum.TryParse(state, ignoreCase: true, out wanted) || int.TryParse(state, out _)))
            return Problems.Invalid($"'{state}' is not a state; use waiting, approved, rejected or all.");
        return await find.RunAsync(ActorOf(context), new FindPendingRequest(state == All ? null : wanted, group), cancellationToken) switch
        {
            FindPendingResult.Found found => TypedResults.Ok(new Page<PendingRequest> { Items = [.. found.Requests.Select(Summary)] }),
            _ => Problems.Forbidden("see requests that wait for approval"),
        };
    }

    private static async Task<IResult> DecideAsync(string id, bool approve, DecideEnrolment decide, HttpContext context, CancellationToken cancellationToken) =>
        await decide.RunAsync(ActorOf(context), new DecideEnrolmentRequest(id, approve), cancellationToken) switch
        {
            DecideEnrolmentResult.Decided decided => TypedResults.Ok(Summary(decided.Request)),
            DecideEnrolmentResult.DecidedBefore before => Problems.Conflict(ProblemCodes.DecidedBefore, $"The request was {Word(before.Request.State)} by {before.Request.DecidedBy}."),
            DecideEnrolmentResult.Unknown => Problems.NotFound(ProblemCodes.ApprovalNotFound, $"No request {id} waits for approval."),
            _ => Problems.Forbidden("approve or reject devices"),
        };

    private static PendingRequest Summary(PendingEnrolment pending) => new()
    {
        Id = pending.Id,
        State = Word(pending.State),
        DeviceId = pending.DeviceId,
        Group = pending.GroupId,
        KeyFingerprint = pending.KeyFingerprint,
        Credential = pending.CredentialId,
        HardwareSerial = pending.HardwareSerial,
        Origin = pending.Origin,
        Evidence = pending.Evidence,
        AskedAt = pending.AskedAt,
        LastAskedAt = pending.LastAskedAt,
        DecidedBy = pending.DecidedBy,
    };

    private static string Word(PendingState state) => state.ToString().ToLowerInvariant();
}
