using IoTFleet.Fleet.Audit;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Telemetry.Rules;

/// <param name="Id">The webhook.</param>
/// <param name="KeepOld">For how long the old secret signs, too; zero when it has leaked.</param>
public sealed record RotateWebhookSecretRequest(string Id, TimeSpan KeepOld);

public abstract record RotateWebhookSecretResult
{
    private RotateWebhookSecretResult() { }

    /// <param name="Secret">The new one; this is the one time it can be shown.</param>
    public sealed record Rotated(Webhook Webhook, Secret Secret) : RotateWebhookSecretResult;

    /// <param name="Until">When the old secret of the last rotation goes by itself.</param>
    public sealed record StillRotating(DateTimeOffset Until) : RotateWebhookSecretResult;
    public sealed record UnknownWebhook : RotateWebhookSecretResult;
    public sealed record Invalid(string Problem) : RotateWebhookSecretResult;
    public sealed record Forbidden : RotateWebhookSecretResult;
}

/// <summary>A new secret. For a while requests are signed with both, so that the receiver can be changed in between without missing one.</summary>
public sealed class RotateWebhookSecret(IDbContextFactory<FleetDbContext> databases, AuditTrail audit, WebhookSecrets secrets, TimeProvider clock)
{
    public static readonly TimeSpan LongestKept = TimeSpan.FromDays(30);
    private const string Action = "webhook.rotate";

    public async Task<RotateWebhookSecretResult> RunAsync(Actor actor, RotateWebhookSecretRequest request, CancellationToken ct)
    {
        if (!actor.May(Permission.ManageServices))
        {
            await audit.ForbiddenAsync(actor, Action, request.Id, ct);
            return new RotateWebhookSecretResult.Forbidden();
        }
        if (request.KeepOld < TimeSpan.Zero || request.KeepOld > LongestKept) return new RotateWebhookSecretResult.Invalid($"The old secret is kept for 0 to {LongestKept.TotalHours} hours.");
        await using var db = await databases.CreateDbContextAsync(ct);
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        if (await db.Webhooks.SingleOrDefaultAsync(webhook => webhook.Id == request.Id, ct) is not { } webhook) return new RotateWebhookSecretResult.UnknownWebhook();
        // A third secret would push out one that the receiver may still need, unless it must go at once.
        if (request.KeepOld > TimeSpan.Zero && webhook.OldSecretUntil is { } until && until > clock.GetUtcNow()) return new RotateWebhookSecretResult.StillRotating(until);

        var secret = Change(webhook, request.KeepOld);
        audit.Done(db, actor, Action, webhook.Id, webhook.OldSecretUntil is { } kept ? $"old secret until {kept:u}" : "old secret gone");
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        return new RotateWebhookSecretResult.Rotated(webhook, secret);
    }

    private Secret Change(Webhook webhook, TimeSpan keepOld)
    {
        var (secret, keeps) = (WebhookSecrets.New(), keepOld > TimeSpan.Zero);
        (webhook.OldProtectedSecret, webhook.OldSecretUntil) = (keeps ? webhook.ProtectedSecret : null, keeps ? clock.GetUtcNow() + keepOld : null);
        webhook.ProtectedSecret = secrets.Protect(secret);
        return secret;
    }
}
