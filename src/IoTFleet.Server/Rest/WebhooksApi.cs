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
        api.MapGet("/webhooks/deliveries", DeliveriesAsync);
        api.MapPost("/webhooks/deliveries/{id}/replay", ReplayAsync);
    }

    private static async Task<IResult> ListAsync(FindWebhooks find, HttpContext context, CancellationToken cancellationToken) =>
        await find.RunAsync(ActorOf(context), cancellationToken) switch
        {
            FindWebhooksResult.Found found => TypedResults.Json(
                new Page<WebhookDetails>
                {
                    Items = [.. found.Webhooks.Select(webhook => new WebhookDetails { Id = webhook.Id, Url = webhook.Url, Description = webhook.Description, CreatedAt = webhook.CreatedAt })],
                },
                ApiJson.Default.PageWebhookDetails),
            _ => Problems.Forbidden("see webhooks"),
        };

    private static async Task<IResult> CreateAsync(CreateWebhookRequest request, CreateWebhook create, HttpContext context, CancellationToken cancellationToken) =>
        await create.RunAsync(ActorOf(context), new Fleet.Telemetry.Rules.CreateWebhookRequest(request.Id, request.Url, request.Description), cancellationToken) switch
        {
            CreateWebhookResult.Created { Webhook: var webhook } created => TypedResults.Json(
                new CreatedWebhook { Id = webhook.Id, Url = webhook.Url, Description = webhook.Description, CreatedAt = webhook.CreatedAt, Secret = created.Secret.Reveal() },
                ApiJson.Default.CreatedWebhook, statusCode: StatusCodes.Status201Created),
            CreateWebhookResult.AlreadyKnown => Problems.Conflict(ProblemCodes.WebhookExists, $"There is a webhook {request.Id}; delete it, or choose another name."),
            CreateWebhookResult.Invalid invalid => Problems.Invalid(invalid.Problem),
            _ => Problems.Forbidden("create webhooks"),
        };

    private static async Task<IResult> DeleteAsync(string id, DeleteWebhook delete, HttpContext context, CancellationToken cancellationToken) =>
        await delete.RunAsync(ActorOf(context), new DeleteWebhookRequest(id), cancellationToken) switch
        {
            DeleteWebhookResult.Deleted => TypedResults.NoContent(),
            DeleteWebhookResult.UnknownWebhook => Problems.NotFound(ProblemCodes.WebhookNotFound, $"There is no webhook {id}."),
            _ => Problems.Forbidden("delete webhooks"),
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
