using IoTFleet.Fleet.Audit;
using IoTFleet.Fleet.Authorities;
using IoTFleet.Fleet.Certificates;
using IoTFleet.Fleet.Devices;
using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Fleet.Enrolment;

/// <param name="TokenSecret">What the device presented as its token.</param>
/// <param name="DeviceId">Who it says it is.</param>
/// <param name="Request">Parsed, so it holds the key it names.</param>
/// <param name="Origin">Where it came from, for the audit trail.</param>
public sealed record EnrolDeviceRequest(string TokenSecret, string DeviceId, SigningRequest Request, string? Origin = null)
{
    public override string ToString() => $"{nameof(EnrolDeviceRequest)} of {DeviceId}"; // Never the token.
}

/// <summary>Unauthorized: no valid credential. Forbidden: a credential that may not do this. Conflict: at odds with what is known. BadRequest: mend the request.</summary>
public enum EnrolRefusalKind { Unauthorized, Forbidden, Conflict, BadRequest }

public abstract record EnrolDeviceResult
{
    private EnrolDeviceResult() { }

    /// <summary>The certificate is committed: whoever asks again with the same key gets the same one.</summary>
    public sealed record Issued(ReadOnlyMemory<byte> CertificateDer, string Serial, DateTimeOffset NotAfter) : EnrolDeviceResult;

    /// <param name="Kind">What sort of answer it deserves.</param>
    /// <param name="Code">Stable, for programs.</param>
    /// <param name="Detail">For the person at the device: what is wrong and what to do.</param>
    public sealed record Refused(EnrolRefusalKind Kind, string Code, string Detail) : EnrolDeviceResult;
}

/// <summary>
/// A device without a certificate gets its first one, by a token. A door, so it takes no actor: the token is the credential,
/// and is checked and spent in the transaction that stores the certificate.
/// </summary>
public sealed class EnrolDevice(
    IDbContextFactory<FleetDbContext> databases, IssuancePolicy policy, AuthorityDirectory authorities, RevocationFeed feed,
    AuditTrail audit, FleetMetrics metrics, TimeProvider clock, ILogger<EnrolDevice> log)
{
    private const string Action = "device.enrol";
    private const string Nobody = "nobody";

    public async Task<EnrolDeviceResult> RunAsync(EnrolDeviceRequest request, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var token = await FindTokenAsync(db, request.TokenSecret, ct);
        var result = FindFault(token, request)
            ?? (policy.TryForDevice(request.DeviceId, request.Request, out var terms, out var problem)
                ? await EnrolAsync(db, token!, terms, request, ct)
                : new EnrolDeviceResult.Refused(EnrolRefusalKind.BadRequest, EnrolRefusal.RequestNotAcceptable, problem));
        if (result is EnrolDeviceResult.Refused refused) await TellAsync(refused, token, request, ct);
        return result;
    }

    private static async Task<EnrolmentToken?> FindTokenAsync(FleetDbContext db, string presented, CancellationToken ct)
    {
        var hash = Secret.HashOf(presented);
        var token = await db.Tokens.AsNoTracking().SingleOrDefaultAsync(t => t.SecretHash == hash, ct);
        return token is not null && Secret.Matches(token.SecretHash, presented) ? token : null;
    }

    private EnrolDeviceResult.Refused? FindFault(EnrolmentToken? token, EnrolDeviceRequest request)
    {
        if (token is null) return EnrolRefusal.TokenUnknown;
        if (token.RevokedAt is not null) return EnrolRefusal.TokenRevoked;
        if (token.ExpiresAt <= clock.GetUtcNow()) return EnrolRefusal.TokenExpired;
        if (token.DeviceId is { } bound && bound != request.DeviceId) return EnrolRefusal.TokenOfAnotherDevice;
        return null;
    }

    private async Task<EnrolDeviceResult> EnrolAsync(
        FleetDbContext db, EnrolmentToken token, LeafTerms terms, EnrolDeviceRequest request, CancellationToken ct)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        if (await TakeDeviceAsync(db, request.DeviceId, ct) is { } shutOut) return shutOut;
        var live = await LiveCertificatesAsync(db, request.DeviceId, ct);
        var same = live.FirstOrDefault(c => c.KeyFingerprint == request.Request.KeyFingerprint);
        if (same is not null) return new EnrolDeviceResult.Issued(same.Der, same.Serial, same.NotAfter); // A retry, whose first answer got lost.
        if (live.Count > 0 && token.DeviceId is null) return EnrolRefusal.AlreadyEnrolled;
        if (await TakeKeyAsync(db, request, ct) is { } taken) return taken;
        if (!await SpendAsync(db, token.Id, ct)) return EnrolRefusal.TokenUsedUp;

        await SupersedeAsync(db, live, ct);
        var authority = authorities.Active(AuthorityPurpose.Devices);
        var leaf = authority.Issue(terms);
        db.Certificates.Add(RowFor(leaf, AuthorityId.Of(authority.Certificate), token, request));
        audit.Done(db, Actor.Enrolling(token.Id), Action, request.DeviceId, $"certificate {leaf.SerialHex}, from {request.Origin ?? Nobody}");
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct); // Before its bytes leave: a certificate that no row knows could never be revoked.

        if (live.Count > 0) feed.Announce();
        metrics.CountCertificateIssued();
        FleetLog.CertificateIssued(log, leaf.SerialHex, request.DeviceId, token.Id, leaf.NotAfter);
        return new EnrolDeviceResult.Issued(leaf.Der, leaf.SerialHex, leaf.NotAfter);
    }

    /// <summary>Makes the device active, which also locks its row against a revocation at the same moment; makes the row if there is none.</summary>
    private async Task<EnrolDeviceResult.Refused?> TakeDeviceAsync(FleetDbContext db, string id, CancellationToken ct)
    {
        var now = clock.GetUtcNow();
        await db.Devices.Where(d => d.Id == id && d.State == DeviceState.Registered).ExecuteUpdateAsync(
            set => set.SetProperty(d => d.State, DeviceState.Active).SetProperty(d => d.StateChangedAt, now), ct);
        var state = await db.Devices.Where(d => d.Id == id).Select(d => (DeviceState?)d.State).SingleOrDefaultAsync(ct);
        if (state == DeviceState.Suspended) return EnrolRefusal.DeviceSuspended;
        if (state == DeviceState.Revoked) return EnrolRefusal.DeviceRevoked;
        if (state is null)
            db.Devices.Add(new Device { Id = id, State = DeviceState.Active, RegisteredAt = now, StateChangedAt = now });
        return null;
    }

    private Task<List<IssuedCertificate>> LiveCertificatesAsync(FleetDbContext db, string deviceId, CancellationToken ct)
    {
        var now = clock.GetUtcNow();
        return db.Certificates.AsNoTracking()
            .Where(c => c.DeviceId == deviceId && c.RevokedAt == null && c.NotAfter > now).ToListAsync(ct);
    }

    private static async Task<EnrolDeviceResult.Refused?> TakeKeyAsync(FleetDbContext db, EnrolDeviceRequest request, CancellationToken ct)
    {
        var fingerprint = request.Request.KeyFingerprint;
        var owner = await db.DeviceKeys.Where(k => k.Fingerprint == fingerprint).Select(k => k.DeviceId).SingleOrDefaultAsync(ct);
        if (owner is null) db.DeviceKeys.Add(new DeviceKey { Fingerprint = fingerprint, DeviceId = request.DeviceId });
        return owner is null || owner == request.DeviceId ? null : EnrolRefusal.KeyOfAnotherDevice;
    }

    /// <summary>The condition is in the update, so however many ask at once, no more than MaxUses get a row.</summary>
    private async Task<bool> SpendAsync(FleetDbContext db, string tokenId, CancellationToken ct)
    {
        var now = clock.GetUtcNow();
        return await db.Tokens
            .Where(t => t.Id == tokenId && t.Uses < t.MaxUses && t.RevokedAt == null && t.ExpiresAt > now)
            .ExecuteUpdateAsync(set => set.SetProperty(t => t.Uses, t => t.Uses + 1), ct) == 1;
    }

    /// <summary>A device enrolled anew by a token of its own has lost its key or was replaced: what its old key holds must not stay welcome.</summary>
    private async Task SupersedeAsync(FleetDbContext db, List<IssuedCertificate> live, CancellationToken ct)
    {
        DateTimeOffset? now = clock.GetUtcNow();
        RevocationReason? superseded = RevocationReason.Superseded;
        foreach (var old in live)
        {
            await db.Certificates.Where(c => c.Serial == old.Serial).ExecuteUpdateAsync(
                set => set.SetProperty(c => c.RevokedAt, now).SetProperty(c => c.RevocationReason, superseded), ct);
            feed.Append(db, RevocationKind.CertificateRevoked, old.DeviceId, old.Serial);
        }
    }

    private static IssuedCertificate RowFor(IssuedLeaf leaf, string issuerId, EnrolmentToken token, EnrolDeviceRequest request) => new()
    {
        Serial = leaf.SerialHex,
        DeviceId = request.DeviceId,
        KeyFingerprint = request.Request.KeyFingerprint,
        IssuerId = issuerId,
        TokenId = token.Id,
        Der = leaf.Der.ToArray(),
        NotBefore = leaf.NotBefore,
        NotAfter = leaf.NotAfter,
    };

    private async Task TellAsync(EnrolDeviceResult.Refused refused, EnrolmentToken? token, EnrolDeviceRequest request, CancellationToken ct)
    {
        metrics.CountEnrolmentRefused(refused.Code);
        FleetLog.EnrolmentRefused(log, request.DeviceId, refused.Code, refused.Detail);
        var actor = Actor.Enrolling(token?.Id ?? Nobody);
        await audit.RefusedAsync(actor, Action, request.DeviceId, refused.Code, $"{refused.Detail} From {request.Origin ?? Nobody}.", ct);
    }
}
