using IoTFleet.Api;
using IoTFleet.Fleet.Commands;
using IoTFleet.Server.Mqtt;
using static IoTFleet.Server.Security.OperatorAuth;
using SendCommandRequest = IoTFleet.Api.SendCommandRequest;

namespace IoTFleet.Server.Rest;

internal static class CommandsApi
{
    public static void MapCommands(this IEndpointRouteBuilder api) => api.MapPost("/devices/{id}/commands", SendAsync);

    private static async Task<IResult> SendAsync(
        string id, SendCommandRequest request, SendCommand send, CommandRelay relay, HttpContext context, CancellationToken cancellationToken) =>
        await send.RunAsync(ActorOf(context), new Fleet.Commands.SendCommandRequest(id, request.Name), cancellationToken) switch
        {
            SendCommandResult.Accepted accepted => TypedResults.Ok(new CommandReceipt { Id = accepted.CommandId, Delivered = relay.Send(id, request.Name, request.Payload) }),
            SendCommandResult.Invalid invalid => Problems.Invalid(invalid.Problem),
            SendCommandResult.NotActive other => Problems.Conflict(ProblemCodes.DeviceNotActive, $"Device {id} is {DevicesApi.Name(other.State)}; only an active device takes commands."),
            SendCommandResult.UnknownDevice => Problems.NoDevice(id),
            _ => Problems.Forbidden("send commands"),
        };
}
