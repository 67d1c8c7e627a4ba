using IoTFleet.Api;
using IoTFleet.Fleet.Commands;
using IoTFleet.Mqtt;
using IoTFleet.Server.Mqtt;
using static IoTFleet.Server.Security.OperatorAuth;
using SendCommandRequest = IoTFleet.Api.SendCommandRequest;

namespace IoTFleet.Server.Rest;

internal static class CommandsApi
{
    public static void MapCommands(this IEndpointRouteBuilder api) => api.MapPost("/devices/{id}/commands", SendAsync);

    private static async Task<IResult> SendAsync(
        string id, SendCommandRequest request, SendCommand send, CommandRelay relay, HttpContext context, CancellationToken cancellationToken)
    {
        if (request.Qos is not (null or 1 or 2)) return Problems.Invalid("A command is sent at QoS 1 or 2.");
        return await send.RunAsync(ActorOf(context), new Fleet.Commands.SendCommandRequest(id, request.Name), cancellationToken) switch
        {
            SendCommandResult.Accepted accepted => TypedResults.Ok(await RelayAsync(accepted.CommandId, id, request, relay)),
            SendCommandResult.Invalid invalid => Problems.Invalid(invalid.Problem),
            SendCommandResult.NotActive other => Problems.Conflict(ProblemCodes.DeviceNotActive, $"Device {id} is {DevicesApi.Name(other.State)}; only an active device takes commands."),
            SendCommandResult.UnknownDevice => Problems.NoDevice(id),
            _ => Problems.Forbidden("send commands"),
        };
    }

    /// <summary>Answered when the command is stored for a device that sleeps; not cut short by a caller who goes, who could not know what became of it.</summary>
    private static async Task<CommandReceipt> RelayAsync(string commandId, string deviceId, SendCommandRequest request, CommandRelay relay)
    {
        var reach = await relay.SendAsync(deviceId, request.Name, request.Payload, (QualityOfService)(request.Qos ?? 1));
        return new CommandReceipt { Id = commandId, Delivered = reach.Connected > 0, Queued = reach.Connected == 0 && reach.Waiting > 0 };
    }
}
