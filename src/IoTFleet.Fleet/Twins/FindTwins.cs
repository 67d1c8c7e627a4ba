using IoTFleet.Fleet.Devices;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Twins;

/// <param name="InSync">Only twins whose desired version the device has applied, or only the others; null for all.</param>
/// <param name="Prefix">Only devices whose id starts so.</param>
/// <param name="Cursor">The <c>Next</c> of the page before.</param>
/// <param name="Limit">At most this many; 1 to 500, and what is outside is brought inside.</param>
public sealed record FindTwinsRequest(bool? InSync = null, string? Prefix = null, string? Cursor = null, int Limit = 100);

/// <summary>A twin as lists show it, without its documents.</summary>
public sealed record TwinLine(string DeviceId, long DesiredVersion, DateTimeOffset? DesiredChangedAt, long AppliedVersion, long ReportedVersion, DateTimeOffset? ReportedAt, bool InSync);

public abstract record FindTwinsResult
{
    private FindTwinsResult() { }

    /// <summary>In the order of their devices' ids; <c>Next</c> is null on the last page.</summary>
    public sealed record Page(IReadOnlyList<TwinLine> Twins, string? Next) : FindTwinsResult;
    public sealed record Forbidden : FindTwinsResult;
}

public abstract record FindTwinResult
{
    private FindTwinResult() { }

    public sealed record Found(DeviceTwin Twin) : FindTwinResult;
    public sealed record UnknownDevice : FindTwinResult;
    public sealed record Forbidden : FindTwinResult;
}

/// <summary>Reads twins for operators. A revoked device's twin can be read as it was last; lists leave it out.</summary>
public sealed class FindTwins(IDbContextFactory<FleetDbContext> databases)
{
    private const int MaxLimit = 500;

    public async Task<FindTwinsResult> RunAsync(Actor actor, FindTwinsRequest request, CancellationToken ct)
    {
        if (!actor.May(Permission.ReadFleet)) return new FindTwinsResult.Forbidden();
        await using var db = await databases.CreateDbContextAsync(ct);
        var limit = Math.Clamp(request.Limit, 1, MaxLimit);
        var lines = await Matching(db, request).OrderBy(twin => twin.DeviceId).Take(limit + 1)
            .Select(t => new TwinLine(t.DeviceId, t.DesiredVersion, t.DesiredChangedAt, t.AppliedVersion, t.ReportedVersion, t.ReportedAt, t.InSync)).ToListAsync(ct);
        if (lines.Count <= limit) return new FindTwinsResult.Page(lines, null);
        lines.RemoveAt(limit); // It was read only to know that there is more.
        return new FindTwinsResult.Page(lines, lines[^1].DeviceId);
    }

    public async Task<FindTwinResult> OneAsync(Actor actor, string id, CancellationToken ct)
    {
        if (!actor.May(Permission.ReadFleet)) return new FindTwinResult.Forbidden();
        await using var db = await databases.CreateDbContextAsync(ct);
        if (await db.Twins.AsNoTracking().SingleOrDefaultAsync(twin => twin.DeviceId == id, ct) is { } twin) return new FindTwinResult.Found(twin);
        return await db.Devices.AnyAsync(device => device.Id == id, ct)
            ? new FindTwinResult.Found(new DeviceTwin { DeviceId = id })
            : new FindTwinResult.UnknownDevice();
    }

    private static IQueryable<DeviceTwin> Matching(FleetDbContext db, FindTwinsRequest request)
    {
        var twins = db.Twins.AsNoTracking().Where(twin => db.Devices.Any(device => device.Id == twin.DeviceId && device.State != DeviceState.Revoked));
        if (request.InSync is { } inSync) twins = twins.Where(twin => twin.InSync == inSync);
        if (request.Cursor is { } cursor) twins = twins.Where(twin => string.Compare(twin.DeviceId, cursor) > 0);
        if (string.IsNullOrEmpty(request.Prefix)) return twins;
        var prefix = request.Prefix;
        return twins.Where(twin => string.Compare(twin.DeviceId, prefix) >= 0 && twin.DeviceId.StartsWith(prefix));
    }
}
