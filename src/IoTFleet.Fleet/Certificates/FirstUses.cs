using System.Threading.Channels;
using IoTFleet.Fleet.Audit;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Fleet.Certificates;

/// <summary>
/// Writes down that a certificate was used for the first time, and lets the one it replaces go. Beside the connections: who was let in does not wait
/// for it, and what does not fit is noted at the next connection.
/// </summary>
public sealed class FirstUses : IAsyncDisposable
{
    private const int MaxWaiting = 10_000;
    private const int MaxBatch = 200;

    private readonly Channel<string> _waiting = Channel.CreateBounded<string>(new BoundedChannelOptions(MaxWaiting) { FullMode = BoundedChannelFullMode.DropWrite, SingleReader = true });
    private readonly FleetWriter _writer;
    private readonly RevocationFeed _feed;
    private readonly AuditTrail _audit;
    private readonly TimeProvider _clock;
    private readonly ILogger<FirstUses> _log;
    private readonly Task _loop;

    public FirstUses(FleetWriter writer, RevocationFeed feed, AuditTrail audit, TimeProvider clock, ILogger<FirstUses> log)
    {
        (_writer, _feed, _audit, _clock, _log) = (writer, feed, audit, clock, log);
        _loop = Task.Run(StoreAllAsync);
    }

    public void Note(string serial) => _waiting.Writer.TryWrite(serial);

    public async ValueTask DisposeAsync()
    {
        _waiting.Writer.TryComplete();
        await _loop;
    }

    private async Task StoreAllAsync()
    {
        while (await _waiting.Reader.WaitToReadAsync())
        {
            var serials = new HashSet<string>(StringComparer.Ordinal);
            while (serials.Count < MaxBatch && _waiting.Reader.TryRead(out var serial)) serials.Add(serial);
            await StoreAsync(serials);
        }
    }

    private async Task StoreAsync(HashSet<string> serials)
    {
        try
        {
            if (await _writer.RunAsync((db, ct) => StoreAsync(db, serials, ct), CancellationToken.None) > 0) _feed.Announce();
        }
        catch (FleetStoppingException)
        {
            // Noted again at the next connection.
        }
        catch (Exception error) // Whatever the database says: the certificates stay as they are, both good, and are noted again.
        {
            FleetLog.FirstUseNotStored(_log, serials.Count, error);
        }
    }

    /// <returns>How many certificates were superseded.</returns>
    private async Task<int> StoreAsync(FleetDbContext db, HashSet<string> serials, CancellationToken ct)
    {
        DateTimeOffset? now = _clock.GetUtcNow();
        var used = await db.Certificates.AsNoTracking().Where(c => serials.Contains(c.Serial) && c.FirstUsedAt == null)
            .Select(c => new { c.Serial, c.DeviceId, c.PredecessorSerial }).ToListAsync(ct);
        var fresh = used.ConvertAll(c => c.Serial);
        await db.Certificates.Where(c => fresh.Contains(c.Serial)).ExecuteUpdateAsync(set => set.SetProperty(c => c.FirstUsedAt, now), ct);
        var superseded = 0;
        foreach (var one in used.Where(c => c.PredecessorSerial is not null)) superseded += await SupersedeAsync(db, one.Serial, one.DeviceId, one.PredecessorSerial!, ct);
        return superseded;
    }

    /// <summary>The predecessor, and whatever else was made of it and never used.</summary>
    private async Task<int> SupersedeAsync(FleetDbContext db, string serial, string deviceId, string predecessor, CancellationToken ct)
    {
        var old = await db.Certificates
            .Where(c => c.RevokedAt == null && (c.Serial == predecessor || (c.PredecessorSerial == predecessor && c.Serial != serial)) && c.DeviceId == deviceId)
            .Select(c => c.Serial).ToListAsync(ct);
        foreach (var gone in old)
        {
            await _feed.SupersedeAsync(db, deviceId, gone, ct);
            _audit.Done(db, Actor.Device(deviceId), "certificate.supersede", gone, $"by {serial}, which has been used");
        }
        return old.Count;
    }
}
