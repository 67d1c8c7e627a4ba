using IoTFleet.Fleet.Certificates;
using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Enrolment;

/// <summary>
/// Finds out what a credential is worth and which device it speaks for. Only reads: what it found may be spent a moment later,
/// so whatever is counted is taken again, by condition, in the transaction that enrols.
/// </summary>
internal sealed class CredentialJudge(TimeProvider clock)
{
    private static readonly CompiledFor<Func<FleetDbContext, string, Task<TokenInGroup?>>> TokenByHash = new(() => EF.CompileAsyncQuery((FleetDbContext db, string hash) =>
        (from token in db.Tokens.AsNoTracking()
         join one in db.Groups.AsNoTracking() on token.GroupId equals one.Id into groups
         from found in groups.DefaultIfEmpty()
         where token.SecretHash == hash
         select new TokenInGroup(token, found)).SingleOrDefault()));

    private static readonly Actor Nobody = Actor.Enrolling("nobody");

    private static readonly CompiledFor<Func<FleetDbContext, string, Task<string?>>> SerialOnRecord = new(() => EF.CompileAsyncQuery((FleetDbContext db, string id) =>
        db.Devices.Where(d => d.Id == id).Select(d => d.HardwareSerial).SingleOrDefault()));

    public async Task<Judgement> JudgeAsync(FleetDbContext db, EnrolDeviceRequest request, CancellationToken ct)
    {
        var judgement = await JudgeCredentialAsync(db, request, ct);
        if (judgement.Standing is not { HardwareSerial: null } standing || !DeviceName.IsValid(standing.DeviceId)) return judgement;
        return standing with { HardwareSerial = await SerialOnRecord.In(db)(db, standing.DeviceId) };
    }

    private Task<Judgement> JudgeCredentialAsync(FleetDbContext db, EnrolDeviceRequest request, CancellationToken ct) => request.Credential switch
    {
        EnrolmentCredential.Token token => OfTokenAsync(db, request, token),
        EnrolmentCredential.Claim claim => OfClaimAsync(db, request, claim, ct),
        EnrolmentCredential.Manufacturer maker => OfManufacturerAsync(db, request, maker, ct),
        EnrolmentCredential.DeviceCertificate shown => OfDeviceCertificateAsync(db, request, shown, ct),
        _ => OfNothingAsync(db, request, ct),
    };

    private async Task<Judgement> OfTokenAsync(FleetDbContext db, EnrolDeviceRequest request, EnrolmentCredential.Token presented)
    {
        var found = await TokenByHash.In(db)(db, Secret.HashOf(presented.Secret));
        if (found is null || !Secret.Matches(found.Token.SecretHash, presented.Secret)) return Refuse(EnrolRefusal.TokenUnknown, Nobody);
        var (token, group) = found;
        var actor = Actor.Enrolling(token.Id);
        if (token.RevokedAt is not null) return Refuse(EnrolRefusal.TokenRevoked, actor);
        if (token.ExpiresAt <= clock.GetUtcNow()) return Refuse(EnrolRefusal.TokenExpired, actor);
        if (group is null) return Refuse(EnrolRefusal.GroupUnknown, actor);
        if (!IsAddressed(request, group.Id)) return Refuse(EnrolRefusal.CredentialOfAnotherGroup, actor);
        if (IdOf(request) is not { } id) return Refuse(EnrolRefusal.DeviceIdMissing, actor);
        if (token.DeviceId is { } bound && bound != id) return Refuse(EnrolRefusal.TokenOfAnotherDevice, actor);
        return new EnrolmentStanding
        {
            Group = group,
            Way = EnrolmentWays.Token,
            Door = EnrolmentDoor.Token,
            DeviceId = id,
            Actor = actor,
            Token = token,
            HardwareSerial = SerialOf(request),
            Replaces = token.DeviceId is not null,
        };
    }

    private async Task<Judgement> OfClaimAsync(FleetDbContext db, EnrolDeviceRequest request, EnrolmentCredential.Claim claim, CancellationToken ct)
    {
        var actor = Actor.Enrolling("claim:" + claim.Serial);
        var certificate = await db.ClaimCertificates.AsNoTracking().SingleOrDefaultAsync(c => c.Serial == claim.Serial && c.BatchId == claim.BatchId, ct);
        var batch = certificate is null ? null : await db.ClaimBatches.AsNoTracking().SingleOrDefaultAsync(b => b.Id == claim.BatchId, ct);
        if (certificate is null || batch is null) return Refuse(EnrolRefusal.ClaimUnknown, actor);
        if (certificate.RevokedAt is not null || batch.RevokedAt is not null) return Refuse(EnrolRefusal.ClaimRevoked, actor);
        if (batch.HeldAt is not null) return Refuse(EnrolRefusal.ClaimSuspended, actor);
        var now = clock.GetUtcNow();
        if (now < batch.OpensAt || now >= batch.ClosesAt) return Refuse(EnrolRefusal.BatchNotOpen, actor);
        if (!IsAddressed(request, batch.GroupId)) return Refuse(EnrolRefusal.CredentialOfAnotherGroup, actor);
        if (await GroupAsync(db, batch.GroupId, ct) is not { } group) return Refuse(EnrolRefusal.GroupUnknown, actor);
        if (IdOf(request) is not { } id) return Refuse(EnrolRefusal.DeviceIdMissing, actor);
        return new EnrolmentStanding
        {
            Group = group,
            Way = EnrolmentWays.ClaimCertificate,
            Door = EnrolmentDoor.ClaimCertificate,
            DeviceId = id,
            Actor = actor,
            Batch = batch,
            HardwareSerial = SerialOf(request),
            Evidence = $"claim certificate {claim.Serial} of batch {claim.BatchId}",
        };
    }

    /// <summary>Its maker's number is the device's, whatever the request says: the identity proves it, the request only claims.</summary>
    private static async Task<Judgement> OfManufacturerAsync(
        FleetDbContext db, EnrolDeviceRequest request, EnrolmentCredential.Manufacturer maker, CancellationToken ct)
    {
        var registered = await db.Manufacturers.AsNoTracking().SingleOrDefaultAsync(m => m.Id == maker.ManufacturerId, ct);
        var actor = Actor.Enrolling("manufacturer:" + (registered?.Name ?? "unknown"));
        if (registered is not { State: ManufacturerState.Registered }) return Refuse(EnrolRefusal.ManufacturerUnknown, actor);
        if (!IsAddressed(request, registered.GroupId)) return Refuse(EnrolRefusal.CredentialOfAnotherGroup, actor);
        if (await GroupAsync(db, registered.GroupId, ct) is not { } group) return Refuse(EnrolRefusal.GroupUnknown, actor);
        if (maker.HardwareSerial.Length == 0) return Refuse(EnrolRefusal.SerialMissing, actor);
        var listed = await db.AllowedSerials.Where(s => s.GroupId == group.Id && s.Serial == maker.HardwareSerial).Select(s => s.DeviceId).SingleOrDefaultAsync(ct);
        if ((listed ?? await IdOfSerialAsync(db, group.Id, maker.HardwareSerial, ct)) is not { } id) return Refuse(EnrolRefusal.DeviceIdMissing, actor);
        return new EnrolmentStanding
        {
            Group = group,
            Way = EnrolmentWays.Manufacturer,
            Door = EnrolmentDoor.Manufacturer,
            DeviceId = id,
            Actor = actor,
            HardwareSerial = maker.HardwareSerial,
            Evidence = maker.Evidence,
            Replaces = true,
            IsListed = listed is not null,
        };
    }

    private static async Task<Judgement> OfDeviceCertificateAsync(
        FleetDbContext db, EnrolDeviceRequest request, EnrolmentCredential.DeviceCertificate shown, CancellationToken ct)
    {
        var actor = Actor.Enrolling(shown.DeviceId);
        var groupId = await db.Devices.Where(d => d.Id == shown.DeviceId).Select(d => d.GroupId ?? EnrolmentGroup.DefaultId).SingleOrDefaultAsync(ct);
        if (groupId is null) return Refuse(EnrolRefusal.CertificateNotLive, actor);
        if (!IsAddressed(request, groupId)) return Refuse(EnrolRefusal.CredentialOfAnotherGroup, actor);
        if (await GroupAsync(db, groupId, ct) is not { } group) return Refuse(EnrolRefusal.GroupUnknown, actor);
        return new EnrolmentStanding
        {
            Group = group,
            Way = EnrolmentWays.DeviceCertificate,
            Door = EnrolmentDoor.DeviceCertificate,
            DeviceId = shown.DeviceId,
            Actor = actor,
            PresentSerial = shown.Serial,
        };
    }

    /// <summary>Only where the group asks for no credential; it then lets nobody in without an operator's approval.</summary>
    private static async Task<Judgement> OfNothingAsync(FleetDbContext db, EnrolDeviceRequest request, CancellationToken ct)
    {
        if (request.GroupId is not { } groupId) return Refuse(EnrolRefusal.CredentialMissing, Nobody);
        if (await GroupAsync(db, groupId, ct) is not { } group) return Refuse(EnrolRefusal.GroupUnknown, Nobody);
        if (group is not { Ways: EnrolmentWays.Preregistered, Approval: ApprovalMode.Queue }) return Refuse(EnrolRefusal.CredentialMissing, Nobody);
        if (IdOf(request) is not { } id) return Refuse(EnrolRefusal.DeviceIdMissing, Nobody);
        return new EnrolmentStanding
        {
            Group = group,
            Way = EnrolmentWays.Preregistered,
            Door = EnrolmentDoor.Token,
            DeviceId = id,
            Actor = Actor.Enrolling("preregistered"),
            HardwareSerial = SerialOf(request),
            Evidence = "no credential; compare the key",
        };
    }

    private static async Task<string?> IdOfSerialAsync(FleetDbContext db, string groupId, string serial, CancellationToken ct) =>
        await db.Devices.Where(d => d.GroupId == groupId && d.HardwareSerial == serial).Select(d => d.Id).FirstOrDefaultAsync(ct)
        ?? IdMadeOf(serial);

    /// <summary>Two serials that make the same id are told apart by the serial that the device's row keeps: the second is refused.</summary>
    internal static string? IdMadeOf(string serial)
    {
        var id = string.Concat(serial.Select(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-' ? char.ToLowerInvariant(c) : '-')).Trim('-', '.', '_');
        return DeviceName.IsValid(id) ? id : null;
    }

    private static string? SerialOf(EnrolDeviceRequest request) => request.HardwareSerial ?? request.Request.HardwareSerial;

    private static string? IdOf(EnrolDeviceRequest request) => request.DeviceId ?? request.Request.CommonName;

    private static bool IsAddressed(EnrolDeviceRequest request, string groupId) => request.GroupId is null || request.GroupId == groupId;

    private static Task<EnrolmentGroup?> GroupAsync(FleetDbContext db, string id, CancellationToken ct) =>
        db.Groups.AsNoTracking().SingleOrDefaultAsync(g => g.Id == id, ct);

    private static Judgement Refuse(EnrolDeviceResult.Refused refused, Actor actor) => new(null, refused, actor);

    private sealed record TokenInGroup(EnrolmentToken Token, EnrolmentGroup? Group);
}
