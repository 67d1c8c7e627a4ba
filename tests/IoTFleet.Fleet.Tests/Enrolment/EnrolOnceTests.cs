using IoTFleet.Fleet.Enrolment;
using Microsoft.EntityFrameworkCore;
using static IoTFleet.Fleet.Enrolment.EnrolDeviceResult;

namespace IoTFleet.Fleet.Tests.Enrolment;

/// <summary>Tokens under retries and races.</summary>
public class EnrolOnceTests
{
    [Fact]
    public async Task A_retry_with_the_same_key_gets_the_same_certificate_and_spends_nothing()
    {
        await using var fleet = await TestFleet.StartAsync();
        var token = await fleet.TokenAsync(uses: 1);
        var request = TestFleet.NewRequest();
        var first = Assert.IsType<Issued>(await fleet.EnrolAsync(token, "pump-1", request));

        var retried = Assert.IsType<Issued>(await fleet.EnrolAsync(token, "pump-1", request));

        Assert.Equal(first.CertificateDer.ToArray(), retried.CertificateDer.ToArray());
        Assert.Equal(1, await fleet.ReadAsync(db => db.Tokens.Select(t => t.Uses).SingleAsync()));
    }

    [Fact]
    public async Task Of_a_hundred_devices_with_one_single_use_token_exactly_one_gets_in()
    {
        await using var fleet = await TestFleet.StartAsync();
        var token = await fleet.TokenAsync(uses: 1);
        var requests = Enumerable.Range(0, 100).Select(_ => TestFleet.NewRequest()).ToList();

        var results = await Task.WhenAll(requests.Select((request, i) => Task.Run(() => fleet.EnrolAsync(token, $"pump-{i}", request))));

        Assert.Single(results.OfType<Issued>());
        Assert.Equal(99, results.Count(result => result == EnrolRefusal.TokenUsedUp));
        Assert.Equal(1, await fleet.ReadAsync(db => db.Certificates.CountAsync()));
        Assert.Equal(1, await fleet.ReadAsync(db => db.Devices.CountAsync()));
    }

    [Fact]
    public async Task A_hundred_retries_at_once_get_one_certificate()
    {
        await using var fleet = await TestFleet.StartAsync();
        var token = await fleet.TokenAsync(uses: 1);
        var request = TestFleet.NewRequest();

        var results = await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => Task.Run(() => fleet.EnrolAsync(token, "pump-1", request))));

        Assert.Single(results.Select(result => Assert.IsType<Issued>(result).Serial).Distinct());
    }
}
