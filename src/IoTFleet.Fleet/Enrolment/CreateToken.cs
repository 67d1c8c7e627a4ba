using IoTFleet.Fleet.Audit;
using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Enrolment;

/// <param name="Name">What it is for, 1 to 200 characters.</param>
/// <param name="ExpiresIn">From one minute to one year.</param>
/// <param name="MaxUses">How many devices it enrols, 1 to 1,000,000.</param>
/// <param name="DeviceId">When set, only this device may use it.</param>
/// <param name="GroupId">Whose limits it is under; null for the default group.</param>
public sealed record CreateTokenRequest(string Name, TimeSpan ExpiresIn, int MaxUses = 1, string? DeviceId = null, string? GroupId = null);

public abstract record CreateTokenResult
{
    private CreateTokenResult() { }

    /// <summary>The secret is kept nowhere: this is the one chance to show it.</summary>
    public sealed record Created(EnrolmentToken Token, Secret Secret) : CreateTokenResult;
    public sealed record Invalid(string Problem) : CreateTokenResult;
    public sealed record Forbidden : CreateTokenResult;
}

public sealed class CreateToken(IDbContextFactory<FleetDbContext> databases, AuditTrail audit, TimeProvider clock)
{
    private const string Action = "token.create";
    private const int MaxName = 200;
    private const int MostUses = 1_000_000;

    private static readonly TimeSpan ShortestLife = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan LongestLife = TimeSpan.FromDays(366);

    public async Task<CreateTokenResult> RunAsync(Actor actor, CreateTokenRequest request, CancellationToken ct)
    {
        if (!actor.May(Permission.ManageTokens))
        {
            await audit.ForbiddenAsync(actor, Action, request.Name, ct);
            return new CreateTokenResult.Forbidden();
        }
        if (FindProblem(request) is { } problem) return new CreateTokenResult.Invalid(problem);

        var secret = Secret.Create(EnrolmentToken.SecretPrefix);
        var token = TokenFor(request, secret);
        await using var db = await databases.CreateDbContextAsync(ct);
        if (!await db.Groups.AnyAsync(g => g.Id == token.GroupId, ct)) return new CreateTokenResult.Invalid($"There is no enrolment group {token.GroupId}.");
        db.Tokens.Add(token);
        audit.Done(db, actor, Action, token.Id, $"{token.Name}, {token.MaxUses} uses, until {token.ExpiresAt:u}");
        await db.SaveChangesAsync(ct);
        return new CreateTokenResult.Created(token, secret);
    }

    private static string? FindProblem(CreateTokenRequest request)
    {
        if (request.Name.Length is 0 or > MaxName) return $"A token's name has 1 to {MaxName} characters.";
        if (request.MaxUses is < 1 or > MostUses) return $"A token has 1 to {MostUses} uses.";
        if (request.ExpiresIn < ShortestLife || request.ExpiresIn > LongestLife) return "A token lives from one minute to 366 days.";
        if (request.DeviceId is { } id && !DeviceName.IsValid(id)) return $"A device id is {DeviceName.Rule}.";
        return null;
    }

    private EnrolmentToken TokenFor(CreateTokenRequest request, Secret secret)
    {
        var now = clock.GetUtcNow();
        return new EnrolmentToken
        {
            Id = RowId.New(clock),
            Name = request.Name,
            SecretHash = secret.Hash,
            MaxUses = request.MaxUses,
            Uses = 0,
            CreatedAt = now,
            ExpiresAt = now + request.ExpiresIn,
            DeviceId = request.DeviceId,
            GroupId = request.GroupId ?? EnrolmentGroup.DefaultId,
        };
    }
}
