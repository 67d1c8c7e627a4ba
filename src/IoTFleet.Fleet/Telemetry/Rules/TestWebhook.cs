using System.Globalization;
using IoTFleet.Fleet.Audit;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Telemetry.Rules;

/// <param name="Id">The webhook.</param>
public sealed record TestWebhookRequest(string Id);

public abstract record TestWebhookResult
{
    private TestWebhookResult() { }

    /// <param name="Delivery">What was sent.</param>
    /// <param name="Answer">How it went.</param>
    /// <param name="Took">From the call to the answer.</param>
    public sealed record Called(AlertDelivery Delivery, WebhookAnswer Answer, TimeSpan Took) : TestWebhookResult;
    public sealed record UnknownWebhook : TestWebhookResult;
    public sealed record Forbidden : TestWebhookResult;
}

/// <param name="Status">What the receiver said; null when it said nothing.</param>
/// <param name="Problem">Why it is not delivered; null when it is.</param>
public sealed record WebhookAnswer(int? Status, string? Problem);

/// <summary>Calls a webhook once, by means of the host.</summary>
public sealed class WebhookCaller(Func<ClaimedDelivery, CancellationToken, Task<WebhookAnswer>> call)
{
    internal Task<WebhookAnswer> CallAsync(ClaimedDelivery delivery, CancellationToken ct) => call(delivery, ct);
}

/// <summary>Sends a signed sample, once and at once, so that a receiver is known to work before it is needed. Nothing of it is kept but who tried.</summary>
public sealed class TestWebhook(IDbContextFactory<FleetDbContext> databases, AuditTrail audit, WebhookCaller caller, TimeProvider clock)
{
    private const string Action = "webhook.test";

    public async Task<TestWebhookResult> RunAsync(Actor actor, TestWebhookRequest request, CancellationToken ct)
    {
        if (!actor.May(Permission.ManageServices))
        {
            await audit.ForbiddenAsync(actor, Action, request.Id, ct);
            return new TestWebhookResult.Forbidden();
        }
        await using var db = await databases.CreateDbContextAsync(ct);
        if (await db.Webhooks.AsNoTracking().SingleOrDefaultAsync(webhook => webhook.Id == request.Id, ct) is not { } webhook) return new TestWebhookResult.UnknownWebhook();

        var (sample, started) = (AlertNotice.Sample(webhook.Id, clock), clock.GetTimestamp());
        var answer = await caller.CallAsync(new ClaimedDelivery(sample, webhook.Url, webhook.SecretsAt(clock.GetUtcNow())), ct);
        var took = clock.GetElapsedTime(started);
        audit.Done(db, actor, Action, webhook.Id, answer.Problem ?? answer.Status?.ToString(CultureInfo.InvariantCulture));
        await db.SaveChangesAsync(ct);
        return new TestWebhookResult.Called(sample, answer, took);
    }
}
