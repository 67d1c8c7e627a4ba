using System.Globalization;
using System.Text.Json;
using IoTFleet.Api;
using IoTFleet.Broker.Sessions;
using IoTFleet.Fleet.Commands;
using IoTFleet.Server.Commands;
using static IoTFleet.Server.Security.OperatorAuth;
using SendCommandRequest = IoTFleet.Api.SendCommandRequest;

namespace IoTFleet.Server.Rest;

internal static class CommandsApi
{
    private const string IdempotencyKey = "Idempotency-Key";
    private const int LongestWait = 300;

    public static void MapCommands(this IEndpointRouteBuilder api)
    {
        api.MapPost("/devices/{id}/commands", SendAsync);
        api.MapGet("/devices/{id}/commands", ListAsync);
        api.MapGet("/devices/{id}/commands/{command}", OneAsync);
        api.MapDelete("/devices/{id}/commands/{command}", CancelAsync);
    }

    private static async Task<IResult> SendAsync(string id, SendCommandRequest request, CommandDesk desk, HttpContext context, CancellationToken cancellationToken, string? wait = null)
    {
        if (!TryReadWait(wait, out var patience)) return InvalidWait();
        var (result, reach) = await desk.SendAsync(ActorOf(context), Read(id, request, context), cancellationToken);
        if (result is not SendCommandResult.Accepted accepted) return Refusal(id, result);
        var command = accepted.Command;
        if (patience > TimeSpan.Zero && await desk.FindAsync(ActorOf(context), new CommandKey(id, command.Id), patience, cancellationToken) is FindCommandsResult.One one) command = one.Command;
        context.Response.Headers.Location = $"/api/v1/devices/{Uri.EscapeDataString(id)}/commands/{Uri.EscapeDataString(command.Id)}";
        return TypedResults.Json(Receipt(command, reach), ApiJson.Default.CommandReceipt, statusCode: command.ClosedAt is null ? StatusCodes.Status202Accepted : StatusCodes.Status200OK);
    }

    private static async Task<IResult> ListAsync(
        string id, FindCommands find, HttpContext context, CancellationToken cancellationToken, string? state = null, long? cursor = null, int limit = Page<CommandDetails>.DefaultLimit)
    {
        CommandState wanted = default;
        if (state is not null && (!Enum.TryParse(state, ignoreCase: true, out wanted) || int.TryParse(state, out _)))
            return Problems.Invalid($"'{state}' is not a state; use queued, sent, delivered, answered, expired or cancelled.");
        return await find.RunAsync(ActorOf(context), new FindCommandsRequest(id, state is null ? null : wanted, cursor, limit), cancellationToken) switch
        {
            FindCommandsResult.Page page => TypedResults.Json(
                new Page<CommandDetails> { Items = [.. page.Commands.Select(Shown)], Next = page.Next?.ToString(CultureInfo.InvariantCulture) }, ApiJson.Default.PageCommandDetails),
            _ => Problems.Forbidden("see commands"),
        };
    }

    private static async Task<IResult> OneAsync(string id, string command, CommandDesk desk, HttpContext context, CancellationToken cancellationToken, string? wait = null)
    {
        if (!TryReadWait(wait, out var patience)) return InvalidWait();
        return await desk.FindAsync(ActorOf(context), new CommandKey(id, command), patience, cancellationToken) switch
        {
            FindCommandsResult.One one => TypedResults.Json(Shown(one.Command), ApiJson.Default.CommandDetails),
            FindCommandsResult.Unknown => NoCommand(id, command),
            _ => Problems.Forbidden("see commands"),
        };
    }

    private static async Task<IResult> CancelAsync(string id, string command, CommandDesk desk, HttpContext context, CancellationToken cancellationToken) =>
        await desk.CancelAsync(ActorOf(context), new CancelCommandRequest(id, command), cancellationToken) switch
        {
            CancelCommandResult.Cancelled cancelled => TypedResults.Json(Shown(cancelled.Command), ApiJson.Default.CommandDetails),
            CancelCommandResult.Over { Command.State: CommandState.Cancelled } over => TypedResults.Json(Shown(over.Command), ApiJson.Default.CommandDetails),
            CancelCommandResult.Over over => Problems.Conflict(ProblemCodes.CommandOver, $"Command {command} is {Word(over.Command.State)} already."),
            CancelCommandResult.Unknown => NoCommand(id, command),
            _ => Problems.Forbidden("cancel commands"),
        };

    private static Fleet.Commands.SendCommandRequest Read(string device, SendCommandRequest request, HttpContext context)
    {
        var key = context.Request.Headers.TryGetValue(IdempotencyKey, out var given) ? given.ToString() : null;
        return new Fleet.Commands.SendCommandRequest(
            device, request.Name, request.Payload.GetRawText(), request.Qos ?? 1, request.TimeoutSeconds is { } seconds ? TimeSpan.FromSeconds(seconds) : null, request.Id ?? key);
    }

    private static IResult Refusal(string device, SendCommandResult result) => result switch
    {
        SendCommandResult.Invalid invalid => Problems.Invalid(invalid.Problem),
        SendCommandResult.TooLarge large => Problems.Of(StatusCodes.Status413PayloadTooLarge, ProblemCodes.InvalidRequest, "Too large", $"A command's payload has at most {large.Most} bytes (Commands:MaxPayloadBytes)."),
        SendCommandResult.NotActive other => Problems.Conflict(ProblemCodes.DeviceNotActive, $"Device {device} is {DevicesApi.Name(other.State)}; only an active device takes commands."),
        SendCommandResult.UnknownDevice => Problems.NoDevice(device),
        SendCommandResult.TooManyOpen open => Problems.Of(
            StatusCodes.Status429TooManyRequests, ProblemCodes.TooManyCommands, "Too many commands",
            $"Device {device} has {open.Most} open commands (Commands:MaxOpenPerDevice); wait until it has answered some or their time is over, or cancel some."),
        SendCommandResult.IdTaken => Problems.Conflict(ProblemCodes.CommandIdTaken, $"Device {device} has another command of this id; give each its own."),
        _ => Problems.Forbidden("send commands"),
    };

    private static bool TryReadWait(string? text, out TimeSpan wait)
    {
        wait = TimeSpan.Zero;
        if (text is null) return true;
        if (!int.TryParse(text.EndsWith('s') ? text[..^1] : text, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) || seconds > LongestWait) return false;
        wait = TimeSpan.FromSeconds(seconds);
        return true;
    }

    private static IResult InvalidWait() => Problems.Invalid($"wait is a number of seconds up to {LongestWait}, such as 30 or 30s.");

    private static IResult NoCommand(string device, string command) =>
        Problems.NotFound(ProblemCodes.CommandNotFound, $"Device {device} has no command {command}; what ended long ago is forgotten (Commands:KeepDays).");

    private static CommandDetails Shown(StoredCommand command) => new()
    {
        Id = command.Id,
        DeviceId = command.DeviceId,
        Name = command.Name,
        State = Word(command.State),
        Payload = Json(command.Payload),
        SentBy = command.SentBy,
        CreatedAt = command.CreatedAt,
        Deadline = command.Deadline,
        SentAt = command.SentAt,
        DeliveredAt = command.DeliveredAt,
        ClosedAt = command.ClosedAt,
        Answer = AnswerOf(command),
    };

    private static CommandReceipt Receipt(StoredCommand command, Reach reach) => new()
    {
        Id = command.Id,
        DeviceId = command.DeviceId,
        Name = command.Name,
        State = Word(command.State),
        SentBy = command.SentBy,
        CreatedAt = command.CreatedAt,
        Deadline = command.Deadline,
        SentAt = command.SentAt,
        DeliveredAt = command.DeliveredAt,
        ClosedAt = command.ClosedAt,
        Answer = AnswerOf(command),
        Delivered = reach.Connected > 0,
        Queued = reach.Connected == 0 && reach.Waiting > 0,
    };

    private static CommandAnswer? AnswerOf(StoredCommand command) =>
        command.AnsweredAt is { } at ? new CommandAnswer { Status = command.AnswerStatus!.Value, Payload = command.AnswerPayload is { } said ? Json(said) : null, At = at } : null;

    private static JsonElement? Json(string text) => text.Length == 0 ? null : JsonElement.Parse(text);

    private static string Word(CommandState state) => state.ToString().ToLowerInvariant();
}
