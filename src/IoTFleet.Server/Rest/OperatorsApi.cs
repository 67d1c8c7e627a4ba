using IoTFleet.Api;
using IoTFleet.Fleet;
using IoTFleet.Fleet.Operators;
using static IoTFleet.Server.Security.OperatorAuth;

namespace IoTFleet.Server.Rest;

/// <summary>Keys for further operators: what takes a second one needs a second key.</summary>
internal static class OperatorsApi
{
    public static void MapOperators(this IEndpointRouteBuilder api)
    {
        api.MapPost("/operators", CreateAsync);
        api.MapDelete("/operators/{id}", RevokeAsync);
    }

    private static async Task<IResult> CreateAsync(CreateOperatorRequest request, CreateKey create, HttpContext context, CancellationToken cancellationToken)
    {
        if (!Enum.TryParse<Role>(request.Role, ignoreCase: true, out var role) || int.TryParse(request.Role, out _)) return Problems.Invalid($"'{request.Role}' is not a role; use viewer, operator or administrator.");
        return await create.RunAsync(ActorOf(context), new CreateKeyRequest(request.Name, role), cancellationToken) switch
        {
            CreateKeyResult.Created created => TypedResults.Ok(new CreatedOperator
            {
                Id = created.Key.Id,
                Name = created.Key.Name,
                Role = role.ToString().ToLowerInvariant(),
                ApiKey = created.Secret.Reveal(),
            }),
            CreateKeyResult.Invalid invalid => Problems.Invalid(invalid.Problem),
            _ => Problems.Forbidden("make operators' keys"),
        };
    }

    private static async Task<IResult> RevokeAsync(string id, RevokeKey revoke, HttpContext context, CancellationToken cancellationToken) =>
        await revoke.RunAsync(ActorOf(context), new Fleet.Operators.RevokeKeyRequest(id), cancellationToken) switch
        {
            RevokeKeyResult.Revoked => TypedResults.NoContent(),
            RevokeKeyResult.UnknownKey => Problems.NotFound(ProblemCodes.NotFound, $"There is no operator's key {id}."),
            RevokeKeyResult.LastAdministrator => Problems.Conflict(ProblemCodes.InvalidRequest, "It is the last administrator's key; make another first."),
            _ => Problems.Forbidden("revoke operators' keys"),
        };
}
