using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Telemetry.Quarantine;

/// <param name="DeviceId">Only this device's.</param>
/// <param name="Code">Only what was refused for this reason.</param>
/// <param name="Cursor">The <c>Next</c> of the page before.</param>
/// <param name="Limit">At most this many; 1 to 1,000, and what is outside is brought inside.</param>
public sealed record FindQuarantinedRequest(string? DeviceId = null, string? Code = null, long? Cursor = null, int Limit = 100);

public abstract record FindQuarantinedResult
{
    private FindQuarantinedResult() { }

    /// <summary>Newest first, without their bodies; <c>Next</c> is null on the last page.</summary>
    public sealed record Page(IReadOnlyList<QuarantinedPayload> Payloads, long? Next) : FindQuarantinedResult;
    public sealed record One(QuarantinedPayload Payload) : FindQuarantinedResult;
    public sealed record Unknown : FindQuarantinedResult;
    public sealed record Forbidden : FindQuarantinedResult;
}

public sealed class FindQuarantined(IDbContextFactory<FleetDbContext> databases)
{
    private const int MaxLimit = 1_000;

    public async Task<FindQuarantinedResult> RunAsync(Actor actor, FindQuarantinedRequest request, CancellationToken ct)
    {
        if (!actor.May(Permission.ReadFleet)) return new FindQuarantinedResult.Forbidden();
        await using var db = await databases.CreateDbContextAsync(ct);
        var limit = Math.Clamp(request.Limit, 1, MaxLimit);
        var payloads = Matching(db.TelemetryQuarantine.AsNoTracking(), request.DeviceId, request.Code);
        if (request.Cursor is { } cursor) payloads = payloads.Where(p => p.Id < cursor);
        var found = await payloads.OrderByDescending(p => p.Id).Take(limit + 1).Select(p => new QuarantinedPayload
        {
            Id = p.Id,
            DeviceId = p.DeviceId,
            Topic = p.Topic,
            ReceivedAt = p.ReceivedAt,
            Code = p.Code,
            Detail = p.Detail,
            ContentType = p.ContentType,
            Length = p.Length,
            Body = Array.Empty<byte>(),
        }).ToListAsync(ct);
        if (found.Count <= limit) return new FindQuarantinedResult.Page(found, null);
        found.RemoveAt(limit); // It was read only to know that there is more.
        return new FindQuarantinedResult.Page(found, found[^1].Id);
    }

    /// <summary>With its body.</summary>
    public async Task<FindQuarantinedResult> RunAsync(Actor actor, long id, CancellationToken ct)
    {
        if (!actor.May(Permission.ReadFleet)) return new FindQuarantinedResult.Forbidden();
        await using var db = await databases.CreateDbContextAsync(ct);
        var payload = await db.TelemetryQuarantine.AsNoTracking().SingleOrDefaultAsync(p => p.Id == id, ct);
        return payload is null ? new FindQuarantinedResult.Unknown() : new FindQuarantinedResult.One(payload);
    }

    internal static IQueryable<QuarantinedPayload> Matching(IQueryable<QuarantinedPayload> payloads, string? deviceId, string? code)
    {
        if (deviceId is not null) payloads = payloads.Where(p => p.DeviceId == deviceId);
        if (code is not null) payloads = payloads.Where(p => p.Code == code);
        return payloads;
    }
}
