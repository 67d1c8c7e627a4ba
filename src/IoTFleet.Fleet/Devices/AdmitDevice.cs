using IoTFleet.Fleet.Certificates;
using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Devices;

/// <param name="DeviceId">From the certificate's identity.</param>
/// <param name="CertificateSerial">Lower-case hex.</param>
/// <param name="LoggedAs">The certificate's leaf hash, when only logged certificates may come in.</param>
/// <param name="IssuerId">The authority that the certificate names; empty where the certificate's row is to tell.</param>
public sealed record AdmitDeviceRequest(string DeviceId, string CertificateSerial, byte[]? LoggedAs = null, string IssuerId = "");

public enum RefusalReason
{
    UnknownDevice,
    DeviceNotEnrolled,
    DeviceSuspended,
    DeviceRevoked,
    CertificateUnknown,
    NotInLog,
    CertificateRevoked,
    CertificateSuspended,
    CertificateSuperseded,
    LineageFork,
    CloneHold,
    CertificateNotYetValid,
    CertificateExpired,
    KeyRevoked,
    BatchBlocked,
    AuthorityRevoked,
}

public abstract record AdmitDeviceResult
{
    private AdmitDeviceResult() { }

    /// <param name="Facts">What the certificate may be refused by later.</param>
    public sealed record Admitted(Actor Actor, CertificateFacts Facts) : AdmitDeviceResult;
    public sealed record Refused(RefusalReason Reason) : AdmitDeviceResult;
}

/// <summary>
/// Asked at each connect, with a certificate whose chain was verified: is this device, with this certificate, welcome now?
/// A door, so it takes no actor; one read, so that a whole fleet may come back at once.
/// </summary>
public sealed class AdmitDevice(IDbContextFactory<FleetDbContext> databases, RevokedSet revoked, FirstUses uses, LineageGuard guard, TimeProvider clock)
{
    // Compiled once: building the query anew would cost more than running it.
    private static readonly CompiledFor<Func<FleetDbContext, string, string, byte[]?, CancellationToken, Task<Standing?>>> ReadStanding =
        new(() => EF.CompileAsyncQuery((FleetDbContext db, string id, string serial, byte[]? leaf, CancellationToken ct) =>
            (from device in db.Devices
             where device.Id == id
             from certificate in db.Certificates.Where(c => c.Serial == serial && c.DeviceId == device.Id).DefaultIfEmpty()
             select new Standing(
                 device.State, certificate != null, certificate!.RevokedAt, certificate.HeldAt, certificate.NotBefore, certificate.NotAfter,
                 certificate.IssuerId, certificate.KeyFingerprint, certificate.BatchId, db.LogLeaves.Any(l => l.Hash == leaf),
                 certificate.RevocationReason == RevocationReason.Superseded, certificate.FirstUsedAt != null, device.CloneSuspectedAt != null))
            .SingleOrDefault()));

    public async Task<AdmitDeviceResult> RunAsync(AdmitDeviceRequest request, CancellationToken ct)
    {
        Standing? standing;
        await using (var db = await databases.CreateDbContextAsync(ct)) standing = await ReadStanding.In(db)(db, request.DeviceId, request.CertificateSerial, request.LoggedAs, ct);
        if (standing is { IsSuperseded: true, State: DeviceState.Active } && await guard.IsForkAsync(request.DeviceId, request.CertificateSerial, ct))
            return new AdmitDeviceResult.Refused(RefusalReason.LineageFork);
        if (FindRefusal(standing, request.LoggedAs is not null) is { } reason) return new AdmitDeviceResult.Refused(reason);
        var issuer = request.IssuerId.Length > 0 ? request.IssuerId : standing!.IssuerId;
        var facts = new CertificateFacts(request.DeviceId, request.CertificateSerial, issuer, standing!.KeyFingerprint, standing.BatchId);
        return FindRefusal(revoked.FindBlock(facts)) is { } blocked ? new AdmitDeviceResult.Refused(blocked) : Admit(facts, standing);
    }

    private AdmitDeviceResult.Admitted Admit(CertificateFacts facts, Standing standing)
    {
        if (!standing.WasUsed) uses.Note(facts.Serial);
        return new AdmitDeviceResult.Admitted(Actor.Device(facts.DeviceId), facts);
    }

    private RefusalReason? FindRefusal(Standing? standing, bool onlyLogged)
    {
        if (standing is null) return RefusalReason.UnknownDevice;
        if (standing.State == DeviceState.Revoked) return RefusalReason.DeviceRevoked;
        if (standing.State == DeviceState.Suspended) return standing.IsSuspect ? RefusalReason.CloneHold : RefusalReason.DeviceSuspended;
        if (standing.State != DeviceState.Active) return RefusalReason.DeviceNotEnrolled;
        if (onlyLogged && !standing.IsLogged) return RefusalReason.NotInLog; // Before the row: whoever can sign can also write one.
        if (!standing.CertificateKnown) return RefusalReason.CertificateUnknown;
        if (standing.RevokedAt is not null) return standing.IsSuperseded ? RefusalReason.CertificateSuperseded : RefusalReason.CertificateRevoked;
        if (standing.HeldAt is not null) return RefusalReason.CertificateSuspended;
        var now = clock.GetUtcNow();
        if (now < standing.NotBefore) return RefusalReason.CertificateNotYetValid;
        // A certificate is good until the end of its last second.
        if (now >= standing.NotAfter!.Value.AddSeconds(1)) return RefusalReason.CertificateExpired;
        return null;
    }

    /// <summary>What no row of the device or its certificate tells.</summary>
    private static RefusalReason? FindRefusal(Block block) => block switch
    {
        Block.Key => RefusalReason.KeyRevoked,
        Block.Batch => RefusalReason.BatchBlocked,
        Block.Authority => RefusalReason.AuthorityRevoked,
        _ => null, // The rows are newer than the set: a device just resumed is let in.
    };

    private sealed record Standing(
        DeviceState State, bool CertificateKnown, DateTimeOffset? RevokedAt, DateTimeOffset? HeldAt, DateTimeOffset? NotBefore, DateTimeOffset? NotAfter,
        string IssuerId, string KeyFingerprint, string? BatchId, bool IsLogged,
        bool IsSuperseded, bool WasUsed, bool IsSuspect);
}
