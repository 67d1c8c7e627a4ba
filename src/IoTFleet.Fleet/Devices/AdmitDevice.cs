using IoTFleet.Fleet.Certificates;
using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Devices;

/// <param name="DeviceId">From the certificate's identity.</param>
/// <param name="CertificateSerial">Lower-case hex.</param>
/// <param name="LoggedAs">The certificate's leaf hash, when only logged certificates may come in.</param>
public sealed record AdmitDeviceRequest(string DeviceId, string CertificateSerial, byte[]? LoggedAs = null);

public enum RefusalReason
{
    UnknownDevice,
    DeviceNotEnrolled,
    DeviceSuspended,
    DeviceRevoked,
    CertificateUnknown,
    NotInLog,
    CertificateRevoked,
    CertificateSuperseded,
    LineageFork,
    CloneHold,
    CertificateNotYetValid,
    CertificateExpired,
}

public abstract record AdmitDeviceResult
{
    private AdmitDeviceResult() { }

    public sealed record Admitted(Actor Actor) : AdmitDeviceResult;
    public sealed record Refused(RefusalReason Reason) : AdmitDeviceResult;
}

/// <summary>
/// Asked at each connect, with a certificate whose chain was verified: is this device, with this certificate, welcome now?
/// A door, so it takes no actor; one read, so that a whole fleet may come back at once.
/// </summary>
public sealed class AdmitDevice(IDbContextFactory<FleetDbContext> databases, FirstUses uses, LineageGuard guard, TimeProvider clock)
{
    // Compiled once: building the query anew would cost more than running it.
    private static readonly Func<FleetDbContext, string, string, byte[]?, CancellationToken, Task<Standing?>> ReadStanding =
        EF.CompileAsyncQuery((FleetDbContext db, string id, string serial, byte[]? leaf, CancellationToken ct) =>
            (from device in db.Devices
             where device.Id == id
             from certificate in db.Certificates.Where(c => c.Serial == serial && c.DeviceId == device.Id).DefaultIfEmpty()
             select new Standing(device.State, certificate != null, certificate!.RevokedAt, certificate.NotBefore, certificate.NotAfter, db.LogLeaves.Any(l => l.Hash == leaf),
                 certificate.RevocationReason == RevocationReason.Superseded, certificate.FirstUsedAt != null, device.CloneSuspectedAt != null))
            .SingleOrDefault());

    public async Task<AdmitDeviceResult> RunAsync(AdmitDeviceRequest request, CancellationToken ct)
    {
        Standing? standing;
        await using (var db = await databases.CreateDbContextAsync(ct)) standing = await ReadStanding(db, request.DeviceId, request.CertificateSerial, request.LoggedAs, ct);
        if (standing is { IsSuperseded: true, State: DeviceState.Active } && await guard.IsForkAsync(request.DeviceId, request.CertificateSerial, ct))
            return new AdmitDeviceResult.Refused(RefusalReason.LineageFork);
        return FindRefusal(standing, request.LoggedAs is not null) is { } reason
            ? new AdmitDeviceResult.Refused(reason)
            : Admit(request, standing!);
    }

    private AdmitDeviceResult.Admitted Admit(AdmitDeviceRequest request, Standing standing)
    {
        if (!standing.WasUsed) uses.Note(request.CertificateSerial);
        return new AdmitDeviceResult.Admitted(Actor.Device(request.DeviceId));
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
        var now = clock.GetUtcNow();
        if (now < standing.NotBefore) return RefusalReason.CertificateNotYetValid;
        // A certificate is good until the end of its last second.
        if (now >= standing.NotAfter!.Value.AddSeconds(1)) return RefusalReason.CertificateExpired;
        return null;
    }

    private sealed record Standing(
        DeviceState State, bool CertificateKnown, DateTimeOffset? RevokedAt, DateTimeOffset? NotBefore, DateTimeOffset? NotAfter, bool IsLogged,
        bool IsSuperseded, bool WasUsed, bool IsSuspect);
}
