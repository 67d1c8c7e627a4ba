using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Commands;

/// <summary>What names a command.</summary>
public readonly record struct CommandKey(string DeviceId, string Id);

/// <param name="Command">Which.</param>
/// <param name="State"><see cref="CommandState.Sent"/>, <see cref="CommandState.Delivered"/>, or <see cref="CommandState.Queued"/> for one that reached nobody after all.</param>
/// <param name="At">Since when.</param>
public readonly record struct CommandStep(CommandKey Command, CommandState State, DateTimeOffset At);

/// <summary>The commands as the server's own loop sees them: what is open, what is over, what can go.</summary>
public sealed class CommandBook(IDbContextFactory<FleetDbContext> databases, FleetWriter writer, CommandOptions options, TimeProvider clock)
{
    /// <summary>Rows changed in one transaction, at most.</summary>
    private const int MaxAtOnce = 1_000;

    /// <summary>Devices named in one question.</summary>
    private const int MaxNamed = 100;

    /// <summary>Devices that have something open.</summary>
    public async Task<IReadOnlyList<string>> WaitingDevicesAsync(CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        return await db.Commands.Where(c => c.ClosedAt == null).Select(c => c.DeviceId).Distinct().ToListAsync(ct);
    }

    /// <summary>Devices that something has not reached yet.</summary>
    public async Task<IReadOnlyList<string>> UnreachedDevicesAsync(CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        return await db.Commands.Where(c => c.ClosedAt == null && c.State == CommandState.Queued).Select(c => c.DeviceId).Distinct().ToListAsync(ct);
    }

    /// <summary>What a device has not answered, in the order of sending.</summary>
    public async Task<IReadOnlyList<StoredCommand>> OpenOfAsync(string deviceId, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var now = clock.GetUtcNow();
        return await db.Commands.AsNoTracking().Where(c => c.DeviceId == deviceId && c.ClosedAt == null && c.Deadline > now).OrderBy(c => c.Number).ToListAsync(ct);
    }

    /// <summary>When the next open command is over; null when none is open.</summary>
    public async Task<DateTimeOffset?> NextDeadlineAsync(CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        return await db.Commands.Where(c => c.ClosedAt == null).OrderBy(c => c.Deadline).Select(c => (DateTimeOffset?)c.Deadline).FirstOrDefaultAsync(ct);
    }

    /// <summary>What of these devices' has ended since then, on whichever node. Of many devices all is told that has ended.</summary>
    public async Task<IReadOnlyList<CommandKey>> ClosedSinceAsync(DateTimeOffset since, IReadOnlyCollection<string> devices, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var closed = db.Commands.Where(c => c.ClosedAt >= since);
        if (devices.Count <= MaxNamed) closed = closed.Where(c => devices.Contains(c.DeviceId));
        return await closed.Select(c => new CommandKey(c.DeviceId, c.Id)).ToListAsync(ct);
    }

    /// <summary>Ends what is past its deadline.</summary>
    /// <returns>What has ended now, by this call or by an answer.</returns>
    public Task<IReadOnlyList<CommandKey>> ExpireAsync(CancellationToken ct) => writer.RunAsync(
        async (db, token) =>
        {
            var now = clock.GetUtcNow();
            var over = await db.Commands.Where(c => c.ClosedAt == null && c.Deadline <= now).OrderBy(c => c.Deadline).Take(MaxAtOnce)
                .Select(c => new { c.Number, c.DeviceId, c.Id }).ToListAsync(token);
            if (over.Count == 0) return (IReadOnlyList<CommandKey>)[];
            var numbers = over.ConvertAll(c => c.Number);
            // Still open: an answer that another node stores meanwhile stays the command's end.
            await db.Commands.Where(c => numbers.Contains(c.Number) && c.ClosedAt == null)
                .ExecuteUpdateAsync(set => set.SetProperty(c => c.State, CommandState.Expired).SetProperty(c => c.ClosedAt, now), token);
            return over.ConvertAll(c => new CommandKey(c.DeviceId, c.Id));
        }, ct);

    /// <summary>How far open commands have come. A step that is behind the present state changes nothing.</summary>
    public Task StepAsync(IReadOnlyList<CommandStep> steps, CancellationToken ct) => writer.RunAsync(
        async (db, token) =>
        {
            foreach (var step in steps) await StepAsync(db, step, token);
            return true;
        }, ct);

    /// <summary>Deletes what ended long ago, a little in a transaction.</summary>
    public async Task ForgetAsync(CancellationToken ct)
    {
        var before = clock.GetUtcNow() - TimeSpan.FromDays(options.KeepDays);
        while (await ForgetAsync(before, ct) == MaxAtOnce) ct.ThrowIfCancellationRequested();
    }

    private static Task StepAsync(FleetDbContext db, CommandStep step, CancellationToken ct)
    {
        var (key, at) = (step.Command, step.At);
        var command = db.Commands.Where(c => c.DeviceId == key.DeviceId && c.Id == key.Id);
        return step.State switch
        {
            CommandState.Delivered => command.Where(c => c.DeliveredAt == null).ExecuteUpdateAsync(
                set => set.SetProperty(c => c.State, c => c.ClosedAt == null ? CommandState.Delivered : c.State).SetProperty(c => c.DeliveredAt, at).SetProperty(c => c.SentAt, c => c.SentAt ?? at), ct),
            CommandState.Sent => command.Where(c => c.SentAt == null).ExecuteUpdateAsync(
                set => set.SetProperty(c => c.State, c => c.State == CommandState.Queued ? CommandState.Sent : c.State).SetProperty(c => c.SentAt, at), ct),
            _ => command.Where(c => c.State == CommandState.Sent && c.SentAt == null).ExecuteUpdateAsync(set => set.SetProperty(c => c.State, CommandState.Queued), ct),
        };
    }

    private Task<int> ForgetAsync(DateTimeOffset before, CancellationToken ct) => writer.RunAsync(
        async (db, token) =>
        {
            var old = await db.Commands.Where(c => c.ClosedAt < before).OrderBy(c => c.ClosedAt).Take(MaxAtOnce).Select(c => c.Number).ToListAsync(token);
            return await db.Commands.Where(c => old.Contains(c.Number)).ExecuteDeleteAsync(token);
        }, ct);
}
