using System.Globalization;
using IoTFleet.Api;
using IoTFleet.Fleet.Refusals;
using IoTFleet.Fleet.Telemetry.Quarantine;
using static IoTFleet.Server.Security.OperatorAuth;

namespace IoTFleet.Server.Rest;

/// <summary>Telemetry that could not be read.</summary>
internal static class QuarantineApi
{
    public static void MapQuarantine(this IEndpointRouteBuilder api)
    {
        api.MapGet("/telemetry/quarantine", ListAsync);
        api.MapGet("/telemetry/quarantine/{id:long}", OneAsync);
        api.MapDelete("/telemetry/quarantine", DeleteAsync);
    }

    private static async Task<IResult> ListAsync(
        FindQuarantined find, HttpContext context, CancellationToken cancellationToken,
        string? device = null, string? code = null, long? cursor = null, int limit = Page<QuarantinedMessage>.DefaultLimit) =>
        await find.RunAsync(ActorOf(context), new FindQuarantinedRequest(device, code, cursor, limit), cancellationToken) switch
        {
            FindQuarantinedResult.Page page => TypedResults.Json(
                new Page<QuarantinedMessage> { Items = [.. page.Payloads.Select(payload => Shown(payload, null))], Next = page.Next?.ToString(CultureInfo.InvariantCulture) },
                ApiJson.Default.PageQuarantinedMessage),
            _ => Problems.Forbidden("read telemetry"),
        };

    private static async Task<IResult> OneAsync(long id, FindQuarantined find, HttpContext context, CancellationToken cancellationToken) =>
        await find.RunAsync(ActorOf(context), id, cancellationToken) switch
        {
            FindQuarantinedResult.One one => TypedResults.Json(Shown(one.Payload, one.Payload.Body), ApiJson.Default.QuarantinedMessage),
            FindQuarantinedResult.Unknown => Problems.NotFound(ProblemCodes.QuarantinedNotFound, $"Number {id} is not in the quarantine; it may have given way to newer ones."),
            _ => Problems.Forbidden("read telemetry"),
        };

    private static async Task<IResult> DeleteAsync(
        DeleteQuarantined delete, HttpContext context, CancellationToken cancellationToken, long? id = null, string? device = null, string? code = null) =>
        await delete.RunAsync(ActorOf(context), new DeleteQuarantinedRequest(id, device, code), cancellationToken) switch
        {
            DeleteQuarantinedResult.Deleted deleted => TypedResults.Json(new QuarantineDeletion { Deleted = deleted.Payloads }, ApiJson.Default.QuarantineDeletion),
            _ => Problems.Forbidden("delete from the quarantine"),
        };

    private static QuarantinedMessage Shown(QuarantinedPayload payload, byte[]? body) => new()
    {
        Id = payload.Id,
        DeviceId = payload.DeviceId,
        Topic = payload.Topic,
        ReceivedAt = payload.ReceivedAt,
        Code = payload.Code,
        Detail = payload.Detail,
        WhatToDo = ReasonCodes.Find(payload.Code)?.WhatToDo,
        ContentType = payload.ContentType,
        Length = payload.Length,
        Body = body,
    };
}
