using System.Security.Cryptography.X509Certificates;
using IoTFleet.Fleet.Audit;
using IoTFleet.Pki;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Fleet.Authorities;

public sealed record PrepareAuthorityRequest(AuthorityPurpose Purpose);

/// <summary>
/// Makes the next generation of an authority, with a name and a key of its own in the CA folder; nobody trusts it yet.
/// Where the root's key is kept elsewhere, it takes in what the ceremony there has signed: the files <c>devices-2.pem</c> and <c>devices-2.key</c>.
/// </summary>
public sealed class PrepareAuthority(
    FleetWriter writer, AuthorityDirectory directory, FleetAuthorities folder, AuditTrail audit, TimeProvider clock, ILogger<PrepareAuthority> log)
{
    private const string Action = "authority.prepare";

    public async Task<RotationResult> RunAsync(Actor actor, PrepareAuthorityRequest request, CancellationToken ct)
    {
        var purpose = request.Purpose;
        if (!actor.May(Permission.ManageAuthorities))
        {
            await audit.ForbiddenAsync(actor, Action, purpose.ToString(), ct);
            return new RotationResult.Forbidden();
        }

        var trust = directory.Current;
        if (trust.All.FirstOrDefault(authority => authority.Purpose == purpose && authority.State is AuthorityState.Prepared or AuthorityState.Published) is { } waiting)
            return new RotationResult.WrongState($"{waiting} is {waiting.State.ToString().ToLowerInvariant()} already; use it, or remove it");
        if (purpose == AuthorityPurpose.Root && trust.Roots.Count > 1)
            return new RotationResult.WrongState("two roots are believed already, and a server can show itself to those who know either of two, not of three; remove the old one first");
        var generation = trust.All.Where(authority => authority.Purpose == purpose).Select(authority => authority.Generation).DefaultIfEmpty(0).Max() + 1;
        return folder.Files is { } files
            ? await PrepareAsync(actor, purpose, generation, files, ct)
            : new RotationResult.NotReady("there is no CA folder to keep its key in", MayForce: false, []);
    }

    private async Task<RotationResult> PrepareAsync(Actor actor, AuthorityPurpose purpose, int generation, AuthorityFiles files, CancellationToken ct)
    {
        var root = directory.Current.Active(AuthorityPurpose.Root);
        var rootKey = root is null ? null : directory.KeyOf(root.Id);
        var (certificateFile, keyFile) = (files.Certificate(purpose, generation), files.Key(purpose, generation));
        if (!File.Exists(certificateFile))
        {
            if (purpose != AuthorityPurpose.Root && rootKey is null)
            {
                return new RotationResult.NotReady(
                    $"the root's key is not here; have {Path.GetFileName(certificateFile)} signed where it is, put it and {Path.GetFileName(keyFile)} into {files.Folder}, and prepare again", MayForce: false, []);
            }

            using var made = purpose == AuthorityPurpose.Root ? RootCeremony.NewRoot(folder.Names, clock) : RootCeremony.NewAuthority(purpose, folder.Names, rootKey!, clock);
            PemFile.WhileWriting(files.Folder, () => made.Save(certificateFile, keyFile, folder.Secrets)); // Before the row: what a crash leaves behind is taken in by the next try.
        }

        using var certificate = PemFile.ReadCertificate(certificateFile);
        if (FindProblem(certificate, purpose) is { } problem) return new RotationResult.NotReady($"{certificateFile} {problem}", MayForce: false, []);
        var row = Row(certificate, purpose, generation, keyFile);
        ServerCertificateRecord[] cross = purpose switch
        {
            AuthorityPurpose.Root => [.. CrossRoots(root, rootKey, certificate, row)],
            AuthorityPurpose.Servers => [.. CrossServers(certificate, row)],
            _ => [],
        };
        await writer.RunAsync((db, inner) => StoreAsync(db, actor, row, cross), ct);
        await directory.ReloadAsync(ct);
        FleetLog.AuthorityChanged(log, purpose, generation, AuthorityState.Prepared, actor.Name);
        return new RotationResult.Done(row, directory.Current.BundleVersion, FindNote(purpose, cross.Length));
    }

    private Task<bool> StoreAsync(FleetDbContext db, Actor actor, Authority row, ServerCertificateRecord[] cross)
    {
        db.Authorities.Add(row);
        db.ServerCertificates.AddRange(cross);
        audit.Done(db, actor, Action, row.Id, $"{row.Purpose} generation {row.Generation}, until {row.NotAfter:u}");
        return Task.FromResult(true);
    }

    /// <summary>Of a certificate that may have come from elsewhere.</summary>
    private string? FindProblem(X509Certificate2 certificate, AuthorityPurpose purpose)
    {
        var id = AuthorityId.Of(certificate);
        if (id.Length == 0) return "has no subject key identifier";
        if (directory.Current.All.Any(authority => authority.Id == id || authority.Certificate.SubjectName.RawData.AsSpan().SequenceEqual(certificate.SubjectName.RawData)))
            return "has the key or the name of an earlier generation";
        if (clock.GetUtcNow() > certificate.NotAfter) return $"expired at {certificate.NotAfter.ToUniversalTime():u}";
        var roots = purpose == AuthorityPurpose.Root ? [certificate] : directory.Current.Roots;
        using var chain = new X509Chain();
        chain.ChainPolicy = TrustPolicy.For(roots, [], clock);
        if (!chain.Build(certificate)) return "does not lead to a root of this fleet";
        var wanted = purpose == AuthorityPurpose.Servers ? KeyPurpose.ServerAuth : KeyPurpose.ClientAuth;
        return purpose == AuthorityPurpose.Root || KeyPurpose.IsGranted(certificate, wanted) ? null : "is an authority for another purpose";
    }

    private Authority Row(X509Certificate2 certificate, AuthorityPurpose purpose, int generation, string keyFile) => new()
    {
        Id = AuthorityId.Of(certificate),
        Purpose = purpose,
        Generation = generation,
        State = AuthorityState.Prepared,
        Der = certificate.RawData,
        KeyReference = IssuerKey.FindReference(keyFile),
        NotBefore = certificate.NotBefore.ToUniversalTime(),
        NotAfter = certificate.NotAfter.ToUniversalTime(),
        CreatedAt = clock.GetUtcNow(),
        StateChangedAt = clock.GetUtcNow(),
    };

    /// <summary>NewWithOld for devices that know only the old root, OldWithNew for those that will know only the new one (RFC 4210 4.4).</summary>
    private IEnumerable<ServerCertificateRecord> CrossRoots(AuthorityGeneration? old, IssuerKey? oldKey, X509Certificate2 newRoot, Authority row)
    {
        if (old is null || oldKey is null) yield break;
        using var newWithOld = CrossCertificate.Create(oldKey, newRoot, clock);
        yield return Record(newWithOld, old.Id, row.Id);
        using var newKey = AuthorityFolder.Open(folder, newRoot, row.KeyReference);
        if (newKey is null) yield break;
        using var oldWithNew = CrossCertificate.Create(newKey, old.Certificate, clock);
        yield return Record(oldWithNew, row.Id, old.Id);
    }

    /// <summary>By each other root that is believed: a device that knows only that one goes on knowing this server.</summary>
    private IEnumerable<ServerCertificateRecord> CrossServers(X509Certificate2 servers, Authority row)
    {
        foreach (var other in OtherRoots(servers))
        {
            if (directory.KeyOf(other.Id) is not { } key) continue;
            using var cross = CrossCertificate.Create(key, servers, clock);
            yield return Record(cross, other.Id, row.Id);
        }
    }

    private IEnumerable<AuthorityGeneration> OtherRoots(X509Certificate2 servers) => directory.Current.All
        .Where(authority => authority is { Purpose: AuthorityPurpose.Root, Verifies: true } && authority.Id != AuthorityId.OfIssuer(servers));

    private string? FindNote(AuthorityPurpose purpose, int cross)
    {
        var roots = directory.Current.Roots.Count;
        if (purpose == AuthorityPurpose.Root && cross < 2) return "the keys of both roots were not here, so they do not vouch for each other";
        if (purpose == AuthorityPurpose.Servers && cross < roots - 1)
            return "the key of the other root was not here: a device that knows only that root will not know this server once the authority is active; see 'iotfleet ca drill --of servers'";
        return null;
    }

    private static ServerCertificateRecord Record(X509Certificate2 cross, string signerId, string rootId) => new()
    {
        Serial = SerialNumber.Of(cross).Hex,
        IssuerId = signerId,
        Profile = BundleLedger.CrossProfile,
        Subject = rootId,
        Der = cross.RawData,
        NotBefore = cross.NotBefore.ToUniversalTime(),
        NotAfter = cross.NotAfter.ToUniversalTime(),
    };
}
