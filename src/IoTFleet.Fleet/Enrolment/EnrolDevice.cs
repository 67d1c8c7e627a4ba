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
/// and is checked and spent in the unit that gives leave to sign.
/// </summary>
public sealed class EnrolDevice(
    IDbContextFactory<FleetDbContext> databases, IssuancePolicy policy, AuthorityDirectory authorities, Issuance issuance, RevocationFeed feed,
    AuditTrail audit, FleetMetrics metrics, TimeProvider clock, ILogger<EnrolDevice> log)
{
    private const string Action = "device.enrol";
    private const string Nobody = "nobody";

    private static readonly Func<FleetDbContext, string, CancellationToken, Task<EnrolmentToken?>> ReadToken =
        EF.CompileAsyncQuery((FleetDbContext db, string hash, CancellationToken ct) => db.Tokens.AsNoTracking().SingleOrDefault(t => t.SecretHash == hash));

    private static readonly Func<FleetDbContext, string, CancellationToken, Task<DeviceState?>> ReadState =
        EF.CompileAsyncQuery((FleetDbContext db, string id, CancellationToken ct) => db.Devices.Where(d => d.Id == id).Select(d => (DeviceState?)d.State).SingleOrDefault());

    private static readonly Func<FleetDbContext, string, DateTimeOffset, IAsyncEnumerable<IssuedCertificate>> ReadLive =
        EF.CompileAsyncQuery((FleetDbContext db, string id, DateTimeOffset now) =>
            db.Certificates.AsNoTracking().Where(c => c.DeviceId == id && c.RevokedAt == null && c.NotAfter > now));

    private static readonly Func<FleetDbContext, string, CancellationToken, Task<string?>> ReadKeyOwner =
        EF.CompileAsyncQuery((FleetDbContext db, string key, CancellationToken ct) => db.DeviceKeys.Where(k => k.Fingerprint == key).Select(k => k.DeviceId).SingleOrDefault());

    public async Task<EnrolDeviceResult> RunAsync(EnrolDeviceRequest request, CancellationToken ct)
    {
        var token = await FindTokenAsync(request.TokenSecret, ct);
        var result = FindFault(token, request)
            ?? (policy.TryForDevice(request.DeviceId, request.Request, out var terms, out var problem)
                ? await EnrolAsync(token!, terms, request, ct)
                : new EnrolDeviceResult.Refused(EnrolRefusalKind.BadRequest, EnrolRefusal.RequestNotAcceptable, problem));
        if (result is EnrolDeviceResult.Refused refused) await TellAsync(refused, token, request, ct);
        return result;
    }

    private async Task<EnrolmentToken?> FindTokenAsync(string presented, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var token = await ReadToken(db, Secret.HashOf(presented), ct);
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

    private async Task<EnrolDeviceResult> EnrolAsync(EnrolmentToken token, LeafTerms terms, EnrolDeviceRequest request, CancellationToken ct)
    {
        var order = new IssuanceOrder(authorities.Active(AuthorityPurpose.Devices), terms, request.DeviceId, Actor.Enrolling(token.Id), Action)
        {
            Door = EnrolmentDoor.Token,
            TokenId = token.Id,
            Origin = request.Origin,
        };
        var (result, isNew) = await issuance.RunAsync<(EnrolDeviceResult, bool)>(
            order,
            (db, owed, inner) => TakeAsync(db, token, request, owed, inner),
            async (db, signed, inner) => (await StoreAsync(db, token, request, signed, inner), true), ct);
        if (isNew && result is EnrolDeviceResult.Issued issued) Announce(issued, token, request);
        return result;
    }

    private async Task<Taking<(EnrolDeviceResult, bool)>> TakeAsync(
        FleetDbContext db, EnrolmentToken token, EnrolDeviceRequest request, IssuanceIntent? owed, CancellationToken ct)
    {
        var state = await ReadState(db, request.DeviceId, ct);
        if (ShutOut(state) is { } shutOut) return Instead(shutOut);
        var live = await ReadLive(db, request.DeviceId, clock.GetUtcNow()).ToListAsync(ct);
        var same = live.FirstOrDefault(c => c.KeyFingerprint == request.Request.KeyFingerprint);
        if (same is not null) return Instead(new EnrolDeviceResult.Issued(same.Der, same.Serial, same.NotAfter)); // A retry, whose first answer got lost.
        if (live.Count > 0 && token.DeviceId is null) return Instead(EnrolRefusal.AlreadyEnrolled);
        if (await TakeKeyAsync(db, request, ct) is { } taken) return Instead(taken);
        if (owed is null && !await SpendAsync(db, token.Id, ct)) return Instead(EnrolRefusal.TokenUsedUp);
        await TakeDeviceAsync(db, request.DeviceId, state, ct);
        return new Taking<(EnrolDeviceResult, bool)>.Granted();
    }

    private static Taking<(EnrolDeviceResult, bool)>.Instead Instead(EnrolDeviceResult answer) => new((answer, false));

    private static EnrolDeviceResult.Refused? ShutOut(DeviceState? state) => state switch
    {
        DeviceState.Suspended => EnrolRefusal.DeviceSuspended,
        DeviceState.Revoked => EnrolRefusal.DeviceRevoked,
        _ => null,
    };

    private static async Task<EnrolDeviceResult.Refused?> TakeKeyAsync(FleetDbContext db, EnrolDeviceRequest request, CancellationToken ct)
    {
        var fingerprint = request.Request.KeyFingerprint;
        var owner = await ReadKeyOwner(db, fingerprint, ct);
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

    /// <summary>Makes the device active; makes its row if there is none.</summary>
    private async Task TakeDeviceAsync(FleetDbContext db, string id, DeviceState? state, CancellationToken ct)
    {
        var now = clock.GetUtcNow();
        if (state is null)
            db.Devices.Add(new Device { Id = id, State = DeviceState.Active, RegisteredAt = now, StateChangedAt = now });
        else if (state == DeviceState.Registered)
            await db.Devices.Where(d => d.Id == id && d.State == DeviceState.Registered).ExecuteUpdateAsync(
                set => set.SetProperty(d => d.State, DeviceState.Active).SetProperty(d => d.StateChangedAt, now), ct);
    }

    private async Task<EnrolDeviceResult> StoreAsync(
        FleetDbContext db, EnrolmentToken token, EnrolDeviceRequest request, SignedCertificate signed, CancellationToken ct)
    {
        var shutOut = await LockDeviceAsync(db, request.DeviceId, ct);
        if (shutOut is null && token.DeviceId is not null) await SupersedeAsync(db, request.DeviceId, ct);
        db.Certificates.Add(RowFor(signed, request, shutOut is null ? null : clock.GetUtcNow()));
        return shutOut ?? (EnrolDeviceResult)new EnrolDeviceResult.Issued(signed.Leaf.Der, signed.Leaf.SerialHex, signed.Leaf.NotAfter);
    }

    /// <summary>Changes nothing, but locks the row against a revocation at the same moment; one may have come while the key signed.</summary>
    private static async Task<EnrolDeviceResult.Refused?> LockDeviceAsync(FleetDbContext db, string id, CancellationToken ct)
    {
        var active = await db.Devices.Where(d => d.Id == id && d.State == DeviceState.Active)
            .ExecuteUpdateAsync(set => set.SetProperty(d => d.State, DeviceState.Active), ct);
        return active == 1 ? null : ShutOut(await ReadState(db, id, ct)) ?? EnrolRefusal.DeviceRevoked;
    }

    /// <summary>A device enrolled anew by a token of its own has lost its key or was replaced: what its old key holds must not stay welcome.</summary>
    private async Task SupersedeAsync(FleetDbContext db, string deviceId, CancellationToken ct)
    {
        DateTimeOffset? now = clock.GetUtcNow();
        RevocationReason? superseded = RevocationReason.Superseded;
        foreach (var old in await ReadLive(db, deviceId, now.Value).ToListAsync(ct))
        {
            await db.Certificates.Where(c => c.Serial == old.Serial).ExecuteUpdateAsync(
                set => set.SetProperty(c => c.RevokedAt, now).SetProperty(c => c.RevocationReason, superseded), ct);
            feed.Append(db, RevocationKind.CertificateRevoked, old.DeviceId, old.Serial);
        }
    }

    private static IssuedCertificate RowFor(SignedCertificate signed, EnrolDeviceRequest request, DateTimeOffset? revokedAt) => new()
    {
        Serial = signed.Leaf.SerialHex,
        DeviceId = request.DeviceId,
        KeyFingerprint = request.Request.KeyFingerprint,
        IssuerId = signed.Intent.IssuerId,
        Door = signed.Intent.Door ?? EnrolmentDoor.Token,
        TokenId = signed.Intent.TokenId,
        BatchId = signed.Intent.BatchId,
        Der = signed.Leaf.Der.ToArray(),
        NotBefore = signed.Leaf.NotBefore,
        NotAfter = signed.Leaf.NotAfter,
        Lineage = signed.Leaf.SerialHex,
        LogIndex = signed.LogIndex,
        RevokedAt = revokedAt,
        RevocationReason = revokedAt is null ? null : RevocationReason.CessationOfOperation,
    };

    private void Announce(EnrolDeviceResult.Issued issued, EnrolmentToken token, EnrolDeviceRequest request)
    {
        if (token.DeviceId is not null) feed.Announce(); // It may have superseded others.
        metrics.CountCertificateIssued();
        FleetLog.CertificateIssued(log, issued.Serial, request.DeviceId, token.Id, issued.NotAfter);
    }

    private async Task TellAsync(EnrolDeviceResult.Refused refused, EnrolmentToken? token, EnrolDeviceRequest request, CancellationToken ct)
    {
        metrics.CountEnrolmentRefused(refused.Code);
        FleetLog.EnrolmentRefused(log, request.DeviceId, refused.Code, refused.Detail);
        var actor = Actor.Enrolling(token?.Id ?? Nobody);
        await audit.RefusedAsync(actor, Action, request.DeviceId, refused.Code, $"{refused.Detail} From {request.Origin ?? Nobody}.", ct);
    }
}
