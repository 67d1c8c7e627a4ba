using IoTFleet.Fleet.Audit;
using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Telemetry.Rules;

/// <param name="Id">Its name.</param>
/// <param name="Url">Where to.</param>
public sealed record CreateWebhookRequest(string Id, string Url, string? Description = null);

public abstract record CreateWebhookResult
{
    private CreateWebhookResult() { }

    /// <param name="Secret">What its requests are signed with; this is the one time it can be shown.</param>
    public sealed record Created(Webhook Webhook, Secret Secret) : CreateWebhookResult;
    public sealed record AlreadyKnown : CreateWebhookResult;
    public sealed record Invalid(string Problem) : CreateWebhookResult;
    public sealed record Forbidden : CreateWebhookResult;
}

/// <summary>An address that rules may tell of their alerts. It asks for an administrator: the server will call wherever it says.</summary>
public sealed class CreateWebhook(IDbContextFactory<FleetDbContext> databases, AuditTrail audit, WebhookSecrets secrets, TimeProvider clock)
{
    private const string Action = "webhook.create";
    private const int MaxText = 200;

    public async Task<CreateWebhookResult> RunAsync(Actor actor, CreateWebhookRequest request, CancellationToken ct)
    {
        if (!actor.May(Permission.ManageServices))
        {
            await audit.ForbiddenAsync(actor, Action, request.Id, ct);
            return new CreateWebhookResult.Forbidden();
        }
        return FindProblem(request) is { } problem ? new CreateWebhookResult.Invalid(problem) : await AddAsync(actor, request, ct);
    }

    private static string? FindProblem(CreateWebhookRequest request)
    {
        if (!DeviceName.IsValid(request.Id)) return $"A webhook's name is {DeviceName.Rule}.";
        if (request.Description is { Length: > MaxText }) return $"A description has at most {MaxText} characters.";
        if (request.Url.Length > Webhook.MaxUrl) return $"An address has at most {Webhook.MaxUrl} characters.";
        if (!Uri.TryCreate(request.Url, UriKind.Absolute, out var url) || url.Scheme is not ("https" or "http") || url.Fragment.Length > 0) return "An address begins with https://.";
        return url.UserInfo.Length > 0 ? "An address holds no password: it would be shown and logged. The signature says who calls." : null;
    }

    private async Task<CreateWebhookResult> AddAsync(Actor actor, CreateWebhookRequest request, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        if (await db.Webhooks.AnyAsync(webhook => webhook.Id == request.Id, ct)) return new CreateWebhookResult.AlreadyKnown();
        if (await db.Webhooks.CountAsync(ct) >= RuleLimits.MaxWebhooks) return new CreateWebhookResult.Invalid($"There are {RuleLimits.MaxWebhooks} webhooks, the most there can be.");

        var secret = WebhookSecrets.New();
        var webhook = new Webhook { Id = request.Id, Url = request.Url, Description = request.Description, ProtectedSecret = secrets.Protect(secret), CreatedAt = clock.GetUtcNow() };
        db.Webhooks.Add(webhook);
        audit.Done(db, actor, Action, webhook.Id, new Uri(webhook.Url).GetLeftPart(UriPartial.Authority));
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        return new CreateWebhookResult.Created(webhook, secret);
    }
}
