using IoTFleet.Fleet.Certificates;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Tests.Certificates;

/// <summary>The forecast of a large fleet, held against arithmetic: device n's certificate ends n times 70 seconds from now.</summary>
public sealed class ForecastAtScaleTests
{
    private const int Devices = 100_000;
    private const int Step = 70;

    [Fact]
    public async Task Forecast_of_a_hundred_thousand_certificates_is_what_arithmetic_says()
    {
        await using var fleet = await TestFleet.StartAsync();
        await FillAsync(fleet);
        var now = fleet.Clock.GetUtcNow();

        var forecast = Assert.IsType<ForecastExpiryResult.Forecast>(await fleet.Get<ForecastExpiry>().RunAsync(TestFleet.Viewer, default)).Value;

        var hours = new int[ForecastExpiry.Days * 24];
        for (var n = 1L; n <= Devices; n++) hours[n * Step / 3600]++;
        Assert.Equal(hours, forecast.EndingPerHour);
        Assert.Equal((Devices, 0), (forecast.Devices, forecast.EndingLater));
        Assert.Equal((now.AddSeconds(Step), "d-1"), forecast.FirstDies);
        Assert.Equal(now.AddSeconds(Devices / 100 * Step), forecast.OnePercentDead);
    }

    /// <summary>The last second belongs to a certificate's life, so the end that is stored is a second earlier.</summary>
    private static async Task FillAsync(TestFleet fleet)
    {
        var now = EpochTime.ToMicroseconds(fleet.Clock.GetUtcNow());
        const string Numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)";
        await fleet.ReadAsync(db => db.Database.ExecuteSqlRawAsync($$"""
            INSERT INTO "Devices" ("Id", "State", "RegisteredAtUs", "StateChangedAtUs", "Tags") {{Numbers}} SELECT 'd-' || i, 'Active', {0}, {0}, '[]' FROM n
            """, now));
        await fleet.ReadAsync(db => db.Database.ExecuteSqlRawAsync($$"""
            INSERT INTO "DeviceKeys" ("Fingerprint", "DeviceId") {{Numbers}} SELECT 'k-' || i, 'd-' || i FROM n
            """));
        await fleet.ReadAsync(db => db.Database.ExecuteSqlRawAsync($$"""
            INSERT INTO "Certificates" ("Serial", "DeviceId", "KeyFingerprint", "IssuerId", "Door", "Der", "NotBeforeUs", "NotAfterUs", "KeyUses")
            {{Numbers}} SELECT printf('%032x', i), 'd-' || i, 'k-' || i, '', 'Token', x'', {0} - 2592000000000, {0} + (i * 70 - 1) * 1000000, 0 FROM n
            """, now));
    }
}
