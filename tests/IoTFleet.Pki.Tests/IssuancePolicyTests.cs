using IoTFleet.Testing;

namespace IoTFleet.Pki.Tests;

public sealed class IssuancePolicyTests
{
    private static readonly FleetNames Names = new("fleet.local");
    private readonly IssuancePolicy _policy = new(Names);

    [Fact]
    public void Names_and_lifetime_are_the_servers_decision()
    {
        var request = Parse(TestPki.Request());
        Assert.True(_policy.TryForDevice("pump-1", request, out var terms, out _));
        Assert.Equal("pump-1", terms.CommonName);
        Assert.Equal("spiffe://device.fleet.local/pump-1", terms.Identity!.OriginalString);
        Assert.Equal(TimeSpan.FromDays(30), terms.Lifetime);
        Assert.Equal(request.SubjectPublicKeyInfo, terms.SubjectPublicKeyInfo);
    }

    [Theory]
    [InlineData("pump-1", true)]
    [InlineData("pump-2", false)]
    [InlineData("PUMP-1", false)]
    public void Common_name_must_be_the_devices_own(string commonName, bool accepted) =>
        Assert.Equal(accepted, _policy.TryForDevice("pump-1", Parse(TestPki.Request(commonName)), out _, out _));

    [Theory]
    [InlineData("spiffe://device.fleet.local/pump-1", true)]
    [InlineData("spiffe://device.fleet.local/pump-2", false)]
    [InlineData("spiffe://service.fleet.local/pump-1", false)]
    [InlineData("spiffe://device.other.local/pump-1", false)]
    public void Alternative_name_must_be_the_devices_own(string uri, bool accepted)
    {
        var request = Parse(SigningRequestCases.Asking(SigningRequestCases.Names(names => names.AddUri(new Uri(uri)))));
        Assert.Equal(accepted, _policy.TryForDevice("pump-1", request, out _, out _));
    }

    [Theory]
    [InlineData("spiffe://service.fleet.local/pump-1", true)]
    [InlineData("spiffe://service.fleet.local/pump-2", false)]
    [InlineData("spiffe://device.fleet.local/pump-1", false)]
    public void Service_may_ask_for_its_own_name_only(string uri, bool accepted)
    {
        var request = Parse(SigningRequestCases.Asking(SigningRequestCases.Names(names => names.AddUri(new Uri(uri)))));
        Assert.Equal(accepted, _policy.TryForService("pump-1", request, out var terms, out _));
        if (accepted) Assert.Equal((uri, TimeSpan.FromDays(90)), (terms!.Identity!.OriginalString, terms.Lifetime));
    }

    [Theory]
    [InlineData("")]
    [InlineData("Pump")]
    [InlineData("-pump")]
    [InlineData("pump.")]
    [InlineData("pump/1")]
    [InlineData("pump\0")]
    [InlineData("pümp")]
    [InlineData("a234567890123456789012345678901234567890123456789012345678901234")]
    public void Device_id_outside_the_grammar_is_refused(string id)
    {
        Assert.False(_policy.TryForDevice(id, Parse(TestPki.Request()), out _, out var problem));
        Assert.Contains(DeviceName.Rule, problem);
    }

    [Theory]
    [InlineData("a")]
    [InlineData("0_.-")]
    [InlineData("a23456789012345678901234567890123456789012345678901234567890123")]
    public void Device_id_within_the_grammar_is_accepted(string id) =>
        Assert.True(_policy.TryForDevice(id, Parse(TestPki.Request()), out _, out _));

    [Theory]
    [InlineData("DeviceLifetime", 59, 5)]
    [InlineData("DeviceLifetime", 91 * 24 * 60, 5)]
    [InlineData("DeviceBackdate", 60, 4)]
    [InlineData("DeviceBackdate", 30 * 24 * 60, (24 * 60) + 1)]
    [InlineData("DeviceBackdate", 60, 31)]
    public void Setting_out_of_range_is_named(string setting, int lifetimeMinutes, int backdateMinutes)
    {
        var options = new IssuanceOptions
        {
            DeviceLifetime = TimeSpan.FromMinutes(lifetimeMinutes),
            DeviceBackdate = TimeSpan.FromMinutes(backdateMinutes),
        };
        var refused = Assert.Throws<ArgumentException>(() => new IssuancePolicy(Names, options));
        Assert.StartsWith(setting, refused.Message);
    }

    [Theory]
    [InlineData("")]
    [InlineData("Fleet.local")]
    [InlineData("fleet..local")]
    [InlineData("-fleet.local")]
    [InlineData("fleet.local/x")]
    public void Domain_that_is_no_host_name_is_refused(string domain) =>
        Assert.Throws<ArgumentException>(() => new FleetNames(domain));

    private static SigningRequest Parse(byte[] der)
    {
        Assert.True(SigningRequest.TryParse(der, out var request, out var problem), problem);
        return request;
    }
}
