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

    private async Task<AnswerCommandResult> StoreAsync(FleetDbContext db, AnswerCommandRequest request, CancellationToken ct)
    {
        if (await db.Commands.SingleOrDefaultAsync(c => c.DeviceId == request.DeviceId && c.Id == request.Id, ct) is not { } command) return AnswerCommandResult.Unknown;
        if (command.AnsweredAt is not null) return AnswerCommandResult.AnsweredBefore;
        var now = clock.GetUtcNow();
        (command.AnsweredAt, command.AnswerStatus, command.AnswerPayload) = (now, request.Status, request.Payload);
        if (command.ClosedAt is not null) return AnswerCommandResult.TooLate;
        command.ClosedAt = now;
        command.State = now < command.Deadline ? CommandState.Answered : CommandState.Expired;
        return command.State == CommandState.Answered ? AnswerCommandResult.Stored : AnswerCommandResult.TooLate;
    }
}
