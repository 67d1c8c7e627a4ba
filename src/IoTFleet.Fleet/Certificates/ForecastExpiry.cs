using IoTFleet.Fleet.Devices;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Certificates;

/// <summary>Devices that should have renewed so many times since their newest certificate was issued, and have not.</summary>
/// <param name="Renewals">How many; 1 is a device that is late.</param>
/// <param name="Devices">Those.</param>
/// <param name="Examples">Some of them, the latest first.</param>
public sealed record MissedRenewals(int Renewals, int Devices, IReadOnlyList<string> Examples);

/// <summary>What becomes of the fleet's certificates if nothing is renewed from now on.</summary>
/// <param name="At">As of when.</param>
/// <param name="Devices">Devices that could connect now.</param>
/// <param name="EndingPerHour">Certificates that end in each hour from <paramref name="At"/> on, for 90 days.</param>
/// <param name="EndingLater">Those that end after that.</param>
/// <param name="FirstDies">When the first device has no certificate left, and which that is.</param>
/// <param name="OnePercentDead">When a hundredth of the devices have none left.</param>
/// <param name="Missed">Devices that are late, by how many renewals.</param>
/// <param name="RenewalsPerSecond">What the fleet needs on average.</param>
public sealed record ExpiryForecast(
    DateTimeOffset At, int Devices, IReadOnlyList<int> EndingPerHour, int EndingLater, (DateTimeOffset At, string DeviceId)? FirstDies, DateTimeOffset? OnePercentDead,
    IReadOnlyList<MissedRenewals> Missed, double RenewalsPerSecond);

public abstract record ForecastExpiryResult
{
    private ForecastExpiryResult() { }

    public sealed record Forecast(ExpiryForecast Value) : ForecastExpiryResult;
    public sealed record Forbidden : ForecastExpiryResult;
}

/// <summary>Looks ahead: when certificates end, and who would be the first to go if the authority stopped now. One reading of three columns.</summary>
public sealed class ForecastExpiry(IDbContextFactory<FleetDbContext> databases, Pki.IssuancePolicy policy, RenewalOptions options, TimeProvider clock)
{
    public const int Days = 90;
    private const int Hours = Days * 24;
    private const int MaxMissed = 10;
    private const int MaxExamples = 20;

    public async Task<ForecastExpiryResult> RunAsync(Actor actor, CancellationToken ct)
    {
        if (!actor.May(Permission.ReadFleet)) return new ForecastExpiryResult.Forbidden();
        var now = clock.GetUtcNow();
        var ending = new int[Hours];
        var later = 0;
        var newest = new Dictionary<string, Life>(StringComparer.Ordinal);
        await using var db = await databases.CreateDbContextAsync(ct);
        var since = now.AddDays(-Days); // Who has been dead for longer is not late but gone.
        var lives = from certificate in db.Certificates
                    join device in db.Devices on certificate.DeviceId equals device.Id
                    where certificate.RevokedAt == null && certificate.NotAfter > since && device.State == DeviceState.Active
                    select new { certificate.DeviceId, certificate.NotBefore, certificate.NotAfter };
        await foreach (var one in lives.AsNoTracking().AsAsyncEnumerable().WithCancellation(ct))
        {
            // A certificate is good until the end of its last second.
            var hour = (one.NotAfter.AddSeconds(1) - now).Ticks / TimeSpan.TicksPerHour;
            if (one.NotAfter.AddSeconds(1) > now && hour < Hours) ending[hour]++;
            else if (hour >= Hours) later++;
            if (!newest.TryGetValue(one.DeviceId, out var known) || known.End < one.NotAfter) newest[one.DeviceId] = new Life(one.NotBefore, one.NotAfter);
        }
        return new ForecastExpiryResult.Forecast(Make(now, ending, later, newest));
    }

    private ExpiryForecast Make(DateTimeOffset now, int[] ending, int later, Dictionary<string, Life> newest)
    {
        var alive = newest.Where(one => one.Value.End.AddSeconds(1) > now).OrderBy(one => one.Value.End).ThenBy(one => one.Key, StringComparer.Ordinal).ToList();
        return new ExpiryForecast(
            now, alive.Count, ending, later,
            alive.Count == 0 ? null : (alive[0].Value.End.AddSeconds(1), alive[0].Key),
            alive.Count == 0 ? null : alive[((alive.Count + 99) / 100) - 1].Value.End.AddSeconds(1),
            Missed(now, newest), alive.Sum(one => 1 / RenewalWindow.Age(LifeOf(one.Value).Length, options.OutageTolerance).TotalSeconds));
    }

    private List<MissedRenewals> Missed(DateTimeOffset now, Dictionary<string, Life> newest) =>
    [
        .. newest.Select(one => (one.Key, one.Value.End, Missed: MissedBy(one.Key, one.Value, now))).Where(one => one.Missed > 0)
            .GroupBy(one => one.Missed).OrderByDescending(group => group.Key)
            .Select(group => new MissedRenewals(group.Key, group.Count(), [.. group.OrderBy(one => one.End).ThenBy(one => one.Key, StringComparer.Ordinal).Take(MaxExamples).Select(one => one.Key)])),
    ];

    /// <summary>One when its own window is over, and one more for each time that it should have renewed since.</summary>
    private int MissedBy(string deviceId, Life life, DateTimeOffset now)
    {
        var window = RenewalWindow.Regular(deviceId, LifeOf(life), options, now);
        if (now < window.End) return 0;
        return (int)Math.Min(MaxMissed, 1 + ((now - window.End) / RenewalWindow.Age(LifeOf(life).Length, options.OutageTolerance)));
    }

    private CertificateLife LifeOf(Life life) => CertificateLife.Of(life.Start, life.End, policy.DeviceBackdate);

    private readonly record struct Life(DateTimeOffset Start, DateTimeOffset End);
}
