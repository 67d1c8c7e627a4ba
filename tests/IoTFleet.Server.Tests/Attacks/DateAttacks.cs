using System.Net;
using IoTFleet.Fleet.Authorities;
using IoTFleet.Mqtt;
using IoTFleet.Server.Security;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests.Attacks;

/// <summary>Certificates whose time is over, has not come, or is written in another way.</summary>
public sealed class DateAttacks(AttackedServer attacked) : IClassFixture<AttackedServer>
{
    private static DateTimeOffset Now => TimeProvider.System.GetUtcNow();

    [Theory]
    [InlineData(ProtocolVersion.V311)]
    [InlineData(ProtocolVersion.V5)]
    public async Task Row_06_an_expired_certificate_is_told_so_at_connect_and_nothing_else(ProtocolVersion version)
    {
        using var certificate = (attacked.Forged with { NotBefore = Now.AddDays(-2), NotAfter = Now.AddSeconds(-2) }).SignedBy(attacked.Authorities.Devices);
        await attacked.ExpectRefusedAsync("expired", certificate, version: version);
    }

    [Fact]
    public async Task Row_06_a_certificate_of_tomorrow_is_told_so_at_connect_and_nothing_else()
    {
        using var certificate = (attacked.Forged with { NotBefore = Now.AddDays(1), NotAfter = Now.AddDays(2) }).SignedBy(attacked.Authorities.Devices);
        await attacked.ExpectRefusedAsync("not-yet-valid", certificate);
    }

    [Fact]
    public async Task Row_06_an_expired_certificate_fetches_no_other_and_reads_nothing()
    {
        using var certificate = (attacked.Forged with { NotBefore = Now.AddDays(-2), NotAfter = Now.AddSeconds(-2) }).SignedBy(attacked.Authorities.Devices);
        using var est = new EstVisitor(attacked.Server, certificate);
        await attacked.ExpectNothingGainedAsync("expired", async () =>
        {
            Assert.Equal(HttpStatusCode.Forbidden, (await est.EnrolAsync(AttackedServer.Victim, null, TestPki.Request(AttackedServer.Victim))).Status);
            using var read = await est.Http.GetAsync($"https://localhost:{attacked.Server.HttpsPort}/api/v1/devices");
            Assert.Equal(HttpStatusCode.Forbidden, read.StatusCode);
            return null;
        });
    }

    [Theory]
    [InlineData(2049)]
    [InlineData(2050)]
    [InlineData(2300)]
    public async Task Row_06_the_switch_of_time_formats_in_2050_lets_nobody_in(int year)
    {
        var forged = attacked.Forged with { NotAfter = new DateTimeOffset(year, 12, 31, 23, 59, 59, TimeSpan.Zero) };
        using var certificate = forged.SignedBy(attacked.Authorities.Devices);
        await attacked.ExpectRefusedAsync("not-in-log", certificate);       // its dates are right, it was never issued
    }

    [Theory]
    [InlineData(-1, "not-yet-valid")]
    [InlineData(0, null)]
    [InlineData(59, null)]
    [InlineData(60, null)]
    [InlineData(61, "expired")]
    public async Task Row_06_a_life_has_its_first_and_its_last_second(int second, string? refusal)
    {
        var start = new DateTimeOffset(2049, 12, 31, 23, 59, 30, TimeSpan.Zero);      // it ends in 2050
        var clock = new FakeClock(start);
        using var pki = new TestPki(clock);
        var forged = Forgery.OfDevice("pump-7", pki.Names) with { NotBefore = start, NotAfter = start.AddSeconds(60) };
        using var certificate = forged.SignedBy(pki.Authorities.Devices);
        var later = new FakeClock(start.AddSeconds(second));
        var trust = TrustSnapshot.Of(pki.Authorities, clock);
        var tls = new DeviceTls(() => trust, pki.Server(), later, _ => { });

        var verdict = await TlsPair.HandshakeAsync(accepted => tls.ForMqtt(null, accepted), pki.Root, certificate);

        Assert.Equal(refusal, verdict!.Refusal?.Code);
    }
}
