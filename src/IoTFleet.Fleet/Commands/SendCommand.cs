using IoTFleet.Fleet.Audit;
using IoTFleet.Fleet.Devices;
using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Commands;

/// <param name="DeviceId">Whom it is for.</param>
/// <param name="Name">Becomes a topic level, so it has the grammar of a device id.</param>
public sealed record SendCommandRequest(string DeviceId, string Name);

public abstract record SendCommandResult
{
    private SendCommandResult() { }

    /// <summary>Written down; the caller delivers it.</summary>
    public sealed record Accepted(string CommandId) : SendCommandResult;
    public sealed record Invalid(string Problem) : SendCommandResult;
    public sealed record NotActive(DeviceState State) : SendCommandResult;
    public sealed record UnknownDevice : SendCommandResult;
    public sealed record Forbidden : SendCommandResult;
}

/// <summary>Decides whether a command may go to a device, and writes down who sent it. Delivery is the broker's business.</summary>
public sealed class SendCommand(IDbContextFactory<FleetDbContext> databases, AuditTrail audit, TimeProvider clock)
{
    private const string Action = "command.send";

    public async Task<SendCommandResult> RunAsync(Actor actor, SendCommandRequest request, CancellationToken ct)
    {
        if (!actor.May(Permission.SendCommands))
        {
            await audit.ForbiddenAsync(actor, Action, request.DeviceId, ct);
            return new SendCommandResult.Forbidden();
        }
        if (!DeviceName.IsValid(request.Name)) return new SendCommandResult.Invalid($"A command's name is {DeviceName.Rule}.");

        await using var db = await databases.CreateDbContextAsync(ct);
        var state = await db.Devices.Where(d => d.Id == request.DeviceId).Select(d => (DeviceState?)d.State).SingleOrDefaultAsync(ct);
        if (state is null) return new SendCommandResult.UnknownDevice();
        if (state != DeviceState.Active) return new SendCommandResult.NotActive(state.Value);

        var id = RowId.New(clock);
        audit.Done(db, actor, Action, request.DeviceId, $"{request.Name}, command {id}");
        await db.SaveChangesAsync(ct);
        return new SendCommandResult.Accepted(id);
    }
}
