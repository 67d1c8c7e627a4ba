using IoTFleet.Broker;
using IoTFleet.Broker.Sessions;
using IoTFleet.Fleet;
using IoTFleet.Fleet.Commands;

namespace IoTFleet.Server.Commands;

/// <summary>The use cases with what follows from them here: a stored command is sent, a cancelled one is taken back, and who wants to waits for its end.</summary>
internal sealed class CommandDesk(
    SendCommand send, CancelCommand cancel, FindCommands find, CommandRelay relay, CommandEnds ends, CommandWatch watch, MqttBroker broker, TimeProvider clock, IHostApplicationLifetime lifetime)
{
    /// <summary>Not cut short by a caller who goes: it could not know what became of the command.</summary>
    public async Task<(SendCommandResult Result, Reach Reach)> SendAsync(Actor actor, SendCommandRequest request, CancellationToken ct)
    {
        var result = await send.RunAsync(actor, request, ct);
        if (result is not SendCommandResult.Accepted { IsNew: true } accepted) return (result, Reach.Nobody);
        watch.Sent(accepted.Command);
        return (result, await relay.SendAsync(accepted.Command));
    }

    public async Task<CancelCommandResult> CancelAsync(Actor actor, CancelCommandRequest request, CancellationToken ct)
    {
        var result = await cancel.RunAsync(actor, request, ct);
        if (result is not CancelCommandResult.Cancelled cancelled) return result;
        broker.Withdraw(request.DeviceId, CommandRelay.TopicOf(cancelled.Command));
        ends.Ended(new CommandKey(request.DeviceId, request.Id));
        return result;
    }

    /// <summary>As it is when it ends or the wait is over, whichever is first. A server that stops keeps nobody waiting.</summary>
    public async Task<FindCommandsResult> FindAsync(Actor actor, CommandKey command, TimeSpan wait, CancellationToken ct)
    {
        using var turn = wait > TimeSpan.Zero ? ends.Listen(command) : null;
        var found = await find.RunAsync(actor, command.DeviceId, command.Id, ct);
        if (turn is null || found is not FindCommandsResult.One { Command.ClosedAt: null }) return found;
        watch.Awaited();
        using var over = CancellationTokenSource.CreateLinkedTokenSource(ct, lifetime.ApplicationStopping);
        await Task.WhenAny(turn.Ended, Task.Delay(wait, clock, over.Token));
        await over.CancelAsync();
        return await find.RunAsync(actor, command.DeviceId, command.Id, ct);
    }
}
