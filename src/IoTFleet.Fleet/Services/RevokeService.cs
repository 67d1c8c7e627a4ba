using IoTFleet.Fleet.Audit;
using IoTFleet.Fleet.Certificates;
using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Fleet.Services;

public sealed record RevokeServiceRequest(string Name, RevocationReason Reason = RevocationReason.Unspecified);

public abstract record RevokeServiceResult
{
    private RevokeServiceResult() { }

    /// <summary>Also when it was revoked before, then with no certificate left to revoke.</summary>
    public sealed record Revoked(string Name, int Certificates) : RevokeServiceResult;
    public sealed record UnknownService : RevokeServiceResult;
    public sealed record Forbidden : RevokeServiceResult;
}

/// <summary>Shuts a service out for good: it, and every certificate it holds.</summary>
public sealed class RevokeService(
    IDbContextFactory<FleetDbContext> databases, RevocationFeed feed, AuditTrail audit, FleetMetrics metrics, TimeProvider clock,
    ILogger<RevokeService> log)
{
    private const string Action = "service.revoke";

    public async Task<RevokeServiceResult> RunAsync(Actor actor, RevokeServiceRequest request, CancellationToken ct)
    {
        if (!actor.May(Permission.ManageServices))
        {
            await audit.ForbiddenAsync(actor, Action, request.Name, ct);
            return new RevokeServiceResult.Forbidden();
        }
        await using var db = await databases.CreateDbContextAsync(ct);
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        if (!await ShutOutAsync(db, request.Name, ct))
        {
            var known = await db.Services.AnyAsync(s => s.Name == request.Name, ct);
            return known ? new RevokeServiceResult.Revoked(request.Name, 0) : new RevokeServiceResult.UnknownService();
        }
        var certificates = await RevokeCertificatesAsync(db, request, ct);
        feed.Append(db, RevocationKind.ServiceRevoked, request.Name);
        audit.Done(db, actor, Action, request.Name, $"{request.Reason}, {certificates} certificates");
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);

        feed.Announce();
        metrics.CountCertificatesRevoked(certificates);
        FleetLog.ServiceRevoked(log, request.Name, certificates, actor.Name);
        return new RevokeServiceResult.Revoked(request.Name, certificates);
    }

    private async Task<bool> ShutOutAsync(FleetDbContext db, string name, CancellationToken ct)
    {
        var now = clock.GetUtcNow();
        return await db.Services.Where(s => s.Name == name && s.State != ServiceState.Revoked).ExecuteUpdateAsync(
            set => set.SetProperty(s => s.State, ServiceState.Revoked).SetProperty(s => s.StateChangedAt, now), ct) > 0;
    }

    private Task<int> RevokeCertificatesAsync(FleetDbContext db, RevokeServiceRequest request, CancellationToken ct)
    {
        DateTimeOffset? now = clock.GetUtcNow();
        RevocationReason? reason = request.Reason;
        return db.ServiceCertificates.Where(c => c.ServiceName == request.Name && c.RevokedAt == null).ExecuteUpdateAsync(
            set => set.SetProperty(c => c.RevokedAt, now).SetProperty(c => c.RevocationReason, reason), ct);
    }
}
