using IoTFleet.Fleet.Audit;
using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Services;

/// <param name="Name">Of the grammar of a device id.</param>
/// <param name="PublishRules">Filters of the topics it may publish to.</param>
/// <param name="SubscribeRules">Filters that cover what it may subscribe to.</param>
public sealed record CreateServiceRequest(string Name, IReadOnlyList<string> PublishRules, IReadOnlyList<string> SubscribeRules);

public abstract record CreateServiceResult
{
    private CreateServiceResult() { }

    public sealed record Created(Service Service) : CreateServiceResult;
    public sealed record AlreadyKnown : CreateServiceResult;
    public sealed record Invalid(string Problem) : CreateServiceResult;
    public sealed record Forbidden : CreateServiceResult;
}

/// <summary>Makes a backend application known, with its rights. It can connect once it has a certificate.</summary>
public sealed class CreateService(IDbContextFactory<FleetDbContext> databases, AuditTrail audit, TimeProvider clock)
{
    private const string Action = "service.create";

    public async Task<CreateServiceResult> RunAsync(Actor actor, CreateServiceRequest request, CancellationToken ct)
    {
        if (!actor.May(Permission.ManageServices))
        {
            await audit.ForbiddenAsync(actor, Action, request.Name, ct);
            return new CreateServiceResult.Forbidden();
        }
        if (!DeviceName.IsValid(request.Name)) return new CreateServiceResult.Invalid($"A service's name is {DeviceName.Rule}.");
        if (!TopicRules.TryParse(request.PublishRules, request.SubscribeRules, out _, out var problem)) return new CreateServiceResult.Invalid(problem);
        return await AddAsync(actor, request, ct);
    }

    private async Task<CreateServiceResult> AddAsync(Actor actor, CreateServiceRequest request, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        if (await db.Services.AnyAsync(s => s.Name == request.Name, ct)) return new CreateServiceResult.AlreadyKnown();

        var now = clock.GetUtcNow();
        var service = new Service
        {
            Name = request.Name,
            State = ServiceState.Active,
            PublishRules = [.. request.PublishRules],
            SubscribeRules = [.. request.SubscribeRules],
            CreatedAt = now,
            StateChangedAt = now,
        };
        db.Services.Add(service);
        audit.Done(db, actor, Action, service.Name,
            $"may publish {Text(service.PublishRules)}; may subscribe {Text(service.SubscribeRules)}");
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        return new CreateServiceResult.Created(service);
    }

    private static string Text(string[] rules) => rules.Length == 0 ? "nothing" : string.Join(' ', rules);
}
