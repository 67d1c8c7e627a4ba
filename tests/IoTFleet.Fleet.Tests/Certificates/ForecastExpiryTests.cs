using IoTFleet.Fleet.Authorities;
using IoTFleet.Fleet.Certificates;
using IoTFleet.Fleet.Devices;
using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Tests.Certificates;

public class ForecastExpiryTests : IAsyncLifetime
{
    private const int Devices = 3_000;

    private TestFleet _fleet = null!;

    public async ValueTask InitializeAsync() => _fleet = await TestFleet.StartAsync();

    public ValueTask DisposeAsync() => _fleet.DisposeAsync();

    /// <summary>The truth is found hour by hour, by looking at each device as the clock goes on: nobody renews.</summary>
    [Fact]
    public async Task Forecast_is_what_then_happens()
    {
        var rows = await FillAsync();
        var start = _fleet.Clock.GetUtcNow();

        var forecast = await ForecastAsync();

        var alive = rows.GroupBy(row => row.DeviceId).ToDictionary(group => group.Key, group => group.Max(row => row.NotAfter.AddSeconds(1)));
        alive = alive.Where(one => one.Value > start).ToDictionary();
        Assert.Equal(alive.Count, forecast.Devices);
        for (var hour = 0; hour < ForecastExpiry.Days * 24; hour++)
        {
            var (from, to) = (start.AddHours(hour), start.AddHours(hour + 1));
            Assert.Equal(rows.Count(row => row.NotAfter.AddSeconds(1) > from && row.NotAfter.AddSeconds(1) < to || row.NotAfter.AddSeconds(1) == from && hour > 0), forecast.EndingPerHour[hour]);
        }
        Assert.Equal(rows.Count(row => row.NotAfter > start), forecast.EndingPerHour.Sum() + forecast.EndingLater);
        Assert.Equal(alive.Values.Min(), forecast.FirstDies!.Value.At);
        Assert.Equal((int)Math.Ceiling(alive.Count / 100.0), alive.Values.Count(end => end <= forecast.OnePercentDead));
    }

    [Fact]
    public async Task Devices_that_missed_renewals_are_counted_by_how_many()
    {
        await _fleet.EnrolAsync("punctual");
        _fleet.Clock.Advance(TimeSpan.FromDays(19));
        await _fleet.EnrolAsync("newcomer");
        _fleet.Clock.Advance(TimeSpan.FromDays(10));

        Assert.Equal([(1, "punctual")], (await ForecastAsync()).Missed.Select(missed => (missed.Renewals, missed.Examples.Single())));

        _fleet.Clock.Advance(TimeSpan.FromDays(30));
        Assert.Equal([(2, "punctual"), (1, "newcomer")], (await ForecastAsync()).Missed.OrderByDescending(missed => missed.Renewals).Select(missed => (missed.Renewals, missed.Examples.Single())));
    }

    [Fact]
    public async Task A_fleet_of_one_month_certificates_needs_one_renewal_a_device_in_twenty_days()
    {
        await _fleet.EnrolAsync("pump-1");

        Assert.InRange((await ForecastAsync()).RenewalsPerSecond, 0.99 / TimeSpan.FromDays(20).TotalSeconds, 1.01 / TimeSpan.FromDays(20).TotalSeconds);
    }

    [Fact]
    public async Task Who_may_not_read_the_fleet_sees_no_forecast() =>
        Assert.IsType<ForecastExpiryResult.Forbidden>(await _fleet.Get<ForecastExpiry>().RunAsync(Actor.Device("pump-1"), default));

    [Fact]
    public async Task An_operators_request_moves_the_window_until_it_is_met()
    {
        var issued = await _fleet.EnrolAsync("pump-1");
        _fleet.Clock.Advance(TimeSpan.FromDays(2));

        var asked = Assert.IsType<RequestRenewalResult.Requested>(await _fleet.Get<RequestRenewal>().RunAsync(TestFleet.Admin, new("pump-1"), default));

        Assert.Equal(1, asked.Devices);
        var window = await _fleet.Get<FindRenewalWindow>().RunAsync("pump-1", issued.Serial, default);
        Assert.InRange(window!.Start, _fleet.Clock.GetUtcNow(), _fleet.Clock.GetUtcNow() + asked.Over);
        var renewed = Assert.IsType<RenewCertificateResult.Renewed>(await _fleet.Get<RenewCertificate>().RunAsync(new("pump-1", issued.Serial, TestFleet.NewRequest()), default));
        Assert.True(renewed.Window.Start > _fleet.Clock.GetUtcNow().AddDays(15));
    }

    [Fact]
    public async Task A_tainted_authority_calls_for_renewal_now()
    {
        var issued = await _fleet.EnrolAsync("pump-1");
        _fleet.Clock.Advance(TimeSpan.FromDays(2));
        await _fleet.ReadAsync(db => db.Authorities.Where(a => a.Purpose == AuthorityPurpose.Devices)
            .ExecuteUpdateAsync(set => set.SetProperty(a => a.State, AuthorityState.Tainted).SetProperty(a => a.StateChangedAt, _fleet.Clock.GetUtcNow())));
        await _fleet.Get<AuthorityDirectory>().ReloadAsync(default);

        var window = await _fleet.Get<FindRenewalWindow>().RunAsync("pump-1", issued.Serial, default);

        Assert.InRange(window!.Start, _fleet.Clock.GetUtcNow(), _fleet.Clock.GetUtcNow() + new RenewalOptions().Spread);
    }

    private async Task<ExpiryForecast> ForecastAsync() =>
        Assert.IsType<ForecastExpiryResult.Forecast>(await _fleet.Get<ForecastExpiry>().RunAsync(TestFleet.Viewer, default)).Value;

    /// <summary>One or two certificates a device, of all ages; some have ended, some devices are suspended and some certificates revoked, which do not count.</summary>
    private async Task<List<(string DeviceId, DateTimeOffset NotAfter)>> FillAsync()
    {
        var (dice, now, counted) = (new Random(7), _fleet.Clock.GetUtcNow(), new List<(string, DateTimeOffset)>());
        await using var db = await _fleet.Databases.CreateDbContextAsync();
        for (var n = 0; n < Devices; n++)
        {
            var state = n % 50 == 0 ? DeviceState.Suspended : DeviceState.Active;
            db.Devices.Add(new Device { Id = $"d-{n}", State = state, RegisteredAt = now, StateChangedAt = now });
            db.DeviceKeys.Add(new DeviceKey { Fingerprint = $"{n:x64}", DeviceId = $"d-{n}" });
            for (var serial = 0; serial <= n % 2; serial++)
            {
                var notAfter = DateTimeOffset.FromUnixTimeSeconds(now.ToUnixTimeSeconds() + dice.Next(-10 * 86_400, 100 * 86_400));
                var revoked = dice.Next(20) == 0;
                db.Certificates.Add(new IssuedCertificate
                {
                    Serial = $"{(n * 2) + serial:x32}",
                    DeviceId = $"d-{n}",
                    KeyFingerprint = $"{n:x64}",
                    Der = [],
                    NotBefore = notAfter.AddDays(-30),
                    NotAfter = notAfter,
                    RevokedAt = revoked ? now : null,
                    RevocationReason = revoked ? RevocationReason.Unspecified : null,
                });
                if (!revoked && state == DeviceState.Active) counted.Add(($"d-{n}", notAfter));
            }
        }
        await db.SaveChangesAsync();
        return counted;
    }
}
