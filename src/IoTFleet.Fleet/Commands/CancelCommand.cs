using IoTFleet.Fleet.Audit;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Commands;

public sealed record CancelCommandRequest(string DeviceId, string Id);

public abstract record CancelCommandResult
{
    private CancelCommandResult() { }

    public sealed record Cancelled(StoredCommand Command) : CancelCommandResult;

    /// <summary>It is over already; cancelling what is cancelled is no mistake.</summary>
    public sealed record Over(StoredCommand Command) : CancelCommandResult;
    public sealed record Unknown : CancelCommandResult;
    public sealed record Forbidden : CancelCommandResult;
}

/// <summary>Ends a command that nobody has answered. A device that has it already is not told: its answer is kept beside it.</summary>
public sealed class CancelCommand(FleetWriter writer, AuditTrail audit, TimeProvider clock)
{
    private const string Action = "command.cancel";

    public async Task<CancelCommandResult> RunAsync(Actor actor, CancelCommandRequest request, CancellationToken ct)
    {
        if (!actor.May(Permission.SendCommands))
        {
            await audit.ForbiddenAsync(actor, Action, request.DeviceId, ct);
            return new CancelCommandResult.Forbidden();
        }

        return await writer.RunAsync((db, token) => CancelAsync(db, actor, request, token), ct);
    }

    private async Task<CancelCommandResult> CancelAsync(FleetDbContext db, Actor actor, CancelCommandRequest request, CancellationToken ct)
    {
        if (await db.Commands.SingleOrDefaultAsync(c => c.DeviceId == request.DeviceId && c.Id == request.Id, ct) is not { } command) return new CancelCommandResult.Unknown();
        if (command.ClosedAt is not null) return new CancelCommandResult.Over(command);
        (command.State, command.ClosedAt) = (CommandState.Cancelled, clock.GetUtcNow());
        audit.Done(db, actor, Action, request.DeviceId, $"{command.Name}, command {command.Id}");
        return new CancelCommandResult.Cancelled(command);
    }
}
