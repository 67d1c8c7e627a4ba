using System.Diagnostics.CodeAnalysis;
using IoTFleet.Api;
using IoTFleet.Fleet.Telemetry.Rules;
using static IoTFleet.Server.Security.OperatorAuth;
using ApiSettings = IoTFleet.Api.RuleSettings;
using CreateRuleRequest = IoTFleet.Api.CreateRuleRequest;
using RuleSettings = IoTFleet.Fleet.Telemetry.Rules.RuleSettings;

namespace IoTFleet.Server.Rest;

internal static class RulesApi
{
    public static void MapRules(this IEndpointRouteBuilder api)
    {
        api.MapGet("/rules", ListAsync);
        api.MapPost("/rules", CreateAsync);
        api.MapGet("/rules/{id}", GetAsync);
        api.MapPut("/rules/{id}", ChangeAsync);
        api.MapDelete("/rules/{id}", DeleteAsync);
    }

    private static async Task<IResult> ListAsync(FindRules find, HttpContext context, CancellationToken cancellationToken) =>
        await find.RunAsync(ActorOf(context), new FindRulesRequest(), cancellationToken) switch
        {
            FindRulesResult.Found found => TypedResults.Json(new Page<RuleDetails> { Items = [.. found.Rules.Select(Details)] }, ApiJson.Default.PageRuleDetails),
            _ => Problems.Forbidden("see rules"),
        };

    private static async Task<IResult> GetAsync(string id, FindRules find, HttpContext context, CancellationToken cancellationToken) =>
        await find.RunAsync(ActorOf(context), new FindRulesRequest(id), cancellationToken) switch
        {
            FindRulesResult.Found { Rules: [var rule] } => TypedResults.Json(Details(rule), ApiJson.Default.RuleDetails),
            FindRulesResult.Found => Unknown(id),
            _ => Problems.Forbidden("see rules"),
        };

    private static async Task<IResult> CreateAsync(CreateRuleRequest request, CreateRule create, HttpContext context, CancellationToken cancellationToken)
    {
        if (!TryRead(request, out var settings, out var problem)) return Problems.Invalid(problem);
        return await create.RunAsync(ActorOf(context), new Fleet.Telemetry.Rules.CreateRuleRequest(request.Id, settings), cancellationToken) switch
        {
            CreateRuleResult.Created created => TypedResults.Created($"/api/v1/rules/{created.Rule.Id}", Details(created.Rule)),
            CreateRuleResult.AlreadyKnown => Problems.Conflict(ProblemCodes.RuleExists, $"There is a rule {request.Id}; change it, or choose another name."),
            CreateRuleResult.Invalid invalid => Problems.Invalid(invalid.Problem),
            _ => Problems.Forbidden("create rules"),
        };
    }

    private static async Task<IResult> ChangeAsync(string id, ApiSettings request, ChangeRule change, HttpContext context, CancellationToken cancellationToken)
    {
        if (!TryRead(request, out var settings, out var problem)) return Problems.Invalid(problem);
        return await change.RunAsync(ActorOf(context), new ChangeRuleRequest(id, settings), cancellationToken) switch
        {
            ChangeRuleResult.Changed changed => TypedResults.Json(Details(changed.Rule), ApiJson.Default.RuleDetails),
            ChangeRuleResult.UnknownRule => Unknown(id),
            ChangeRuleResult.Invalid invalid => Problems.Invalid(invalid.Problem),
            _ => Problems.Forbidden("change rules"),
        };
    }

    private static async Task<IResult> DeleteAsync(string id, DeleteRule delete, HttpContext context, CancellationToken cancellationToken) =>
        await delete.RunAsync(ActorOf(context), new DeleteRuleRequest(id), cancellationToken) switch
        {
            DeleteRuleResult.Deleted => TypedResults.NoContent(),
            DeleteRuleResult.UnknownRule => Unknown(id),
            _ => Problems.Forbidden("delete rules"),
        };

    private static IResult Unknown(string id) => Problems.NotFound(ProblemCodes.RuleNotFound, $"There is no rule {id}.");

    private static bool TryRead(ApiSettings request, [NotNullWhen(true)] out RuleSettings? settings, [NotNullWhen(false)] out string? problem)
    {
        settings = null;
        problem = Words.FindProblem<RuleKind>(request.Kind, "kind") ?? Words.FindProblem<AlertSeverity>(request.Severity, "severity") ?? Words.FindProblem<RuleDirection>(request.Direction, "direction");
        if (problem is not null) return false;
        settings = new RuleSettings
        {
            Description = request.Description,
            Kind = Words.Parse<RuleKind>(request.Kind),
            Severity = Words.Parse<AlertSeverity>(request.Severity),
            Enabled = request.Enabled,
            GroupId = request.Group,
            DeviceIds = request.Devices,
            Stream = request.Stream,
            Metric = request.Metric,
            Direction = Words.Parse<RuleDirection>(request.Direction),
            Limit = request.Limit,
            ClearLimit = request.ClearLimit,
            ForSeconds = request.ForSeconds,
            OverSeconds = request.OverSeconds,
            WebhookIds = request.Webhooks,
            Mqtt = request.Mqtt,
        };
        return true;
    }

    private static RuleDetails Details(Rule rule) => new()
    {
        Id = rule.Id,
        CreatedAt = rule.CreatedAt,
        ChangedAt = rule.ChangedAt,
        Description = rule.Description,
        Kind = Words.Of(rule.Kind),
        Severity = Words.Of(rule.Severity),
        Enabled = rule.Enabled,
        Group = rule.GroupId,
        Devices = rule.DeviceIds,
        Stream = rule.Stream,
        Metric = rule.Metric,
        Direction = Words.Of(rule.Direction),
        Limit = rule.Limit,
        ClearLimit = rule.ClearLimit,
        ForSeconds = rule.ForSeconds,
        OverSeconds = rule.OverSeconds,
        Webhooks = rule.WebhookIds,
        Mqtt = rule.Mqtt,
    };
}

/// <summary>Enumerations as REST says them: in lower case.</summary>
internal static class Words
{
    internal static string Of<T>(T value)
        where T : struct, Enum => value.ToString().ToLowerInvariant();

    internal static T Parse<T>(string word)
        where T : struct, Enum => Enum.GetValues<T>().First(value => Of(value) == word);

    internal static string? FindProblem<T>(string? word, string what)
        where T : struct, Enum =>
        Enum.GetValues<T>().Any(value => Of(value) == word) ? null : $"'{word}' is no {what}; there is {string.Join(", ", Enum.GetValues<T>().Select(Of))}.";
}
