using System.Security.Cryptography.X509Certificates;
using IoTFleet.Fleet.Audit;
using IoTFleet.Fleet.Authorities;
using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Enrolment.Manufacturers;

/// <param name="Id">The manufacturer's.</param>
/// <param name="Proof">A certificate whose common name is the challenge, signed by the authority's key; DER or PEM.</param>
public sealed record ProveManufacturerRequest(string Id, ReadOnlyMemory<byte> Proof);

public abstract record ProveManufacturerResult
{
    private ProveManufacturerResult() { }

    /// <summary>From now on its device identities enrol.</summary>
    public sealed record Registered(ManufacturerAuthority Manufacturer) : ProveManufacturerResult;
    public sealed record NotProven(string Problem) : ProveManufacturerResult;
    public sealed record Unknown : ProveManufacturerResult;
    public sealed record Forbidden : ProveManufacturerResult;
}

/// <summary>Takes the proof that a manufacturer's authority is in the hands of whoever announced it.</summary>
public sealed class ProveManufacturer(IDbContextFactory<FleetDbContext> databases, AuthorityDirectory authorities, AuditTrail audit, TimeProvider clock)
{
    private const string Action = "manufacturer.prove";

    public async Task<ProveManufacturerResult> RunAsync(Actor actor, ProveManufacturerRequest request, CancellationToken ct)
    {
        if (!actor.May(Permission.ManageTokens))
        {
            await audit.ForbiddenAsync(actor, Action, request.Id, ct);
            return new ProveManufacturerResult.Forbidden();
        }
        await using var db = await databases.CreateDbContextAsync(ct);
        var known = await db.Manufacturers.AsNoTracking().SingleOrDefaultAsync(m => m.Id == request.Id, ct);
        if (known is null or { State: ManufacturerState.Removed }) return new ProveManufacturerResult.Unknown();
        if (known.State == ManufacturerState.Registered) return new ProveManufacturerResult.Registered(known);
        if (FindProblem(known, request.Proof) is { } problem)
        {
            await audit.RefusedAsync(actor, Action, known.Id, "proof-wrong", problem, ct);
            return new ProveManufacturerResult.NotProven(problem);
        }
        return await RegisterAsync(db, actor, known, ct);
    }

    private static string? FindProblem(ManufacturerAuthority known, ReadOnlyMemory<byte> presented)
    {
        using var proof = ManufacturerCertificate.TryLoad(presented);
        if (proof is null) return "That is not a certificate in PEM or DER.";
        using var authority = X509CertificateLoader.LoadCertificate(known.Der);
        if (CommonNames(proof) is not [var name] || name != known.Challenge) return $"The certificate's only common name must be the challenge, {known.Challenge}.";
        return CertificateSignature.IsBy(proof, authority) ? null : "The certificate was not signed by the authority's key.";
    }

    private static string[] CommonNames(X509Certificate2 proof) =>
    [
        .. proof.SubjectName.EnumerateRelativeDistinguishedNames()
            .Where(part => !part.HasMultipleElements && part.GetSingleElementType().Value == "2.5.4.3")
            .Select(part => part.GetSingleElementValue() ?? ""),
    ];

    private async Task<ProveManufacturerResult> RegisterAsync(FleetDbContext db, Actor actor, ManufacturerAuthority known, CancellationToken ct)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        DateTimeOffset? now = clock.GetUtcNow();
        await db.Manufacturers.Where(m => m.Id == known.Id && m.State == ManufacturerState.AwaitingProof).ExecuteUpdateAsync(
            set => set.SetProperty(m => m.State, ManufacturerState.Registered).SetProperty(m => m.RegisteredAt, now), ct);
        audit.Done(db, actor, Action, known.Id, known.Name);
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        await authorities.ReloadAsync(ct); // From the next handshake on its devices are let in to enrol.
        return new ProveManufacturerResult.Registered(await db.Manufacturers.AsNoTracking().SingleAsync(m => m.Id == known.Id, ct));
    }
}
