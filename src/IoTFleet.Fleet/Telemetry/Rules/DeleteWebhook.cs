using IoTFleet.Fleet.Audit;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Telemetry.Rules;

public sealed record DeleteWebhookRequest(string Id);

public abstract record DeleteWebhookResult
{
    private DeleteWebhookResult() { }

    public sealed record Deleted : DeleteWebhookResult;
    public sealed record UnknownWebhook : DeleteWebhookResult;
    public sealed record Forbidden : DeleteWebhookResult;
}

/// <summary>It is told nothing more, also not what waits. Rules that name it go on without it.</summary>
public sealed class DeleteWebhook(IDbContextFactory<FleetDbContext> databases, AuditTrail audit)
{
    private const string Action = "webhook.delete";

    public async Task<DeleteWebhookResult> RunAsync(Actor actor, DeleteWebhookRequest request, CancellationToken ct)
    {
        if (!actor.May(Permission.ManageServices))
        {
            await audit.ForbiddenAsync(actor, Action, request.Id, ct);
            return new DeleteWebhookResult.Forbidden();
        }
        await using var db = await databases.CreateDbContextAsync(ct);
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        if (await db.Webhooks.Where(webhook => webhook.Id == request.Id).ExecuteDeleteAsync(ct) == 0) return new DeleteWebhookResult.UnknownWebhook();
        await db.AlertDeliveries.Where(delivery => delivery.WebhookId == request.Id).ExecuteDeleteAsync(ct);
        audit.Done(db, actor, Action, request.Id);
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        return new DeleteWebhookResult.Deleted();
    }
}
