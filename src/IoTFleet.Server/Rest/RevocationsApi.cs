using IoTFleet.Api;
using IoTFleet.Fleet.Authorities;
using IoTFleet.Fleet.Certificates;
using IoTFleet.Pki;
using IoTFleet.Server.Mqtt;
using static IoTFleet.Server.Security.OperatorAuth;
using ChangeBatchRequest = IoTFleet.Api.ChangeBatchRequest;
using RevokeAuthorityRequest = IoTFleet.Api.RevokeAuthorityRequest;

namespace IoTFleet.Server.Rest;

/// <summary>Revoking more than one thing at once.</summary>
internal static class RevocationsApi
{
    public static void MapRevocations(this IEndpointRouteBuilder api)
    {
        api.MapPost("/revocations", RunAsync);
        api.MapGet("/revocations", WaitingAsync);
        api.MapPost("/revocations/{id}/confirm", ConfirmAsync);
        api.MapDelete("/revocations/{id}", CancelAsync);
        api.MapPost("/claims/{batch}/revoke", (string batch, HttpContext context, ChangeBatch change, RevokeMany many, NodeReports nodes, CancellationToken ct, ChangeBatchRequest? request) =>
            BatchAsync(batch, BatchChange.Revoke, ManyAction.Revoke, request, context, change, many, nodes, ct));
        api.MapPost("/claims/{batch}/suspend", (string batch, HttpContext context, ChangeBatch change, RevokeMany many, NodeReports nodes, CancellationToken ct, ChangeBatchRequest? request) =>
            BatchAsync(batch, BatchChange.Suspend, ManyAction.Suspend, request, context, change, many, nodes, ct));
        api.MapPost("/claims/{batch}/resume", (string batch, HttpContext context, ChangeBatch change, RevokeMany many, NodeReports nodes, CancellationToken ct, ChangeBatchRequest? request) =>
            BatchAsync(batch, BatchChange.Resume, ManyAction.Resume, request, context, change, many, nodes, ct));
        api.MapPost("/authorities/{id}/revoke", RevokeAuthorityAsync);
    }

    private static async Task<IResult> RunAsync(RevocationRequest request, RevokeMany many, NodeReports nodes, HttpContext context, CancellationToken cancellationToken)
    {
        if (!Enum.TryParse<ManyAction>(request.Action, ignoreCase: true, out var action) || int.TryParse(request.Action, out _)) return Problems.Invalid($"'{request.Action}' is not an action; use revoke, suspend or resume.");
        if (!DevicesApi.TryReadReason(request.Reason, out var reason)) return DevicesApi.NoReason(request.Reason!);
        var target = new RevocationTarget
        {
            Group = request.Group,
            Batch = request.Batch,
            Ids = request.Ids,
            Tag = request.Tag,
            IssuedFrom = request.IssuedFrom,
            IssuedTo = request.IssuedTo,
            Authority = request.Authority,
        };
        var asked = new RevokeManyRequest(action, target, reason, request.DryRun, request.Confirm, request.SuspendFirst);
        return await AnswerAsync(await many.RunAsync(ActorOf(context), asked, cancellationToken), nodes, cancellationToken);
    }

    private static async Task<IResult> AnswerAsync(RevokeManyResult result, NodeReports nodes, CancellationToken cancellationToken) => result switch
    {
        RevokeManyResult.Counted counted => TypedResults.Ok(new RevocationReport { State = "counted", Count = counted.Count, Sample = counted.Sample }),
        RevokeManyResult.Done done => TypedResults.Ok(new RevocationReport
        {
            State = "done",
            Count = done.Devices,
            Certificates = done.Certificates,
            Effective = await nodes.WaitAsync(cancellationToken),
        }),
        RevokeManyResult.AwaitingSecondOperator waiting => TypedResults.Accepted($"/api/v1/revocations/{waiting.Order.Id}", Report(waiting.Order)),
        RevokeManyResult.CountMismatch mismatch => WrongCount(mismatch.Count, mismatch.Given, "devices"),
        RevokeManyResult.Invalid invalid => Problems.Invalid(invalid.Problem),
        _ => Problems.Forbidden("revoke devices"),
    };

    private static async Task<IResult> WaitingAsync(ConfirmRevocation confirm, HttpContext context, CancellationToken cancellationToken) =>
        await confirm.WaitingAsync(ActorOf(context), cancellationToken) is { } orders
            ? TypedResults.Ok(new Page<RevocationReport> { Items = [.. orders.Select(Report)] })
            : Problems.Forbidden("see revocations");

    private static async Task<IResult> ConfirmAsync(
        string id, ConfirmRevocation confirm, NodeReports nodes, HttpContext context, CancellationToken cancellationToken, ConfirmRevocationRequest? request = null) =>
        await AnswerAsync(await confirm.RunAsync(ActorOf(context), id, request?.Confirm, cancellationToken), id, nodes, cancellationToken);

    private static async Task<IResult> CancelAsync(string id, ConfirmRevocation confirm, NodeReports nodes, HttpContext context, CancellationToken cancellationToken) =>
        await AnswerAsync(await confirm.CancelAsync(ActorOf(context), id, cancellationToken), id, nodes, cancellationToken);

    private static async Task<IResult> AnswerAsync(ConfirmRevocationResult result, string id, NodeReports nodes, CancellationToken cancellationToken) => result switch
    {
        ConfirmRevocationResult.Done done => TypedResults.Ok(new RevocationReport
        {
            State = "done",
            Count = done.Devices,
            Certificates = done.Certificates,
            Effective = await nodes.WaitAsync(cancellationToken),
        }),
        ConfirmRevocationResult.Cancelled cancelled => TypedResults.Ok(new RevocationReport
        {
            State = "cancelled",
            Count = cancelled.Resumed,
            Effective = await nodes.WaitAsync(cancellationToken),
        }),
        ConfirmRevocationResult.SameOperator => Problems.Conflict(ProblemCodes.SecondOperatorRequired, $"You asked for {id} yourself; another operator, with a key of another name, has to confirm it."),
        ConfirmRevocationResult.CountMismatch mismatch => WrongCount(mismatch.Count, mismatch.Given, "devices"),
        ConfirmRevocationResult.NotWaiting or ConfirmRevocationResult.UnknownOrder => Problems.NotFound(ProblemCodes.OrderNotFound, $"Nothing of the id {id} waits for a second operator."),
        _ => Problems.Forbidden("confirm revocations"),
    };

    private static async Task<IResult> BatchAsync(
        string batch, BatchChange change, ManyAction action, ChangeBatchRequest? request, HttpContext context, ChangeBatch claims, RevokeMany many, NodeReports nodes, CancellationToken ct)
    {
        if (!DevicesApi.TryReadReason(request?.Reason, out var reason)) return DevicesApi.NoReason(request!.Reason!);
        var actor = ActorOf(context);
        var devices = new RevokeManyRequest(action, new RevocationTarget { Batch = batch }, reason, request?.DryRun ?? false, request?.Confirm);
        if (request?.DryRun == true) return await AnswerAsync(await many.RunAsync(actor, devices, ct), nodes, ct);

        // The devices first: if their number is wrong, nothing is done.
        var ofDevices = request?.WithDevices == true ? await many.RunAsync(actor, devices, ct) : null;
        if (ofDevices is not (null or RevokeManyResult.Done or RevokeManyResult.AwaitingSecondOperator)) return await AnswerAsync(ofDevices, nodes, ct);
        return await claims.RunAsync(actor, new Fleet.Certificates.ChangeBatchRequest(batch, change, reason), ct) switch
        {
            ChangeBatchResult.UnknownBatch => Problems.NotFound(ProblemCodes.BatchNotFound, $"There is no claim batch {batch}."),
            ChangeBatchResult.AlreadyRevoked => Problems.Conflict(ProblemCodes.BatchRevoked, $"Batch {batch} is revoked, which cannot be undone."),
            ChangeBatchResult.Done done when ofDevices is null => TypedResults.Ok(new RevocationReport
            {
                State = "done",
                Count = 0,
                Certificates = done.Certificates,
                Effective = await nodes.WaitAsync(ct),
            }),
            ChangeBatchResult.Done => await AnswerAsync(ofDevices!, nodes, ct),
            _ => Problems.Forbidden("change claim batches"),
        };
    }

    private static async Task<IResult> RevokeAuthorityAsync(
        string id, RevokeAuthority revoke, AuthorityDirectory authorities, NodeReports nodes, HttpContext context, CancellationToken cancellationToken, RevokeAuthorityRequest? request = null)
    {
        var reason = RevocationReason.CaCompromise;
        if (request?.Reason is { } text && !DevicesApi.TryReadReason(text, out reason)) return DevicesApi.NoReason(text);
        var result = await revoke.RunAsync(ActorOf(context), new Fleet.Certificates.RevokeAuthorityRequest(id, reason, request?.Confirm, request?.DryRun ?? false), cancellationToken);
        if (result is RevokeAuthorityResult.Revoked) await authorities.ReloadAsync(cancellationToken);
        return result switch
        {
            RevokeAuthorityResult.Revoked done => TypedResults.Ok(new RevocationReport
            {
                State = "done",
                Count = done.Certificates,
                Certificates = done.Certificates,
                Effective = await nodes.WaitAsync(cancellationToken),
            }),
            RevokeAuthorityResult.Counted counted => TypedResults.Ok(new RevocationReport { State = "counted", Count = counted.Certificates }),
            RevokeAuthorityResult.CountMismatch mismatch => WrongCount(mismatch.Certificates, mismatch.Given, "certificates"),
            RevokeAuthorityResult.AlreadyRevoked => Problems.Conflict(ProblemCodes.AuthorityRevoked, $"Authority {id} is revoked already."),
            RevokeAuthorityResult.IsRoot => Problems.Invalid("A root cannot be revoked: nothing above it could say so. Revoke its authorities, or start a new root."),
            RevokeAuthorityResult.UnknownAuthority => Problems.NotFound(ProblemCodes.AuthorityNotFound, $"There is no authority {id}."),
            _ => Problems.Forbidden("revoke authorities"),
        };
    }

    internal static IResult WrongCount(int count, int? given, string what) => Problems.Conflict(
        ProblemCodes.CountMismatch, $"It concerns {count} {what}{(given is { } said ? $", not {said}" : "")}; nothing was changed. Look at a dry run and confirm that number.");

    private static RevocationReport Report(RevocationOrder order) => new()
    {
        State = "awaiting-second-operator",
        Count = order.Count,
        OrderId = order.Id,
        RequestedBy = order.RequestedBy,
        RequestedAt = order.RequestedAt,
    };
}
