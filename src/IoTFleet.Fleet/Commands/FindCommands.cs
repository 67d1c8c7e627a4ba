using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Commands;

/// <param name="DeviceId">Whose.</param>
/// <param name="State">Only in this state.</param>
/// <param name="Cursor">The <c>Next</c> of the page before.</param>
/// <param name="Limit">At most this many; 1 to 1,000, and what is outside is brought inside.</param>
public sealed record FindCommandsRequest(string DeviceId, CommandState? State = null, long? Cursor = null, int Limit = 100);

public abstract record FindCommandsResult
{
    private FindCommandsResult() { }

    /// <summary>Newest first, without what was said; <c>Next</c> is null on the last page.</summary>
    public sealed record Page(IReadOnlyList<StoredCommand> Commands, long? Next) : FindCommandsResult;
    public sealed record One(StoredCommand Command) : FindCommandsResult;
    public sealed record Unknown : FindCommandsResult;
    public sealed record Forbidden : FindCommandsResult;
}

public sealed class FindCommands(IDbContextFactory<FleetDbContext> databases)
{
    private const int MaxLimit = 1_000;

    public async Task<FindCommandsResult> RunAsync(Actor actor, FindCommandsRequest request, CancellationToken ct)
    {
        if (!actor.May(Permission.ReadFleet)) return new FindCommandsResult.Forbidden();
        await using var db = await databases.CreateDbContextAsync(ct);
        var limit = Math.Clamp(request.Limit, 1, MaxLimit);
        var commands = db.Commands.AsNoTracking().Where(c => c.DeviceId == request.DeviceId);
        if (request.State is { } state) commands = commands.Where(c => c.State == state);
        if (request.Cursor is { } cursor) commands = commands.Where(c => c.Number < cursor);
        var found = await commands.OrderByDescending(c => c.Number).Take(limit + 1).Select(c => new StoredCommand
        {
            Number = c.Number,
            DeviceId = c.DeviceId,
            Id = c.Id,
            Name = c.Name,
            Payload = "",
            Qos = c.Qos,
            SentBy = c.SentBy,
            State = c.State,
            CreatedAt = c.CreatedAt,
            Deadline = c.Deadline,
            SentAt = c.SentAt,
            DeliveredAt = c.DeliveredAt,
            ClosedAt = c.ClosedAt,
            AnsweredAt = c.AnsweredAt,
            AnswerStatus = c.AnswerStatus,
        }).ToListAsync(ct);
        if (found.Count <= limit) return new FindCommandsResult.Page(found, null);
        found.RemoveAt(limit); // It was read only to know that there is more.
        return new FindCommandsResult.Page(found, found[^1].Number);
    }

    /// <summary>With what was said.</summary>
    public async Task<FindCommandsResult> RunAsync(Actor actor, string deviceId, string id, CancellationToken ct)
    {
        if (!actor.May(Permission.ReadFleet)) return new FindCommandsResult.Forbidden();
        await using var db = await databases.CreateDbContextAsync(ct);
        var command = await db.Commands.AsNoTracking().SingleOrDefaultAsync(c => c.DeviceId == deviceId && c.Id == id, ct);
        return command is null ? new FindCommandsResult.Unknown() : new FindCommandsResult.One(command);
    }
}
