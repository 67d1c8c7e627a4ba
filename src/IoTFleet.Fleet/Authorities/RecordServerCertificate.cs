using System.Security.Cryptography.X509Certificates;
using IoTFleet.Fleet.Audit;
using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Authorities;

/// <summary>Writes down a certificate of one of the fleet's own servers, so that what an authority has signed is known to the last one.</summary>
public sealed class RecordServerCertificate(FleetWriter writer, AuditTrail audit, FleetNode node)
{
    private const string Action = "server.issue";

    /// <returns>False when it is known already.</returns>
    public Task<bool> RunAsync(X509Certificate2 certificate, CancellationToken ct)
    {
        var serial = SerialNumber.Of(certificate).Hex;
        var issuer = certificate.Extensions.OfType<X509AuthorityKeyIdentifierExtension>().SingleOrDefault()?.KeyIdentifier;
        return writer.RunAsync(
            async (db, stop) =>
            {
                if (await db.ServerCertificates.AnyAsync(c => c.Serial == serial, stop)) return false;
                db.ServerCertificates.Add(new ServerCertificateRecord
                {
                    Serial = serial,
                    IssuerId = issuer is { } id ? Convert.ToHexStringLower(id.Span) : "",
                    Profile = nameof(Profile.Server),
                    Subject = certificate.Subject,
                    Der = certificate.RawData,
                    NotBefore = certificate.NotBefore.ToUniversalTime(),
                    NotAfter = certificate.NotAfter.ToUniversalTime(),
                });
                audit.Done(db, Actor.System, Action, node.Name, $"certificate {serial}, until {certificate.NotAfter.ToUniversalTime():u}");
                return true;
            },
            ct);
    }
}
