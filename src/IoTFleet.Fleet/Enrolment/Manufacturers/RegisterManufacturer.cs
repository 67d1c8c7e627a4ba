using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Fleet.Audit;
using IoTFleet.Fleet.Authorities;
using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Enrolment.Manufacturers;

/// <param name="Certificate">The authority's, DER or PEM.</param>
public sealed record RegisterManufacturerRequest(string Name, string GroupId, ReadOnlyMemory<byte> Certificate);

public abstract record RegisterManufacturerResult
{
    private RegisterManufacturerResult() { }

    /// <summary>Not yet believed: its holder has to prove that it has the key. Asking again gives the same challenge.</summary>
    public sealed record AwaitingProof(ManufacturerAuthority Manufacturer) : RegisterManufacturerResult;
    public sealed record AlreadyRegistered(ManufacturerAuthority Manufacturer) : RegisterManufacturerResult;
    public sealed record UnknownGroup : RegisterManufacturerResult;
    public sealed record Invalid(string Problem) : RegisterManufacturerResult;
    public sealed record Forbidden : RegisterManufacturerResult;
}

/// <summary>
/// Announces a manufacturer's authority, whose device identities (IEEE 802.1AR) shall enrol into a group. A certificate alone proves nothing,
/// since anybody may have a copy; so a challenge must come back as the name in a certificate that the authority's key has signed.
/// </summary>
public sealed class RegisterManufacturer(IDbContextFactory<FleetDbContext> databases, AuthorityDirectory authorities, AuditTrail audit, TimeProvider clock)
{
    private const string Action = "manufacturer.register";
    private const int MaxName = 200;
    private const int ChallengeBytes = 24;

    public async Task<RegisterManufacturerResult> RunAsync(Actor actor, RegisterManufacturerRequest request, CancellationToken ct)
    {
        if (!actor.May(Permission.ManageTokens))
        {
            await audit.ForbiddenAsync(actor, Action, request.Name, ct);
            return new RegisterManufacturerResult.Forbidden();
        }
        if (request.Name.Length is 0 or > MaxName) return new RegisterManufacturerResult.Invalid($"A manufacturer's name has 1 to {MaxName} characters.");
        if (ManufacturerCertificate.TryLoad(request.Certificate) is not { } certificate) return new RegisterManufacturerResult.Invalid("That is not a certificate in PEM or DER.");
        using (certificate)
        {
            return FindProblem(certificate) is { } problem ? new RegisterManufacturerResult.Invalid(problem) : await AddAsync(actor, request, certificate, ct);
        }
    }

    private string? FindProblem(X509Certificate2 certificate)
    {
        if (certificate.Extensions.OfType<X509BasicConstraintsExtension>().FirstOrDefault() is not { CertificateAuthority: true })
            return "The certificate is not an authority's (basicConstraints CA:TRUE is missing).";
        if (authorities.Current.HasKey(Fingerprint.OfKey(certificate)))
            return "That is one of this fleet's own authorities; its certificates are no identities of a manufacturer.";
        return certificate.NotAfter.ToUniversalTime() <= clock.GetUtcNow() ? $"The certificate expired at {certificate.NotAfter.ToUniversalTime():u}." : null;
    }

    private async Task<RegisterManufacturerResult> AddAsync(
        Actor actor, RegisterManufacturerRequest request, X509Certificate2 certificate, CancellationToken ct)
    {
        var id = Fingerprint.Sha256(certificate);
        await using var db = await databases.CreateDbContextAsync(ct);
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        if (!await db.Groups.AnyAsync(g => g.Id == request.GroupId, ct)) return new RegisterManufacturerResult.UnknownGroup();
        if (await db.Manufacturers.AsNoTracking().SingleOrDefaultAsync(m => m.Id == id, ct) is { State: not ManufacturerState.Removed } known)
        {
            return known.State == ManufacturerState.Registered
                ? new RegisterManufacturerResult.AlreadyRegistered(known)
                : new RegisterManufacturerResult.AwaitingProof(known);
        }
        await db.Manufacturers.Where(m => m.Id == id).ExecuteDeleteAsync(ct); // Removed before: it begins anew, with a new challenge.
        var manufacturer = RowFor(id, request, certificate);
        db.Manufacturers.Add(manufacturer);
        audit.Done(db, actor, Action, id, $"{request.Name} into {request.GroupId}: {certificate.Subject}");
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        return new RegisterManufacturerResult.AwaitingProof(manufacturer);
    }

    private ManufacturerAuthority RowFor(string id, RegisterManufacturerRequest request, X509Certificate2 certificate) => new()
    {
        Id = id,
        GroupId = request.GroupId,
        Name = request.Name,
        Der = certificate.RawData,
        State = ManufacturerState.AwaitingProof,
        Challenge = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(ChallengeBytes)),
        CreatedAt = clock.GetUtcNow(),
    };
}
