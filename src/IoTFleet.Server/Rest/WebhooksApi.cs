using IoTFleet.Api;
using IoTFleet.Fleet.Telemetry.Rules;
using static IoTFleet.Server.Security.OperatorAuth;
using CreateWebhookRequest = IoTFleet.Api.CreateWebhookRequest;

namespace IoTFleet.Server.Rest;

internal static class WebhooksApi
{
    public static void MapWebhooks(this IEndpointRouteBuilder api)
    {
        api.MapGet("/webhooks", ListAsync);
        api.MapPost("/webhooks", CreateAsync);
        api.MapDelete("/webhooks/{id}", DeleteAsync);
        api.MapPost("/webhooks/{id}/rotate", RotateAsync);
        api.MapPost("/webhooks/{id}/retire", RetireAsync);
        api.MapPost("/webhooks/{id}/test", TestAsync);
        api.MapGet("/webhooks/deliveries", DeliveriesAsync);
        api.MapPost("/webhooks/deliveries/{id}/replay", ReplayAsync);
    }

    private static async Task<IResult> ListAsync(FindWebhooks find, HttpContext context, CancellationToken cancellationToken) =>
        await find.RunAsync(ActorOf(context), cancellationToken) switch
        {
            FindWebhooksResult.Found found => TypedResults.Json(
                new Page<WebhookDetails>
                {
                    Items = [.. found.Webhooks.Select(Details)],
                },
                ApiJson.Default.PageWebhookDetails),
            _ => Problems.Forbidden("see webhooks"),
        };

    private static async Task<IResult> CreateAsync(CreateWebhookRequest request, CreateWebhook create, HttpContext context, CancellationToken cancellationToken) =>
        await create.RunAsync(ActorOf(context), new Fleet.Telemetry.Rules.CreateWebhookRequest(request.Id, request.Url, request.Description), cancellationToken) switch
        {
            CreateWebhookResult.Created created => TypedResults.Json(WithSecret(created.Webhook, created.Secret), ApiJson.Default.CreatedWebhook, statusCode: StatusCodes.Status201Created),
            CreateWebhookResult.AlreadyKnown => Problems.Conflict(ProblemCodes.WebhookExists, $"There is a webhook {request.Id}; delete it, or choose another name."),
            CreateWebhookResult.Invalid invalid => Problems.Invalid(invalid.Problem),
            _ => Problems.Forbidden("create webhooks"),
        };

    private static async Task<IResult> DeleteAsync(string id, DeleteWebhook delete, HttpContext context, CancellationToken cancellationToken) =>
        await delete.RunAsync(ActorOf(context), new DeleteWebhookRequest(id), cancellationToken) switch
        {
            DeleteWebhookResult.Deleted => TypedResults.NoContent(),
            DeleteWebhookResult.UnknownWebhook => UnknownWebhook(id),
            _ => Problems.Forbidden("delete webhooks"),
        };

    private static async Task<IResult> RotateAsync(string id, RotateWebhookRequest request, RotateWebhookSecret rotate, HttpContext context, CancellationToken cancellationToken) =>
        await rotate.RunAsync(ActorOf(context), new RotateWebhookSecretRequest(id, TimeSpan.FromHours(request.KeepOldHours)), cancellationToken) switch
        {
            RotateWebhookSecretResult.Rotated rotated => TypedResults.Json(WithSecret(rotated.Webhook, rotated.Secret), ApiJson.Default.CreatedWebhook),
            RotateWebhookSecretResult.StillRotating rotating => Problems.Conflict(
                ProblemCodes.WebhookRotating, $"The secret before still signs, too, until {rotating.Until:u}; retire it first, or keep none (0 hours)."),
            RotateWebhookSecretResult.UnknownWebhook => UnknownWebhook(id),
            RotateWebhookSecretResult.Invalid invalid => Problems.Invalid(invalid.Problem),
            _ => Problems.Forbidden("rotate secrets of webhooks"),
        };

    private static async Task<IResult> RetireAsync(string id, RetireWebhookSecret retire, HttpContext context, CancellationToken cancellationToken) =>
        await retire.RunAsync(ActorOf(context), new RetireWebhookSecretRequest(id), cancellationToken) switch
        {
            RetireWebhookSecretResult.Retired retired => TypedResults.Json(Details(retired.Webhook), ApiJson.Default.WebhookDetails),
            RetireWebhookSecretResult.UnknownWebhook => UnknownWebhook(id),
            _ => Problems.Forbidden("retire secrets of webhooks"),
        };

    private static async Task<IResult> TestAsync(string id, TestWebhook test, HttpContext context, CancellationToken cancellationToken) =>
        await test.RunAsync(ActorOf(context), new TestWebhookRequest(id), cancellationToken) switch
        {
            TestWebhookResult.Called called => TypedResults.Json(
                new WebhookTest
                {
                    Delivered = called.Answer.Problem is null,
                    Status = called.Answer.Status,
                    Problem = called.Answer.Problem,
                    Milliseconds = Math.Round(called.Took.TotalMilliseconds, 1),
                    Delivery = called.Delivery.Id,
                    Body = called.Delivery.Body,
                },
                ApiJson.Default.WebhookTest),
            TestWebhookResult.UnknownWebhook => UnknownWebhook(id),
            _ => Problems.Forbidden("test webhooks"),
        };

    private static async Task<IResult> DeliveriesAsync(
        FindDeliveries find, HttpContext context, CancellationToken cancellationToken,
        string? webhook = null, string? state = null, string? alert = null, string? cursor = null, int limit = Page<DeliveryDetails>.DefaultLimit)
    {
        if (state is not null && Words.FindProblem<DeliveryState>(state, "state") is { } problem) return Problems.Invalid(problem);
        var request = new FindDeliveriesRequest(webhook, state is null ? null : Words.Parse<DeliveryState>(state), alert, cursor, limit);
        return await find.RunAsync(ActorOf(context), request, cancellationToken) switch
        {
            FindDeliveriesResult.Page page => TypedResults.Json(new Page<DeliveryDetails> { Items = [.. page.Deliveries.Select(Details)], Next = page.Next }, ApiJson.Default.PageDeliveryDetails),
            _ => Problems.Forbidden("see deliveries"),
        };
    }

    private static async Task<IResult> ReplayAsync(string id, ReplayDelivery replay, HttpContext context, CancellationToken cancellationToken) =>
        await replay.RunAsync(ActorOf(context), new ReplayDeliveryRequest(id), cancellationToken) switch
        {
            ReplayDeliveryResult.Done done => TypedResults.Json(Details(done.Delivery), ApiJson.Default.DeliveryDetails),
            ReplayDeliveryResult.UnknownDelivery => Problems.NotFound(ProblemCodes.DeliveryNotFound, $"There is no delivery {id}; those that are over are kept for 30 days."),
            _ => Problems.Forbidden("replay deliveries"),
        };

    private static IResult UnknownWebhook(string id) => Problems.NotFound(ProblemCodes.WebhookNotFound, $"There is no webhook {id}.");

    private static WebhookDetails Details(Webhook webhook) =>
        new() { Id = webhook.Id, Url = webhook.Url, Description = webhook.Description, CreatedAt = webhook.CreatedAt, OldSecretUntil = webhook.OldSecretUntil };

    private static CreatedWebhook WithSecret(Webhook webhook, Fleet.Secret secret) => new()
    {
        Id = webhook.Id,
        Url = webhook.Url,
        Description = webhook.Description,
        CreatedAt = webhook.CreatedAt,
        OldSecretUntil = webhook.OldSecretUntil,
        Secret = secret.Reveal(),
    };

    private static DeliveryDetails Details(AlertDelivery delivery) => new()
    {
        Id = delivery.Id,
        Webhook = delivery.WebhookId,
        AlertId = delivery.AlertId,
        Event = delivery.Event,
        State = Words.Of(delivery.State),
        Attempts = delivery.Attempts,
        CreatedAt = delivery.CreatedAt,
        NextAttemptAt = delivery.State == DeliveryState.Waiting ? delivery.NextAttemptAt : null,
        LastAttemptAt = delivery.LastAttemptAt,
        LastStatus = delivery.LastStatus,
        LastProblem = delivery.LastProblem,
        Body = delivery.Body,
    };
}
