using System.Data;
using System.Linq.Expressions;
using IoTFleet.Fleet.Enrolment;
using IoTFleet.Fleet.Telemetry.Rollups;
using IoTFleet.Fleet.Telemetry.Store;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Fleet.Telemetry.Retention;

/// <summary>
/// Deletes what is not to be kept any more, a few rows in a transaction, so that whoever else writes waits for milliseconds. Readings go by whole
/// hours and only when no hour up to there waits for its rollup: what was measured long ago and arrives today is in the rollups before it goes.
/// </summary>
internal sealed class TelemetryRetention(
    IDbContextFactory<TelemetryDbContext> databases, IDbContextFactory<FleetDbContext> fleet, ITelemetryStore store, TelemetryOptions options,
    StorePatience patience, TimeProvider clock, ILogger<TelemetryRetention> log)
{
    private const int ReadingsAtOnce = 2_000;
    private const int RollupsAtOnce = 100;
    private const int DevicesAtOnce = 500;

    /// <summary>Whoever keeps so many days at least may get some more until their stretch of time goes as a whole.</summary>
    private const int LongDays = 28;

    internal async Task PassAsync(CancellationToken ct)
    {
        if (options.Retention.KeepsAll && options.RetentionOf.Count == 0) return;
        var shares = new List<Share>();
        foreach (var (group, devices) in await GroupsAsync(ct))
        {
            var rule = options.RetentionOf.GetValueOrDefault(group, options.Retention);
            shares.Add(new Share(rule, Before(rule.KeepDays), await BeforeBySizeAsync(rule, devices, ct), devices));
        }
        var deleted = await DropAsync(shares, ct);
        foreach (var share in shares.Where(share => !share.Rule.KeepsAll))
        {
            foreach (var device in share.Devices) deleted += await PruneAsync(device, share.Rule, share.Before, ct);
        }
        if (deleted > 0) FleetLog.TelemetryPruned(log, deleted);
    }

    /// <summary>What nobody keeps goes at once, where the database can; then only those who keep less than others have readings to be deleted one by one.</summary>
    private async Task<long> DropAsync(List<Share> shares, CancellationToken ct)
    {
        var all = shares.Select(share => share.Before).DefaultIfEmpty(int.MinValue).Min();
        if (all == int.MinValue || all > Before(LongDays)) return 0;
        var dropped = default(DroppedReadings);
        await patience.RunAsync(TelemetryFault.Prune, async token => dropped = await store.DropBeforeAsync(Hours.StartOf(all), token), ct);
        foreach (var share in shares.Where(share => share.ByAge == all)) share.ByAge = Hours.Of(dropped.BeforeUs);
        return dropped.Readings;
    }

    private async Task<Dictionary<string, List<int>>> GroupsAsync(CancellationToken ct)
    {
        Dictionary<string, string?> groupOf;
        await using (var known = await fleet.CreateDbContextAsync(ct))
            groupOf = await known.Devices.AsNoTracking().Select(device => new { device.Id, device.GroupId }).ToDictionaryAsync(device => device.Id, device => device.GroupId, StringComparer.Ordinal, ct);
        await using var db = await databases.CreateDbContextAsync(ct);
        var numbers = await db.Devices.AsNoTracking().Select(device => new { device.Number, device.DeviceId }).ToListAsync(ct);
        return numbers.GroupBy(device => groupOf.GetValueOrDefault(device.DeviceId) ?? EnrolmentGroup.DefaultId, StringComparer.Ordinal)
            .ToDictionary(group => group.Key, group => group.Select(device => device.Number).ToList(), StringComparer.Ordinal);
    }

    /// <summary>Readings of hours before it are too old; the smallest number when none are.</summary>
    private int Before(int? days) => days is { } kept ? Hours.Of(EpochTime.ToMicroseconds(clock.GetUtcNow() - TimeSpan.FromDays(kept))) : int.MinValue;

    /// <summary>From the newest hour on back, as far as there is room. What an hour's readings take, its rollup tells.</summary>
    private async Task<int> BeforeBySizeAsync(RetentionRule rule, List<int> devices, CancellationToken ct)
    {
        if (rule.MaxMegabytes is not { } megabytes) return int.MinValue;
        var sizes = new SortedDictionary<int, long>(Comparer<int>.Create((a, b) => b.CompareTo(a)));
        foreach (var numbers in devices.Chunk(DevicesAtOnce)) await AddSizesAsync(numbers, sizes, ct);
        var left = megabytes * 1024L * 1024L;
        foreach (var (hour, size) in sizes)
        {
            left -= size;
            if (left < 0) return hour + 1;
        }
        return int.MinValue;
    }

    private async Task AddSizesAsync(int[] numbers, SortedDictionary<int, long> sizes, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        await foreach (var row in db.Hours.AsNoTracking().Where(row => numbers.Contains(row.Device)).AsAsyncEnumerable().WithCancellation(ct))
        {
            foreach (var (inDay, block) in DayRow.Read(row.Data))
            {
                var hour = row.Day * Hours.PerDay + inDay;
                sizes[hour] = sizes.GetValueOrDefault(hour) + Coverage.Of(block).Bytes;
            }
        }
    }

    private async Task<long> PruneAsync(int device, RetentionRule rule, int before, CancellationToken ct)
    {
        var (minutesBefore, daysBefore, beforeUs) = (Before(rule.KeepMinutesDays), Before(rule.KeepHoursDays), before == int.MinValue ? long.MinValue : Hours.StartOf(before));
        if (rule.KeepMinutesDays is not null)
            await DeleteAsync(db => db.Minutes.Where(row => row.Device == device && row.Hour < minutesBefore), row => row.Hour, (rows, last) => rows.Where(row => row.Hour <= last), RollupsAtOnce, null, ct);
        if (rule.KeepHoursDays is not null)
        {
            var day = Hours.DayOf(daysBefore);
            await DeleteAsync(db => db.Hours.Where(row => row.Device == device && row.Day < day), row => row.Day, (rows, last) => rows.Where(row => row.Day <= last), RollupsAtOnce, null, ct);
        }
        return before == int.MinValue ? 0 : await DeleteAsync(
            db => db.Readings.Where(row => row.Device == device && row.TimeUs < beforeUs), row => row.TimeUs, (rows, last) => rows.Where(row => row.TimeUs <= last), ReadingsAtOnce,
            db => db.StaleHours.Where(mark => mark.Device == device && mark.Hour < before), ct);
    }

    /// <summary>The first rows, again and again until there are none.</summary>
    /// <param name="rows">What is to go.</param>
    /// <param name="order">Of the rows.</param>
    /// <param name="upTo">Those not beyond.</param>
    /// <param name="atOnce">Rows in one transaction, about.</param>
    /// <param name="unless">Nothing is deleted while there is one of these.</param>
    /// <param name="ct">Ends it.</param>
    private async Task<long> DeleteAsync<T, TKey>(
        Func<TelemetryDbContext, IQueryable<T>> rows, Expression<Func<T, TKey>> order, Func<IQueryable<T>, TKey, IQueryable<T>> upTo, int atOnce,
        Func<TelemetryDbContext, IQueryable<StaleHour>>? unless, CancellationToken ct)
        where TKey : struct
    {
        for (long deleted = 0; ;)
        {
            var step = 0;
            await patience.RunAsync(TelemetryFault.Prune, async token => step = await StepAsync(token), ct);
            if (step == 0) return deleted;
            deleted += step;
        }

        async Task<int> StepAsync(CancellationToken token)
        {
            await using var db = await databases.CreateDbContextAsync(token);
            var keys = await rows(db).OrderBy(order).Select(order).Take(atOnce).ToListAsync(token);
            if (keys.Count == 0) return 0;
            // Serializable, so that no merge marks an hour between the look and the deletion.
            await using var transaction = await db.Database.BeginTransactionAsync(IsolationLevel.Serializable, token);
            if (unless is not null && await unless(db).AnyAsync(token)) return 0;
            var deleted = await upTo(rows(db), keys[^1]).ExecuteDeleteAsync(token);
            await transaction.CommitAsync(token);
            return deleted;
        }
    }

    /// <summary>A group's devices, and what of theirs is not to be kept.</summary>
    private sealed class Share(RetentionRule rule, int byAge, int bySize, List<int> devices)
    {
        public RetentionRule Rule => rule;

        public List<int> Devices => devices;

        /// <summary>Hours before it are too old.</summary>
        public int ByAge { get; set; } = byAge;

        public int Before => Math.Max(ByAge, bySize);
    }
}
