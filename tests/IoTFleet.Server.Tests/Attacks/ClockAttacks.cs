using IoTFleet.Api;
using IoTFleet.Device;
using IoTFleet.Device.Identity;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests.Attacks;

/// <summary>Devices that do not know the time, and servers of yesterday.</summary>
public sealed class ClockAttacks(AttackedServer attacked) : IClassFixture<AttackedServer>
{
    private static DateTimeOffset Now => TimeProvider.System.GetUtcNow();

    [Fact]
    public void Row_28_a_certificate_began_before_it_was_asked_for() => Assert.InRange(attacked.Honest.NotBefore.ToUniversalTime(), Now.UtcDateTime.AddDays(-1), Now.UtcDateTime.AddMinutes(-5));

    [Fact]
    public async Task Row_28_an_answer_says_what_time_it_is()
    {
        using var est = new EstVisitor(attacked.Server);
        using var answer = await est.Http.GetAsync("cacerts");
        Assert.InRange(answer.Headers.Date!.Value, Now.AddMinutes(-5), Now.AddMinutes(5));
    }

    [Fact]
    public async Task Row_28_a_device_whose_clock_is_years_ahead_trusts_nobody_and_spends_nothing() => await ExpectNoTrustAsync(new FakeClock(Now.AddDays(3650)));

    [Fact]
    public async Task Row_28_a_device_that_starts_in_1970_enrols_connects_and_files_what_it_measures_under_the_right_day()
    {
        var token = await attacked.Server.Client.CreateTokenAsync(new CreateTokenRequest { Name = "1970", MaxUses = 1 });
        await using var device = await DeviceClient.StartAsync(Options("pump-1970", token, new FakeClock(DateTimeOffset.UnixEpoch)));
        await device.WaitConnectedAsync().WaitAsync(TimeSpan.FromSeconds(30));
        await device.PublishAsync("clock", new Dictionary<string, double> { ["rpm"] = 900 }).WaitAsync(TimeSpan.FromSeconds(30));

        var stored = await attacked.Server.Client.GetTelemetryAsync("pump-1970").ToListAsync();
        Assert.InRange(Assert.Single(stored).Time, Now.AddDays(-1), Now.AddMinutes(5));
    }

    [Fact]
    public async Task Row_29_a_server_certificate_of_yesterday_is_believed_no_more() => await ExpectNoTrustAsync(new FakeClock(Now.AddDays(91)));      // the server's lives 90 days

    /// <summary>Its clock says 1970, but its firmware was built when the server's certificate was over.</summary>
    [Fact]
    public async Task Row_29_nor_by_a_device_without_a_clock_that_knows_of_a_later_day() =>
        await ExpectNoTrustAsync(new FakeClock(DateTimeOffset.UnixEpoch), builtAt: Now.AddDays(91));

    private DeviceOptions Options(string id, CreatedToken token, FakeClock clock) => new()
    {
        DeviceId = id,
        Server = new Uri($"https://localhost:{attacked.Server.HttpsPort}"),
        RootFingerprint = attacked.Server.RootFingerprint,
        BrokerPort = attacked.Server.MqttPort,
        EnrolmentToken = token.Secret,
        KeyStore = new MemoryKeyStore(),
        Clock = clock,
    };

    private async Task ExpectNoTrustAsync(FakeClock clock, DateTimeOffset? builtAt = null)
    {
        var token = await attacked.Server.Client.CreateTokenAsync(new CreateTokenRequest { Name = "clock", MaxUses = 1 });
        var options = Options("pump-28", token, clock);
        if (builtAt is { } built) options = options with { BuiltAt = built };

        var refused = await Assert.ThrowsAsync<DeviceException>(() => DeviceClient.StartAsync(options));

        Assert.Equal(DeviceError.ServerNotTrusted, refused.Error);
        Assert.Equal(0, (await attacked.Server.Client.GetTokensPageAsync()).Items.Single(one => one.Id == token.Id).Uses);
    }
}
