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

    [Theory]
    [InlineData(-56 * 365)]
    [InlineData(3650)]
    public async Task Row_28_a_device_whose_clock_is_years_off_trusts_nobody_and_spends_nothing(int days) => await ExpectNoTrustAsync(Now.AddDays(days));

    [Fact]
    public async Task Row_29_a_server_certificate_of_yesterday_is_believed_no_more() => await ExpectNoTrustAsync(Now.AddDays(91));      // the server's lives 90 days

    private async Task ExpectNoTrustAsync(DateTimeOffset deviceTime)
    {
        var token = await attacked.Server.Client.CreateTokenAsync(new CreateTokenRequest { Name = "clock", MaxUses = 1 });
        var options = new DeviceOptions
        {
            DeviceId = "pump-28",
            Server = new Uri($"https://localhost:{attacked.Server.HttpsPort}"),
            RootFingerprint = attacked.Server.RootFingerprint,
            EnrolmentToken = token.Secret,
            KeyStore = new MemoryKeyStore(),
            Clock = new FakeClock(deviceTime),
        };

        var refused = await Assert.ThrowsAsync<DeviceException>(() => DeviceClient.StartAsync(options));

        Assert.Equal(DeviceError.ServerNotTrusted, refused.Error);
        Assert.Equal(0, (await attacked.Server.Client.GetTokensPageAsync()).Items.Single(one => one.Id == token.Id).Uses);
    }
}
