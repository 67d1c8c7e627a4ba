using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Commands;

/// <param name="DeviceId">Who answers; the door has proved it.</param>
/// <param name="Id">Which command.</param>
/// <param name="Status">100 to 599.</param>
/// <param name="Payload">JSON, or null.</param>
public sealed record AnswerCommandRequest(string DeviceId, string Id, int Status, string? Payload);

public enum AnswerCommandResult
{
    Stored,

    /// <summary>It has an answer, which stays.</summary>
    AnsweredBefore,

    /// <summary>The command is over without an answer; this one is kept beside it, which stays what it is.</summary>
    TooLate,

    /// <summary>The device has no such command, or it was forgotten.</summary>
    Unknown,
}

/// <summary>Stores a device's answer: the first one counts. It takes no actor, because the door that it comes by has judged the device; what it did is in the command itself.</summary>
public sealed class AnswerCommand(FleetWriter writer, TimeProvider clock)
{
    public Task<AnswerCommandResult> RunAsync(AnswerCommandRequest request, CancellationToken ct) => writer.RunAsync((db, token) => StoreAsync(db, request, token), ct);

    /// <summary>By conditions, not by what was read: another node may end the command in this moment.</summary>
    private async Task<AnswerCommandResult> StoreAsync(FleetDbContext db, AnswerCommandRequest request, CancellationToken ct)
    {
        DateTimeOffset? now = clock.GetUtcNow();
        var command = db.Commands.Where(c => c.DeviceId == request.DeviceId && c.Id == request.Id);
        var isFirst = await command.Where(c => c.AnsweredAt == null).ExecuteUpdateAsync(
            set => set
                .SetProperty(c => c.State, c => c.ClosedAt != null ? c.State : c.Deadline > now ? CommandState.Answered : CommandState.Expired)
                .SetProperty(c => c.ClosedAt, c => c.ClosedAt ?? now)
                .SetProperty(c => c.AnsweredAt, now)
                .SetProperty(c => c.AnswerStatus, request.Status)
                .SetProperty(c => c.AnswerPayload, request.Payload),
            ct) > 0;
        var state = await command.Select(c => (CommandState?)c.State).SingleOrDefaultAsync(ct);
        if (state is null) return AnswerCommandResult.Unknown;
        if (!isFirst) return AnswerCommandResult.AnsweredBefore;
        return state == CommandState.Answered ? AnswerCommandResult.Stored : AnswerCommandResult.TooLate;
    }
}
