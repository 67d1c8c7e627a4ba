using IoTFleet.Fleet.Certificates;
using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Authorities;

/// <summary>Issues the certificate by which this node shows itself, as every other: intent, signature, record, leaf in the log. A node acts for itself, so it takes no actor.</summary>
public sealed class IssueServerCertificate(Issuance issuance, IDbContextFactory<FleetDbContext> databases, FleetNode node)
{
    private const string Action = "server.issue";

    public Task<IssuedLeaf> RunAsync(CertificateAuthority servers, LeafTerms terms, CancellationToken ct) => issuance.RunAsync(
        new IssuanceOrder(servers, terms, node.Name, Actor.System, Action),
        (_, _, _) => Task.FromResult<Taking<IssuedLeaf>>(new Taking<IssuedLeaf>.Granted()),
        (db, signed, _) =>
        {
            db.ServerCertificates.Add(ServerCertificateRecord.Of(signed, nameof(Profile.Server), terms.CommonName));
            return Task.FromResult(signed.Leaf);
        },
        ct);

    /// <summary>Whether a certificate that is there is on record: an older copy of the database does not know it, and would tell everybody who asks that we never issued it.</summary>
    public async Task<bool> IsKnownAsync(SerialNumber serial, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        return await db.ServerCertificates.AnyAsync(c => c.Serial == serial.Hex, ct);
    }
}
