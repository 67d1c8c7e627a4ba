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
    FleetWriter writer, AuthorityDirectory directory, FleetAuthorities folder, CrossSigning cross, AuditTrail audit, TimeProvider clock, ILogger<PrepareAuthority> log)
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
        var rootKey = directory.Current.Active(AuthorityPurpose.Root) is { } root ? directory.KeyOf(root.Id) : null;
        var (certificateFile, keyFile) = (files.Certificate(purpose, generation), files.Key(purpose, generation));
        if (!File.Exists(certificateFile))
        {
            if (purpose != AuthorityPurpose.Root && rootKey is null)
            {
                return new RotationResult.NotReady(
                    $"the root's key is not here; have {Path.GetFileName(certificateFile)} signed where it is, put it and {Path.GetFileName(keyFile)} into {files.Folder}, and prepare again", MayForce: false, []);
            }

            using var made = purpose == AuthorityPurpose.Root ? RootCeremony.NewRoot(folder.Names, clock) : RootCeremony.NewAuthority(purpose, folder.Names, rootKey!, clock, folder.DnsSuffixes);
            PemFile.WhileWriting(files.Folder, () => made.Save(certificateFile, keyFile, folder.Secrets)); // Before the row: what a crash leaves behind is taken in by the next try.
        }

        using var certificate = PemFile.ReadCertificate(certificateFile);
        if (FindProblem(certificate, purpose) is { } problem) return new RotationResult.NotReady($"{certificateFile} {problem}", MayForce: false, []);
        var row = Row(certificate, purpose, generation, keyFile);
        int vouching;
        try
        {
            vouching = await CrossSignAsync(actor, purpose, certificate, row.KeyReference, ct);
        }
        catch (ProfileViolationException violation)
        {
            return new RotationResult.NotReady($"{certificateFile} cannot be vouched for by the other root: {violation.Message}", MayForce: false, []);
        }
        await writer.RunAsync((db, _) => StoreAsync(db, actor, row), ct);
        await directory.ReloadAsync(ct);
        FleetLog.AuthorityChanged(log, purpose, generation, AuthorityState.Prepared, actor.Name);
        return new RotationResult.Done(row, directory.Current.BundleVersion, FindNote(purpose, vouching));
    }

    private Task<int> CrossSignAsync(Actor actor, AuthorityPurpose purpose, X509Certificate2 certificate, string? keyReference, CancellationToken ct) => purpose switch
    {
        AuthorityPurpose.Root => cross.ForRootAsync(actor, certificate, keyReference, ct),
        AuthorityPurpose.Servers => cross.ForServersAsync(actor, certificate, ct),
        _ => Task.FromResult(0),
    };

    private Task<bool> StoreAsync(FleetDbContext db, Actor actor, Authority row)
    {
        db.Authorities.Add(row);
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

    private string? FindNote(AuthorityPurpose purpose, int vouching)
    {
        var roots = directory.Current.Roots.Count;
        if (purpose == AuthorityPurpose.Root && vouching < 2) return "the keys of both roots were not here, so they do not vouch for each other";
        if (purpose == AuthorityPurpose.Servers && vouching < roots - 1)
            return "the key of the other root was not here: a device that knows only that root will not know this server once the authority is active; see 'iotfleet ca drill --of servers'";
        return null;
    }
}
