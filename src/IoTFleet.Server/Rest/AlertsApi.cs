using IoTFleet.Api;
using IoTFleet.Fleet.Telemetry.Rules;
using static IoTFleet.Server.Security.OperatorAuth;

namespace IoTFleet.Server.Rest;

internal static class AlertsApi
{
    public static void MapAlerts(this IEndpointRouteBuilder api)
    {
        api.MapGet("/alerts", ListAsync);
        api.MapGet("/alerts/{id}", GetAsync);
        api.MapPost("/alerts/{id}/acknowledge", AcknowledgeAsync);
        api.MapPost("/alerts/{id}/close", CloseAsync);
    }

    private static async Task<IResult> ListAsync(
        FindAlerts find, HttpContext context, CancellationToken cancellationToken,
        string? state = null, string? rule = null, string? device = null, string? cursor = null, int limit = Page<AlertDetails>.DefaultLimit)
    {
        if (state is not null && Words.FindProblem<AlertState>(state, "state") is { } problem) return Problems.Invalid(problem);
        var request = new FindAlertsRequest(state is null ? null : Words.Parse<AlertState>(state), rule, device, cursor, limit);
        return await find.RunAsync(ActorOf(context), request, cancellationToken) switch
        {
            FindAlertsResult.Page page => TypedResults.Json(new Page<AlertDetails> { Items = [.. page.Alerts.Select(Details)], Next = page.Next }, ApiJson.Default.PageAlertDetails),
            _ => Problems.Forbidden("see alerts"),
        };
    }

    private static async Task<IResult> GetAsync(string id, FindAlerts find, HttpContext context, CancellationToken cancellationToken) =>
        await find.OneAsync(ActorOf(context), id, cancellationToken) switch
        {
            FindAlertsResult.One one => TypedResults.Json(Details(one.Alert), ApiJson.Default.AlertDetails),
            FindAlertsResult.Unknown => Unknown(id),
            _ => Problems.Forbidden("see alerts"),
        };

    private static async Task<IResult> AcknowledgeAsync(string id, AlertNote note, AcknowledgeAlert acknowledge, HttpContext context, CancellationToken cancellationToken) =>
        await acknowledge.RunAsync(ActorOf(context), new AcknowledgeAlertRequest(id, note.Note), cancellationToken) switch
        {
            AcknowledgeAlertResult.Done done => TypedResults.Json(Details(done.Alert), ApiJson.Default.AlertDetails),
            AcknowledgeAlertResult.UnknownAlert => Unknown(id),
            AcknowledgeAlertResult.IsClosed => Problems.Conflict(ProblemCodes.AlertClosed, $"Alert {id} is closed."),
            AcknowledgeAlertResult.Invalid invalid => Problems.Invalid(invalid.Problem),
            _ => Problems.Forbidden("acknowledge alerts"),
        };

    private static async Task<IResult> CloseAsync(string id, AlertNote note, CloseAlert close, HttpContext context, CancellationToken cancellationToken) =>
        await close.RunAsync(ActorOf(context), new CloseAlertRequest(id, note.Note), cancellationToken) switch
        {
            CloseAlertResult.Done done => TypedResults.Json(Details(done.Alert), ApiJson.Default.AlertDetails),
            CloseAlertResult.UnknownAlert => Unknown(id),
            CloseAlertResult.Invalid invalid => Problems.Invalid(invalid.Problem),
            _ => Problems.Forbidden("close alerts"),
        };

    private static IResult Unknown(string id) => Problems.NotFound(ProblemCodes.AlertNotFound, $"There is no alert {id}; closed ones are kept for a year.");

    private static AlertDetails Details(Alert alert) => new()
    {
        Id = alert.Id,
        Version = alert.Version,
        State = Words.Of(alert.State),
        Rule = alert.RuleId,
        Kind = Words.Of(alert.Kind),
        Severity = Words.Of(alert.Severity),
        DeviceId = alert.DeviceId,
        Group = alert.GroupId,
        Since = alert.Since,
        OpenedAt = alert.OpenedAt,
        Value = alert.Value,
        Detail = alert.Detail,
        AcknowledgedAt = alert.AcknowledgedAt,
        AcknowledgedBy = alert.AcknowledgedBy,
        Note = alert.Note,
        ClosedAt = alert.ClosedAt,
        ClosedBy = alert.ClosedBy,
        CloseReason = alert.CloseReason,
    };
}
