using IoTFleet.Fleet.Audit;
using IoTFleet.Fleet.Authorities;
using IoTFleet.Fleet.Certificates;
using IoTFleet.Fleet.Enrolment.Groups;
using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Fleet.Enrolment;

/// <param name="Credential">What the device shows.</param>
/// <param name="Request">Parsed, so it holds the key it names.</param>
public sealed record EnrolDeviceRequest(EnrolmentCredential Credential, SigningRequest Request)
{
    public EnrolDeviceRequest(string tokenSecret, string deviceId, SigningRequest request, string? origin = null)
        : this(new EnrolmentCredential.Token(tokenSecret), request) => (DeviceId, Origin) = (deviceId, origin);

    /// <summary>Who it says it is, where that is not in the signing request.</summary>
    public string? DeviceId { get; init; }

    /// <summary>The group it addressed, by the label of the address; null when it named none.</summary>
    public string? GroupId { get; init; }

    /// <summary>What it says its maker calls it.</summary>
    public string? HardwareSerial { get; init; }

    /// <summary>Where it came from, for the audit trail.</summary>
    public string? Origin { get; init; }

    /// <summary>The request was found linked to the TLS session it came by. RFC 7030 3.5</summary>
    public bool IsChannelBound { get; init; }

    /// <summary>The key was made by the server for this request.</summary>
    public bool KeyByServer { get; init; }

    public override string ToString() => $"{nameof(EnrolDeviceRequest)} of {DeviceId ?? Request.CommonName} by {Credential}"; // Never the token.
}

/// <summary>
/// Unauthorized: no valid credential. Forbidden: a credential that may not do this. Conflict: at odds with what is known. BadRequest: mend the request.
/// NotFound: no such group. TryLater: nothing wrong but the moment. TooMany: this peer asks too often. WrongType, TooLarge: of the body.
/// </summary>
public enum EnrolRefusalKind { Unauthorized, Forbidden, Conflict, BadRequest, NotFound, TryLater, TooMany, WrongType, TooLarge }

public abstract record EnrolDeviceResult
{
    private EnrolDeviceResult() { }

    /// <summary>The certificate is committed: whoever asks again with the same key gets the same one.</summary>
    public sealed record Issued(ReadOnlyMemory<byte> CertificateDer, string Serial, DateTimeOffset NotAfter) : EnrolDeviceResult
    {
        public required string DeviceId { get; init; }
        public required string IssuerId { get; init; }
        public required DateTimeOffset NotBefore { get; init; }
        public required string GroupId { get; init; }
        public long? LogIndex { get; init; }

        /// <summary>It was issued before, to the same request.</summary>
        public bool Repeated { get; init; }
    }

    /// <summary>An operator has to decide; the device asks again, with the same request.</summary>
    /// <param name="Id">The waiting request's.</param>
    /// <param name="IsNew">It was not waiting before.</param>
    public sealed record Pending(string Id, TimeSpan RetryAfter, bool IsNew) : EnrolDeviceResult;

    /// <param name="Kind">What sort of answer it deserves.</param>
    /// <param name="Code">Stable, for programs.</param>
    /// <param name="Detail">For the person at the device: what is wrong and what to do.</param>
    public sealed record Refused(EnrolRefusalKind Kind, string Code, string Detail) : EnrolDeviceResult
    {
        /// <summary>When it is worth asking again.</summary>
        public TimeSpan? RetryAfter { get; init; }
    }
}

/// <summary>
/// A device gets a certificate by whatever credential its group takes. A door, so it takes no actor: the credential is what is judged.
/// First only reading, side by side with others; then <see cref="Issuance"/>, whose first unit holds everything against what is committed
/// and takes what the certificate costs, and whose last one stores it. Only then do its bytes leave.
/// </summary>
public sealed class EnrolDevice(
    IDbContextFactory<FleetDbContext> databases, IssuancePolicy policy, AuthorityDirectory authorities, Issuance issuance, RevocationFeed feed,
    AuditTrail audit, FleetMetrics metrics, TimeProvider clock, ILogger<EnrolDevice> log)
{
    private const string Action = "device.enrol";
    private const string Nobody = "nobody";

    private readonly CredentialJudge _judge = new(clock);
    private readonly EnrolmentUnits _units = new(feed, audit, clock);
    private readonly AuditBudget _strangers = new(clock);

    public async Task<EnrolDeviceResult> RunAsync(EnrolDeviceRequest request, CancellationToken ct) => await RunAsync(await JudgeAsync(request, ct), request, ct);

    /// <summary>The first step alone, for a door that counts guesses: nothing is taken or written.</summary>
    public async Task<JudgedCredential> JudgeAsync(EnrolDeviceRequest request, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        return new JudgedCredential(await _judge.JudgeAsync(db, request, ct));
    }

    /// <param name="judged">What came of the same request's credential.</param>
    /// <param name="request">The device's.</param>
    /// <param name="ct">Ends with the request.</param>
    public async Task<EnrolDeviceResult> RunAsync(JudgedCredential judged, EnrolDeviceRequest request, CancellationToken ct)
    {
        var judgement = judged.Judgement;
        var result = judgement.Refused ?? await EnrolAsync(judgement.Standing!, request, ct);
        if (result is EnrolDeviceResult.Issued issued) Tell(issued, judgement.Standing!);
        // Missing credentials are no offence: clients ask without them first, to be told which to show.
        if (result is EnrolDeviceResult.Refused refused && refused != EnrolRefusal.CredentialMissing) await TellAsync(refused, judgement, request, ct);
        return result;
    }

    private async Task<EnrolDeviceResult> EnrolAsync(EnrolmentStanding standing, EnrolDeviceRequest request, CancellationToken ct)
    {
        if (GroupGate.FindFault(standing, request, clock.GetUtcNow()) is { } fault) return fault;
        if (!TryTerms(standing, request.Request, out var terms, out var problem)) return Unacceptable(problem);
        var order = new IssuanceOrder(authorities.Active(AuthorityPurpose.Devices), terms, standing.DeviceId, standing.Actor, Action)
        {
            Door = request.KeyByServer ? EnrolmentDoor.ServerKey : standing.Door,
            TokenId = standing.Token?.Id,
            BatchId = standing.Batch?.Id,
            Origin = request.Origin,
        };
        return await issuance.RunAsync(
            order, (db, owed, stop) => _units.TakeAsync(db, standing, request, owed, stop), (db, signed, stop) => _units.StoreAsync(db, standing, signed, stop), ct);
    }

    private bool TryTerms(EnrolmentStanding standing, SigningRequest request, out LeafTerms terms, out string problem)
    {
        if (!policy.TryForDevice(standing.DeviceId, request, out var found, out var fault, standing.CertifiableSerial)) { (terms, problem) = (null!, fault); return false; }
        terms = standing.Group switch
        {
            { CertificateMinutes: { } minutes } => found with { Lifetime = TimeSpan.FromMinutes(minutes) + found.Backdate }, // Short, and so from now on.
            { CertificateDays: { } days } => found with { Lifetime = TimeSpan.FromDays(days) },
            _ => found,
        };
        problem = "";
        return true;
    }

    private static EnrolDeviceResult.Refused Unacceptable(string problem) => new(EnrolRefusalKind.BadRequest, EnrolRefusal.RequestNotAcceptable, problem);

    private void Tell(EnrolDeviceResult.Issued issued, EnrolmentStanding standing)
    {
        if (issued.Repeated) return;
        if (standing.Replaces) feed.Announce(); // It may have superseded others.
        metrics.CountCertificateIssued();
        FleetLog.CertificateIssued(log, issued.Serial, issued.DeviceId, standing.Actor.Name, issued.NotAfter);
    }

    private async Task TellAsync(EnrolDeviceResult.Refused refused, Judgement judgement, EnrolDeviceRequest request, CancellationToken ct)
    {
        var subject = judgement.Standing?.DeviceId ?? request.DeviceId ?? request.Request.CommonName ?? Nobody;
        metrics.CountEnrolmentRefused(refused.Code);
        FleetLog.EnrolmentRefused(log, subject, refused.Code, refused.Detail);
        // Guesses cost the guesser nothing, so they may not fill the disk; they stay counted.
        if (refused.Kind == EnrolRefusalKind.Unauthorized && !_strangers.TryTake()) return;
        await audit.RefusedAsync(judgement.Actor, Action, subject, refused.Code, $"{refused.Detail} From {request.Origin ?? Nobody}.", ct);
    }
}
