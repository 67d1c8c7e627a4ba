using IoTFleet.Fleet.Audit;
using IoTFleet.Fleet.Authorities;
using IoTFleet.Fleet.Certificates;
using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Fleet.Services;

/// <param name="Name">The service.</param>
/// <param name="Request">Parsed, so its sender holds the key it names.</param>
public sealed record IssueServiceCertificateRequest(string Name, SigningRequest Request);

public abstract record IssueServiceCertificateResult
{
    private IssueServiceCertificateResult() { }

    /// <summary>The certificate is committed.</summary>
    public sealed record Issued(IssuedLeaf Leaf) : IssueServiceCertificateResult;
    public sealed record Invalid(string Problem) : IssueServiceCertificateResult;

    /// <summary>The key is a device's or another service's.</summary>
    public sealed record KeyOfAnother : IssueServiceCertificateResult;
    public sealed record Revoked : IssueServiceCertificateResult;

    /// <summary>The data folder was made before there were services, and the root's key was not there to make their authority.</summary>
    public sealed record NoAuthority : IssueServiceCertificateResult;
    public sealed record UnknownService : IssueServiceCertificateResult;
    public sealed record Forbidden : IssueServiceCertificateResult;
}

/// <summary>Gives a service a certificate for a key it made itself: its first, a renewal, or one more for another place it runs at.</summary>
public sealed class IssueServiceCertificate(
    IssuancePolicy policy, AuthorityDirectory authorities, Issuance issuance, AuditTrail audit, FleetMetrics metrics, TimeProvider clock,
    ILogger<IssueServiceCertificate> log)
{
    private const string Action = "service.issue";

    public async Task<IssueServiceCertificateResult> RunAsync(Actor actor, IssueServiceCertificateRequest request, CancellationToken ct)
    {
        if (!actor.May(Permission.ManageServices))
        {
            await audit.ForbiddenAsync(actor, Action, request.Name, ct);
            return new IssueServiceCertificateResult.Forbidden();
        }
        if (authorities.FindActive(AuthorityPurpose.Services) is not { } authority) return new IssueServiceCertificateResult.NoAuthority();
        if (!policy.TryForService(request.Name, request.Request, out var terms, out var problem)) return new IssueServiceCertificateResult.Invalid(problem);
        return await IssueAsync(actor, authority, terms, request, ct);
    }

    private async Task<IssueServiceCertificateResult> IssueAsync(
        Actor actor, CertificateAuthority authority, LeafTerms terms, IssueServiceCertificateRequest request, CancellationToken ct)
    {
        var order = new IssuanceOrder(authority, terms, request.Name, actor, Action);
        var result = await issuance.RunAsync<IssueServiceCertificateResult>(
            order, (db, _, inner) => CheckAsync(db, request, inner), (db, signed, inner) => StoreAsync(db, request, signed, inner), ct);
        if (result is IssueServiceCertificateResult.Issued { Leaf: var leaf })
        {
            metrics.CountCertificateIssued();
            FleetLog.ServiceCertificateIssued(log, leaf.SerialHex, request.Name, actor.Name, leaf.NotAfter);
        }
        return result;
    }

    private static async Task<Taking<IssueServiceCertificateResult>> CheckAsync(FleetDbContext db, IssueServiceCertificateRequest request, CancellationToken ct)
    {
        if (!await LockServiceAsync(db, request.Name, ct))
        {
            var known = await db.Services.AnyAsync(s => s.Name == request.Name, ct);
            return Instead(known ? new IssueServiceCertificateResult.Revoked() : new IssueServiceCertificateResult.UnknownService());
        }
        return await IsKeyOfAnotherAsync(db, request, ct)
            ? Instead(new IssueServiceCertificateResult.KeyOfAnother())
            : new Taking<IssueServiceCertificateResult>.Granted();
    }

    private static Taking<IssueServiceCertificateResult> Instead(IssueServiceCertificateResult answer) => new Taking<IssueServiceCertificateResult>.Instead(answer);

    private async Task<IssueServiceCertificateResult> StoreAsync(
        FleetDbContext db, IssueServiceCertificateRequest request, SignedCertificate signed, CancellationToken ct)
    {
        var active = await LockServiceAsync(db, request.Name, ct); // It may have been revoked while the key signed.
        db.ServiceCertificates.Add(RowFor(signed, request, active ? null : clock.GetUtcNow()));
        return active ? new IssueServiceCertificateResult.Issued(signed.Leaf) : new IssueServiceCertificateResult.Revoked();
    }

    /// <summary>Changes nothing, but locks the row against a revocation at the same moment.</summary>
    private static async Task<bool> LockServiceAsync(FleetDbContext db, string name, CancellationToken ct) =>
        await db.Services.Where(s => s.Name == name && s.State == ServiceState.Active)
            .ExecuteUpdateAsync(set => set.SetProperty(s => s.State, ServiceState.Active), ct) == 1;

    private static async Task<bool> IsKeyOfAnotherAsync(FleetDbContext db, IssueServiceCertificateRequest request, CancellationToken ct)
    {
        var fingerprint = request.Request.KeyFingerprint;
        return await db.DeviceKeys.AnyAsync(k => k.Fingerprint == fingerprint, ct)
            || await db.ServiceCertificates.AnyAsync(c => c.KeyFingerprint == fingerprint && c.ServiceName != request.Name, ct);
    }

    private static ServiceCertificate RowFor(SignedCertificate signed, IssueServiceCertificateRequest request, DateTimeOffset? revokedAt) => new()
    {
        Serial = signed.Leaf.SerialHex,
        ServiceName = request.Name,
        KeyFingerprint = request.Request.KeyFingerprint,
        IssuerId = signed.Intent.IssuerId,
        Der = signed.Leaf.Der.ToArray(),
        NotBefore = signed.Leaf.NotBefore,
        NotAfter = signed.Leaf.NotAfter,
        RevokedAt = revokedAt,
        RevocationReason = revokedAt is null ? null : RevocationReason.CessationOfOperation,
    };
}
