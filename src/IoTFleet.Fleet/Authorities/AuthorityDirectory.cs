using System.Security.Cryptography.X509Certificates;
using IoTFleet.Fleet.Enrolment;
using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Fleet.Authorities;

/// <summary>
/// The fleet's authorities of all generations. The database says which there are and in which state; keys are found where each row says.
/// Readers take <see cref="Current"/> once and use it to the end; whoever changes a row calls <see cref="ReloadAsync"/> after the commit.
/// </summary>
public sealed class AuthorityDirectory(
    IDbContextFactory<FleetDbContext> databases, FleetAuthorities folder, TimeProvider clock, ILogger<AuthorityDirectory> log, StatusAddresses? addresses = null) : IDisposable
{
    // Opened once each and kept, behind the gate: what hands out a signer or a certificate cannot know when its last reader is done.
    private readonly Dictionary<string, Opened> _opened = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _oneAtATime = new(1);
    private TrustSnapshot _current = TrustSnapshot.Of(folder, clock);
    private TaskCompletionSource _changed = NewSignal();
    private string _stamp = "";

    public TrustSnapshot Current => Volatile.Read(ref _current);

    /// <summary>Completes at the next change on this node; to be taken before <see cref="Current"/> is read.</summary>
    public Task Changed => Volatile.Read(ref _changed).Task;

    /// <exception cref="InvalidOperationException">There is no such authority, or its key is not on this machine.</exception>
    public CertificateAuthority Active(AuthorityPurpose purpose) =>
        FindActive(purpose) ?? throw new InvalidOperationException($"No active authority for {purpose} can sign here; see 'iotfleet ca list'.");

    /// <summary>Null when there is none, or its key is not on this machine.</summary>
    public CertificateAuthority? FindActive(AuthorityPurpose purpose) => Current.Active(purpose)?.Signer;

    /// <param name="issuerId">The subject key identifier, lower-case hex.</param>
    /// <returns>Whatever its state; null when it is not ours or its key is not on this machine.</returns>
    public CertificateAuthority? ById(string issuerId) => Current.Find(issuerId)?.Signer;

    /// <summary>Takes in what the CA folder holds and the database does not know yet, then reads all. To be done before a node listens.</summary>
    /// <exception cref="KeyFileException">The key of an authority that must sign is missing or wrong.</exception>
    public async Task LoadAsync(CancellationToken ct)
    {
        await ImportAsync(ct);
        await ReloadAsync(ct);
        if (await CatchUpBundleAsync(ct)) await ReloadAsync(ct);
    }

    /// <summary>Readers see all of the new state or none of it.</summary>
    public async Task ReloadAsync(CancellationToken ct)
    {
        await _oneAtATime.WaitAsync(ct);
        try
        {
            await using var db = await databases.CreateDbContextAsync(ct);
            var stamp = await StampAsync(db, ct); // Before the rows: what changes meanwhile is seen at the next look.
            var authorities = await db.Authorities.AsNoTracking().ToListAsync(ct);
            var manufacturers = await db.Manufacturers.AsNoTracking().Where(m => m.State == ManufacturerState.Registered).ToListAsync(ct);
            var bundle = await db.TrustBundles.AsNoTracking().OrderByDescending(b => b.Version).FirstOrDefaultAsync(ct);
            var snapshot = new TrustSnapshot(folder.Names, authorities.Select(Generation), manufacturers.Select(Manufacturer), bundle);
            Volatile.Write(ref _current, snapshot);
            Volatile.Write(ref _stamp, stamp);
        }
        finally
        {
            _oneAtATime.Release();
        }
        Interlocked.Exchange(ref _changed, NewSignal()).SetResult();
    }

    /// <summary>Takes in what another node has changed.</summary>
    /// <returns>False when there was nothing.</returns>
    public async Task<bool> CatchUpAsync(CancellationToken ct)
    {
        await using (var db = await databases.CreateDbContextAsync(ct))
        {
            if (await StampAsync(db, ct) == Volatile.Read(ref _stamp)) return false;
        }
        await ReloadAsync(ct);
        return true;
    }

    /// <summary>All that a snapshot is made of and that can change, without the certificates: a few rows.</summary>
    private static async Task<string> StampAsync(FleetDbContext db, CancellationToken ct)
    {
        var authorities = await db.Authorities.AsNoTracking().OrderBy(a => a.Id).Select(a => new { a.Id, a.State, a.StateChangedAt, a.RevokedAt }).ToListAsync(ct);
        var manufacturers = await db.Manufacturers.AsNoTracking().OrderBy(m => m.Id).Select(m => new { m.Id, m.State, m.GroupId }).ToListAsync(ct);
        var bundle = await db.TrustBundles.MaxAsync(b => (long?)b.Version, ct);
        return $"{string.Join(';', authorities)};{string.Join(';', manufacturers)};{bundle}";
    }

    /// <summary>Null when the key is not on this machine.</summary>
    internal IssuerKey? KeyOf(string authorityId) => _opened.GetValueOrDefault(authorityId)?.Key;

    public void Dispose()
    {
        foreach (var opened in _opened.Values) opened.Dispose();
        _oneAtATime.Dispose();
    }

    private async Task ImportAsync(CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        var known = await db.Authorities.AsNoTracking().ToListAsync(ct);
        var found = AuthorityFolder.Contents(folder).Where(one => known.All(authority => authority.Id != one.Id)).ToList();
        if (found.Count == 0) return;
        if (found.Any(one => one.Purpose == AuthorityPurpose.Root)) await RemoveAllAsync(db, ct); // The folder was started over: nothing below the old root is ours.
        foreach (var one in found) await ImportAsync(db, one, known, ct);
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        FleetLog.AuthoritiesImported(log, found.Count, string.Join(", ", found.Select(one => one.Purpose)));
    }

    private async Task ImportAsync(FleetDbContext db, FoundAuthority found, List<Authority> known, CancellationToken ct)
    {
        var now = clock.GetUtcNow();
        var before = known.Where(authority => authority.Purpose == found.Purpose).ToList();
        await db.Authorities.Where(a => a.Purpose == found.Purpose && a.State == AuthorityState.Active).ExecuteUpdateAsync(
            set => set.SetProperty(a => a.State, AuthorityState.Retiring).SetProperty(a => a.StateChangedAt, now), ct);
        db.Authorities.Add(new Authority
        {
            Id = found.Id,
            Purpose = found.Purpose,
            Generation = before.Select(authority => authority.Generation).DefaultIfEmpty(0).Max() + 1,
            State = AuthorityState.Active,
            Der = found.Certificate.RawData,
            KeyReference = found.KeyReference,
            NotBefore = found.Certificate.NotBefore.ToUniversalTime(),
            NotAfter = found.Certificate.NotAfter.ToUniversalTime(),
            CreatedAt = now,
            StateChangedAt = now,
        });
        if (before.Count == 0) await AdoptCertificatesAsync(db, found, ct);
    }

    /// <summary>Certificates issued before authorities were recorded can only be of the first generation.</summary>
    private static async Task AdoptCertificatesAsync(FleetDbContext db, FoundAuthority found, CancellationToken ct)
    {
        if (found.Purpose == AuthorityPurpose.Devices)
            await db.Certificates.Where(c => c.IssuerId == "").ExecuteUpdateAsync(set => set.SetProperty(c => c.IssuerId, found.Id), ct);
        if (found.Purpose == AuthorityPurpose.Services)
            await db.ServiceCertificates.Where(c => c.IssuerId == "").ExecuteUpdateAsync(set => set.SetProperty(c => c.IssuerId, found.Id), ct);
    }

    private async Task<bool> CatchUpBundleAsync(CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var bundle = await BundleLedger.CatchUpAsync(db, folder.Names, id => ById(id), clock.GetUtcNow(), ct);
        return bundle is not null && bundle.Version != Current.BundleVersion && await db.SaveChangesAsync(ct) > 0;
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private Task<int> RemoveAllAsync(FleetDbContext db, CancellationToken ct)
    {
        var now = clock.GetUtcNow();
        return db.Authorities.Where(a => a.State != AuthorityState.Removed).ExecuteUpdateAsync(
            set => set.SetProperty(a => a.State, AuthorityState.Removed).SetProperty(a => a.StateChangedAt, now), ct);
    }

    private AuthorityGeneration Generation(Authority row)
    {
        var opened = Open(row);
        return new AuthorityGeneration
        {
            Id = row.Id,
            Purpose = row.Purpose,
            Generation = row.Generation,
            State = row.State,
            StateChangedAt = row.StateChangedAt,
            Certificate = opened.Certificate,
            Signer = opened.Signer,
        };
    }

    private Opened Open(Authority row)
    {
        if (_opened.TryGetValue(row.Id, out var opened) && (opened.Signer is not null || row.KeyReference is null)) return opened; // A key may be put into its place later.
        if (AuthorityFolder.Contents(folder).FirstOrDefault(one => one.Id == row.Id) is { } found)
        {
            return _opened[row.Id] = new Opened(found.Certificate, found.Key, found.Key is { } known ? new CertificateAuthority(known, clock, addresses) : null);
        }
        var certificate = opened?.Certificate ?? X509CertificateLoader.LoadCertificate(row.Der);
        var key = row.State == AuthorityState.Removed ? null : AuthorityFolder.Open(folder, certificate, row.KeyReference);
        return _opened[row.Id] = new Opened(certificate, key, key is null ? null : new CertificateAuthority(key, clock, addresses)) { IsOurs = true };
    }

    private TrustedManufacturer Manufacturer(ManufacturerAuthority row)
    {
        if (!_opened.TryGetValue(row.Id, out var opened))
            _opened[row.Id] = opened = new Opened(X509CertificateLoader.LoadCertificate(row.Der), null, null) { IsOurs = true };
        return new TrustedManufacturer(row.Id, row.Name, row.GroupId, opened.Certificate);
    }

    private sealed record Opened(X509Certificate2 Certificate, IssuerKey? Key, CertificateAuthority? Signer) : IDisposable
    {
        /// <summary>False for what the folder's owner disposes of.</summary>
        public bool IsOurs { get; init; }

        public void Dispose()
        {
            if (!IsOurs) return;
            Key?.Dispose();
            Certificate.Dispose();
        }
    }
}
