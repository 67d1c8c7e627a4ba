using IoTFleet.Fleet.Audit;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Telemetry.Rules;

/// <param name="Id">The webhook.</param>
public sealed record RetireWebhookSecretRequest(string Id);

public abstract record RetireWebhookSecretResult
{
    private RetireWebhookSecretResult() { }

    public sealed record Retired(Webhook Webhook) : RetireWebhookSecretResult;
    public sealed record UnknownWebhook : RetireWebhookSecretResult;
    public sealed record Forbidden : RetireWebhookSecretResult;
}

/// <summary>The receiver has the new secret: the old one signs no more. Doing it twice changes nothing.</summary>
public sealed class RetireWebhookSecret(IDbContextFactory<FleetDbContext> databases, AuditTrail audit)
{
    private const string Action = "webhook.retire";

    public async Task<RetireWebhookSecretResult> RunAsync(Actor actor, RetireWebhookSecretRequest request, CancellationToken ct)
    {
        if (!actor.May(Permission.ManageServices))
        {
            await audit.ForbiddenAsync(actor, Action, request.Id, ct);
            return new RetireWebhookSecretResult.Forbidden();
        }
        await using var db = await databases.CreateDbContextAsync(ct);
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        if (await db.Webhooks.SingleOrDefaultAsync(webhook => webhook.Id == request.Id, ct) is not { } webhook) return new RetireWebhookSecretResult.UnknownWebhook();
        if (webhook.OldProtectedSecret is null) return new RetireWebhookSecretResult.Retired(webhook);
        (webhook.OldProtectedSecret, webhook.OldSecretUntil) = (null, null);
        audit.Done(db, actor, Action, webhook.Id);
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        return new RetireWebhookSecretResult.Retired(webhook);
    }
}
