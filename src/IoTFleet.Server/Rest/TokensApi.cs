using IoTFleet.Api;
using IoTFleet.Fleet.Enrolment;
using static IoTFleet.Server.Security.OperatorAuth;
using CreateTokenRequest = IoTFleet.Api.CreateTokenRequest;

namespace IoTFleet.Server.Rest;

internal static class TokensApi
{
    private static readonly TimeSpan DefaultLife = TimeSpan.FromDays(1);

    public static void MapTokens(this IEndpointRouteBuilder api)
    {
        api.MapGet("/tokens", ListAsync);
        api.MapPost("/tokens", CreateAsync);
        api.MapDelete("/tokens/{id}", RevokeAsync);
    }

    private static async Task<IResult> ListAsync(FindTokens find, HttpContext context, CancellationToken cancellationToken) =>
        await find.RunAsync(ActorOf(context), new FindTokensRequest(), cancellationToken) switch
        {
            FindTokensResult.Found found => TypedResults.Ok(new Page<TokenSummary> { Items = [.. found.Tokens.Select(Summary)] }),
            _ => Problems.Forbidden("see enrolment tokens"),
        };

    private static async Task<IResult> CreateAsync(CreateTokenRequest request, CreateToken create, HttpContext context, CancellationToken cancellationToken)
    {
        var life = request.ExpiresInSeconds is { } seconds ? TimeSpan.FromSeconds(Math.Clamp(seconds, 0, uint.MaxValue)) : DefaultLife;
        return await create.RunAsync(ActorOf(context), new Fleet.Enrolment.CreateTokenRequest(request.Name, life, request.MaxUses, request.DeviceId, request.Group), cancellationToken) switch
        {
            CreateTokenResult.Created created => TypedResults.Created($"/api/v1/tokens/{created.Token.Id}", WithSecret(created)),
            CreateTokenResult.Invalid invalid => Problems.Invalid(invalid.Problem),
            _ => Problems.Forbidden("create enrolment tokens"),
        };
    }

    private static async Task<IResult> RevokeAsync(string id, RevokeToken revoke, HttpContext context, CancellationToken cancellationToken) =>
        await revoke.RunAsync(ActorOf(context), new RevokeTokenRequest(id), cancellationToken) switch
        {
            RevokeTokenResult.Revoked => TypedResults.NoContent(),
            RevokeTokenResult.UnknownToken => Problems.NotFound(ProblemCodes.TokenNotFound, $"There is no enrolment token {id}."),
            _ => Problems.Forbidden("revoke enrolment tokens"),
        };

    private static TokenSummary Summary(EnrolmentToken token) => new()
    {
        Id = token.Id,
        Name = token.Name,
        MaxUses = token.MaxUses,
        Uses = token.Uses,
        CreatedAt = token.CreatedAt,
        ExpiresAt = token.ExpiresAt,
        DeviceId = token.DeviceId,
        Group = token.GroupId,
        RevokedAt = token.RevokedAt,
    };

    private static CreatedToken WithSecret(CreateTokenResult.Created created) => new()
    {
        Id = created.Token.Id,
        Name = created.Token.Name,
        MaxUses = created.Token.MaxUses,
        Uses = created.Token.Uses,
        CreatedAt = created.Token.CreatedAt,
        ExpiresAt = created.Token.ExpiresAt,
        DeviceId = created.Token.DeviceId,
        Group = created.Token.GroupId,
        Secret = created.Secret.Reveal(),
    };
}
