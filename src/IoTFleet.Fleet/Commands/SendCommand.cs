using System.Text;
using IoTFleet.Fleet.Audit;
using IoTFleet.Fleet.Devices;
using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Commands;

/// <param name="DeviceId">Whom it is for.</param>
/// <param name="Name">Becomes a topic level, so it has the grammar of a device id.</param>
/// <param name="Payload">JSON.</param>
/// <param name="Qos">MQTT's, 1 or 2.</param>
/// <param name="Timeout">Until its deadline; null for the usual time.</param>
/// <param name="Id">The sender's own: the same request sent twice with one id is one command. Null: it gets one.</param>
public sealed record SendCommandRequest(string DeviceId, string Name, string Payload = "{}", int Qos = 1, TimeSpan? Timeout = null, string? Id = null);

public abstract record SendCommandResult
{
    private SendCommandResult() { }

    /// <summary>Stored; the caller delivers it. One that was sent before with this id is given as it is now, and not to be delivered again.</summary>
    public sealed record Accepted(StoredCommand Command, bool IsNew) : SendCommandResult;
    public sealed record Invalid(string Problem) : SendCommandResult;
    public sealed record TooLarge(int Most) : SendCommandResult;
    public sealed record NotActive(DeviceState State) : SendCommandResult;
    public sealed record UnknownDevice : SendCommandResult;
    public sealed record TooManyOpen(int Most) : SendCommandResult;

    /// <summary>The device has another command of this id.</summary>
    public sealed record IdTaken : SendCommandResult;
    public sealed record Forbidden : SendCommandResult;
}

/// <summary>Decides whether a command may go to a device, stores it, and writes down who sent it. Delivery is the broker's business.</summary>
public sealed class SendCommand(FleetWriter writer, AuditTrail audit, CommandOptions options, TimeProvider clock)
{
    private const string Action = "command.send";

    public async Task<SendCommandResult> RunAsync(Actor actor, SendCommandRequest request, CancellationToken ct)
    {
        if (!actor.May(Permission.SendCommands))
        {
            await audit.ForbiddenAsync(actor, Action, request.DeviceId, ct);
            return new SendCommandResult.Forbidden();
        }

        if (ProblemOf(request) is { } problem) return new SendCommandResult.Invalid(problem);
        if (Encoding.UTF8.GetByteCount(request.Payload) > options.MaxPayloadBytes) return new SendCommandResult.TooLarge(options.MaxPayloadBytes);
        return await writer.RunAsync((db, token) => StoreAsync(db, actor, request, token), ct);
    }

    private static string? ProblemOf(SendCommandRequest request)
    {
        if (!DeviceName.IsValid(request.Name)) return $"A command's name is {DeviceName.Rule}.";
        if (request.Qos is not (1 or 2)) return "A command is sent at QoS 1 or 2.";
        if (request.Timeout is { } timeout && (timeout < CommandOptions.LeastTimeout || timeout > CommandOptions.LongestTimeout)) return "A command's timeout is 1 second to 7 days.";
        return request.Id is { } id && !StoredCommand.IsValidId(id) ? $"A command's id is 1 to {StoredCommand.MaxIdLength} of letters, digits, '.', '_' and '-'." : null;
    }

    private async Task<SendCommandResult> StoreAsync(FleetDbContext db, Actor actor, SendCommandRequest request, CancellationToken ct)
    {
        if (request.Id is { } given && await db.Commands.AsNoTracking().SingleOrDefaultAsync(c => c.DeviceId == request.DeviceId && c.Id == given, ct) is { } before)
            return before.Name == request.Name && before.Payload == request.Payload ? new SendCommandResult.Accepted(before, IsNew: false) : new SendCommandResult.IdTaken();
        var state = await db.Devices.Where(d => d.Id == request.DeviceId).Select(d => (DeviceState?)d.State).SingleOrDefaultAsync(ct);
        if (state is null) return new SendCommandResult.UnknownDevice();
        if (state != DeviceState.Active) return new SendCommandResult.NotActive(state.Value);
        if (await db.Commands.CountAsync(c => c.DeviceId == request.DeviceId && c.ClosedAt == null, ct) >= options.MaxOpenPerDevice) return new SendCommandResult.TooManyOpen(options.MaxOpenPerDevice);

        var command = NewCommand(actor, request);
        db.Commands.Add(command);
        audit.Done(db, actor, Action, request.DeviceId, $"{request.Name}, command {command.Id}");
        return new SendCommandResult.Accepted(command, IsNew: true);
    }

    private StoredCommand NewCommand(Actor actor, SendCommandRequest request)
    {
        var now = clock.GetUtcNow();
        return new StoredCommand
        {
            DeviceId = request.DeviceId,
            Id = request.Id ?? RowId.New(clock),
            Name = request.Name,
            Payload = request.Payload,
            Qos = request.Qos,
            SentBy = actor.Name,
            CreatedAt = now,
            Deadline = now + (request.Timeout ?? options.DefaultTimeout),

            // Not sent again by us: whoever wants a command at QoS 2 would rather lose it than have it twice.
            State = request.Qos == 2 ? CommandState.Sent : CommandState.Queued,
        };
    }
}
