using IoTFleet.Fleet.Authorities;
using IoTFleet.Fleet.Devices;
using IoTFleet.Fleet.Enrolment;
using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Certificates;

/// <summary>What a certificate that is to be renewed is worth: its own row, its device's state, its group's rules.</summary>
internal sealed record RenewalStanding
{
    private static readonly CompiledFor<Func<FleetDbContext, string, string, CancellationToken, Task<RenewalStanding?>>> Read =
        new(() => EF.CompileAsyncQuery((FleetDbContext db, string id, string serial, CancellationToken ct) =>
            (from certificate in db.Certificates.AsNoTracking()
             where certificate.Serial == serial && certificate.DeviceId == id
             join device in db.Devices.AsNoTracking() on certificate.DeviceId equals device.Id
             join one in db.Groups.AsNoTracking() on device.GroupId ?? EnrolmentGroup.DefaultId equals one.Id into groups
             from grp in groups.DefaultIfEmpty()
             select new RenewalStanding
             {
                 Certificate = certificate,
                 State = device.State,
                 CloneSuspectedAt = device.CloneSuspectedAt,
                 RenewRequestedAt = device.RenewRequestedAt,
                 GraceDays = grp == null ? 0 : grp.GraceDays,
                 KeyReuseLimit = grp == null ? 0 : grp.KeyReuseLimit,
                 AllowRsa = grp != null && grp.AllowRsa,
                 CertificateMinutes = grp == null ? null : grp.CertificateMinutes,
                 CertificateDays = grp == null ? null : grp.CertificateDays,
             }).SingleOrDefault()));

    public required IssuedCertificate Certificate { get; init; }
    public required DeviceState State { get; init; }
    public DateTimeOffset? CloneSuspectedAt { get; init; }
    public DateTimeOffset? RenewRequestedAt { get; init; }
    public int GraceDays { get; init; }
    public int KeyReuseLimit { get; init; }
    public bool AllowRsa { get; init; }
    public int? CertificateMinutes { get; init; }
    public int? CertificateDays { get; init; }

    /// <returns>Null when this device has no such certificate.</returns>
    public static Task<RenewalStanding?> ReadAsync(FleetDbContext db, string deviceId, string serial, CancellationToken ct) => Read.In(db)(db, deviceId, serial, ct);

    public RenewCertificateResult.Refused? FindFault(TrustSnapshot trust, DateTimeOffset now)
    {
        if (State == DeviceState.Revoked) return RenewRefusal.DeviceRevoked;
        if (State == DeviceState.Suspended) return CloneSuspectedAt is null ? RenewRefusal.DeviceSuspended : RenewRefusal.CloneHold;
        if (Certificate.RevokedAt is not null) return Certificate.RevocationReason == RevocationReason.Superseded ? RenewRefusal.CertificateSuperseded : RenewRefusal.CertificateRevoked;
        if (Certificate.HeldAt is not null) return RenewRefusal.CertificateSuspended;
        if (trust.Find(Certificate.IssuerId) is { Verifies: false }) return RenewRefusal.AuthorityRemoved;
        if (now < Certificate.NotBefore) return RenewRefusal.NotYetValid;
        if (!HasEnded(now)) return null;
        return now < Certificate.NotAfter.AddDays(GraceDays) ? null : GraceDays == 0 ? RenewRefusal.Expired : RenewRefusal.GraceOver;
    }

    public EnrolmentDoor DoorAt(DateTimeOffset now) => HasEnded(now) ? EnrolmentDoor.GraceRenewal : EnrolmentDoor.Renewal;

    /// <summary>The group's lifetime, and the maker's serial number when the present certificate says it.</summary>
    public LeafTerms Adapt(LeafTerms terms)
    {
        var lifetime = CertificateMinutes is { } minutes ? TimeSpan.FromMinutes(minutes) : CertificateDays is { } days ? TimeSpan.FromDays(days) : terms.Lifetime;
        // A short life is meant to be short from now on: the backdating comes on top of it, as at the enrolment.
        return terms with { Lifetime = lifetime == terms.Lifetime ? lifetime : lifetime + terms.Backdate, HardwareSerial = SubjectSerial() };
    }

    private string? SubjectSerial()
    {
        using var certificate = System.Security.Cryptography.X509Certificates.X509CertificateLoader.LoadCertificate(Certificate.Der);
        return certificate.SubjectName.EnumerateRelativeDistinguishedNames()
            .Where(name => !name.HasMultipleElements && name.GetSingleElementType().Value == "2.5.4.5").Select(name => name.GetSingleElementValue()).FirstOrDefault();
    }

    /// <summary>A certificate is good until the end of its last second.</summary>
    private bool HasEnded(DateTimeOffset now) => now >= Certificate.NotAfter.AddSeconds(1);
}
