using IoTFleet.Fleet.Certificates;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Services;

/// <param name="Name">From the certificate's identity.</param>
/// <param name="CertificateSerial">Lower-case hex.</param>
/// <param name="LoggedAs">The certificate's leaf hash, when only logged certificates may come in.</param>
public sealed record AdmitServiceRequest(string Name, string CertificateSerial, byte[]? LoggedAs = null);

public enum ServiceRefusalReason
{
    UnknownService,
    ServiceRevoked,
    CertificateUnknown,
    NotInLog,
    CertificateRevoked,
    CertificateNotYetValid,
    CertificateExpired,
}

public abstract record AdmitServiceResult
{
    private AdmitServiceResult() { }

    public sealed record Admitted(TopicRules Rules, CertificateFacts Facts) : AdmitServiceResult;
    public sealed record Refused(ServiceRefusalReason Reason) : AdmitServiceResult;
}

/// <summary>
/// Asked at each connect, with a certificate whose chain was verified: is this service, with this certificate, welcome now, and what may it do?
/// A door, so it takes no actor. Services are few, so unlike a device's admission this query is not compiled.
/// </summary>
public sealed class AdmitService(IDbContextFactory<FleetDbContext> databases, RevokedSet revoked, TimeProvider clock)
{
    public async Task<AdmitServiceResult> RunAsync(AdmitServiceRequest request, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var service = await db.Services.AsNoTracking().SingleOrDefaultAsync(s => s.Name == request.Name, ct);
        var certificate = await db.ServiceCertificates.AsNoTracking()
            .SingleOrDefaultAsync(c => c.Serial == request.CertificateSerial && c.ServiceName == request.Name, ct);
        var isLogged = request.LoggedAs is not { } leaf || await db.LogLeaves.AnyAsync(l => l.Hash == leaf, ct);
        if (FindRefusal(service, certificate, isLogged) is { } reason) return new AdmitServiceResult.Refused(reason);
        var facts = new CertificateFacts("", certificate!.Serial, certificate.IssuerId, certificate.KeyFingerprint);
        if (revoked.IsBlocked(facts)) return new AdmitServiceResult.Refused(ServiceRefusalReason.CertificateRevoked);
        return TopicRules.TryParse(service!.PublishRules, service.SubscribeRules, out var rules, out var problem)
            ? new AdmitServiceResult.Admitted(rules, facts)
            : throw new InvalidOperationException($"The stored rules of service {service.Name} cannot be used: {problem}");
    }

    private ServiceRefusalReason? FindRefusal(Service? service, ServiceCertificate? certificate, bool isLogged)
    {
        if (service is null) return ServiceRefusalReason.UnknownService;
        if (service.State == ServiceState.Revoked) return ServiceRefusalReason.ServiceRevoked;
        if (!isLogged) return ServiceRefusalReason.NotInLog;
        if (certificate is null) return ServiceRefusalReason.CertificateUnknown;
        if (certificate.RevokedAt is not null) return ServiceRefusalReason.CertificateRevoked;
        var now = clock.GetUtcNow();
        if (now < certificate.NotBefore) return ServiceRefusalReason.CertificateNotYetValid;
        // A certificate is good until the end of its last second.
        return now >= certificate.NotAfter.AddSeconds(1) ? ServiceRefusalReason.CertificateExpired : null;
    }
}
