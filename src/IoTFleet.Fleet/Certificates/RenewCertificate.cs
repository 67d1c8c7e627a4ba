using IoTFleet.Fleet.Audit;
using IoTFleet.Fleet.Authorities;
using IoTFleet.Fleet.Enrolment;
using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Fleet.Certificates;

/// <param name="DeviceId">From the certificate that was shown.</param>
/// <param name="Serial">Of that certificate, lower-case hex.</param>
/// <param name="Request">Parsed, so it holds the key it names.</param>
/// <param name="Origin">Where it came from, for the audit trail.</param>
public sealed record RenewCertificateRequest(string DeviceId, string Serial, SigningRequest Request, string? Origin = null);

public abstract record RenewCertificateResult
{
    private RenewCertificateResult() { }

    /// <summary>The certificate is committed: whoever asks again with the same key gets the same one.</summary>
    /// <param name="Certificate">Its row.</param>
    /// <param name="Window">When it is to be renewed in its turn.</param>
    public sealed record Renewed(IssuedCertificate Certificate, RenewalWindow Window) : RenewCertificateResult;

    /// <param name="Kind">What sort of answer it deserves.</param>
    /// <param name="Code">Stable, for programs.</param>
    /// <param name="Detail">For the person at the device: what is wrong and what to do.</param>
    public sealed record Refused(EnrolRefusalKind Kind, string Code, string Detail) : RenewCertificateResult
    {
        /// <summary>When it is worth asking again.</summary>
        public TimeSpan? RetryAfter { get; init; }
    }
}

/// <summary>
/// A device gets the next certificate by the present one (RFC 7030 4.2.2). A door, so it takes no actor: the certificate is what is judged.
/// The present one stays good until the new one has been used: see <see cref="FirstUses"/>. Asked twice with different keys, the newer
/// answer takes the place of the older one, so that a device never has more than two.
/// </summary>
public sealed class RenewCertificate(
    IDbContextFactory<FleetDbContext> databases, IssuancePolicy policy, AuthorityDirectory authorities, Issuance issuance, FirstUses uses, LineageGuard guard,
    RenewalTurns turns, RenewalSchedule schedule, RevocationFeed feed, AuditTrail audit, FleetMetrics metrics, TimeProvider clock, ILogger<RenewCertificate> log)
{
    private const string Action = "certificate.renew";

    private readonly RenewalUnits _units = new(feed, clock);

    public async Task<RenewCertificateResult> RunAsync(RenewCertificateRequest request, CancellationToken ct)
    {
        var result = await RenewAsync(request, ct);
        if (result is RenewCertificateResult.Refused refused) await TellAsync(refused, request, ct);
        return result;
    }

    private async Task<RenewCertificateResult> RenewAsync(RenewCertificateRequest request, CancellationToken ct)
    {
        RenewalStanding? standing;
        await using (var db = await databases.CreateDbContextAsync(ct)) standing = await RenewalStanding.ReadAsync(db, request.DeviceId, request.Serial, ct);
        if (standing is null) return RenewRefusal.CertificateUnknown;
        if (await guard.IsForkAsync(standing.Certificate, ct)) return RenewRefusal.LineageFork;
        if (standing.FindFault(authorities.Current, clock.GetUtcNow()) is { } fault) return fault;
        if (request.Request.IsRsa && !standing.AllowRsa) return RenewRefusal.RsaNotAllowed;
        if (FindProblem(request, out var terms) is { } problem) return problem;
        if (turns.Ask(request.DeviceId, standing.Certificate.NotAfter - clock.GetUtcNow()) is { } wait) return RenewRefusal.Busy(wait);

        if (standing.Certificate.FirstUsedAt is null) uses.Note(request.Serial); // Whoever renews with it has it.
        var order = new IssuanceOrder(authorities.Active(AuthorityPurpose.Devices), standing.Adapt(terms!), request.DeviceId, Actor.Device(request.DeviceId), Action)
        {
            Door = standing.DoorAt(clock.GetUtcNow()),
            BatchId = standing.Certificate.BatchId,
            Origin = request.Origin,
        };
        var answer = await issuance.RunAsync(
            order, (db, _, stop) => _units.TakeAsync(db, request, authorities.Current, stop), (db, signed, stop) => _units.StoreAsync(db, standing, signed, stop), ct);
        return answer is RenewalOutcome.Stored stored ? Tell(stored, standing) : ((RenewalOutcome.Refused)answer).Refusal;
    }

    /// <summary>Subject and names must be those of the present certificate (RFC 7030 4.2.2); left out, they are.</summary>
    private RenewCertificateResult.Refused? FindProblem(RenewCertificateRequest request, out LeafTerms? terms)
    {
        terms = null;
        if (request.Request.CommonName is { } name && name != request.DeviceId) return RenewRefusal.NameMismatch($"The request's subject must be that of the certificate it renews, CN={request.DeviceId}, or absent.");
        if (request.Request.RequestedUri is { } uri && uri != UriOf(request.DeviceId))
            return RenewRefusal.NameMismatch($"The request's subject alternative name must be that of the certificate it renews, {UriOf(request.DeviceId)}, or absent.");
        return policy.TryForDevice(request.DeviceId, request.Request, out terms, out var problem) ? null : RenewRefusal.RequestNotAcceptable(problem);
    }

    private string UriOf(string deviceId) => authorities.Current.Names.DeviceUri(deviceId).OriginalString;

    private RenewCertificateResult.Renewed Tell(RenewalOutcome.Stored stored, RenewalStanding standing)
    {
        if (stored.Replaced) feed.Announce();
        if (!stored.Repeated)
        {
            metrics.CountCertificateIssued();
            FleetLog.CertificateRenewed(log, stored.Certificate.Serial, stored.Certificate.DeviceId, standing.Certificate.Serial, stored.Certificate.NotAfter);
        }
        return new RenewCertificateResult.Renewed(stored.Certificate, schedule.For(stored.Certificate, standing.RenewRequestedAt));
    }

    private async Task TellAsync(RenewCertificateResult.Refused refused, RenewCertificateRequest request, CancellationToken ct)
    {
        metrics.CountEnrolmentRefused(refused.Code);
        FleetLog.RenewalRefused(log, request.DeviceId, request.Serial, refused.Code);
        if (refused.Kind == EnrolRefusalKind.TryLater) return; // Nobody did anything wrong, and after an outage there are thousands.
        await audit.RefusedAsync(Actor.Device(request.DeviceId), Action, request.DeviceId, refused.Code, $"Certificate {request.Serial}: {refused.Detail} From {request.Origin ?? "nowhere"}.", ct);
    }
}
