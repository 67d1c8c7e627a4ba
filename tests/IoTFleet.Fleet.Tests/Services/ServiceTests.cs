using IoTFleet.Fleet.Certificates;
using IoTFleet.Fleet.Services;
using IoTFleet.Mqtt.Topics;
using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Tests.Services;

public class ServiceTests
{
    [Fact]
    public async Task A_service_is_created_once_and_its_rights_are_written_down()
    {
        await using var fleet = await TestFleet.StartAsync();

        Assert.IsType<CreateServiceResult.Created>(await CreateAsync(fleet, "billing"));
        Assert.IsType<CreateServiceResult.AlreadyKnown>(await CreateAsync(fleet, "billing"));

        var entry = Assert.Single(await fleet.AuditAsync("billing"));
        Assert.Equal(("service.create", "done", "may publish devices/+/commands/#; may subscribe devices/#"), (entry.Action, entry.Outcome, entry.Detail));
    }

    [Theory]
    [InlineData("Billing", "devices/#")]
    [InlineData("a/b", "devices/#")]
    [InlineData("billing", "devices/#/x")]
    public async Task A_wrong_name_or_rule_is_refused(string name, string rule)
    {
        await using var fleet = await TestFleet.StartAsync();
        Assert.IsType<CreateServiceResult.Invalid>(await fleet.Get<CreateService>().RunAsync(TestFleet.Admin, new(name, [], [rule]), default));
    }

    [Fact]
    public async Task A_certificate_names_the_service_and_lets_it_in_with_its_rights()
    {
        await using var fleet = await TestFleet.StartAsync();
        await CreateAsync(fleet, "billing");

        var leaf = await IssuedAsync(fleet, "billing");

        using var certificate = leaf.Load();
        Assert.True(CertificateIdentity.TryRead(certificate, fleet.Pki.Names, out var identity, out _));
        Assert.Equal(new CertificateIdentity(IdentityKind.Service, "billing"), identity);
        var admitted = Assert.IsType<AdmitServiceResult.Admitted>(await AdmitAsync(fleet, "billing", leaf.SerialHex));
        Assert.True(admitted.Rules.MaySubscribe(TopicFilter.Parse("devices/#")));
    }

    [Fact]
    public async Task A_service_may_hold_several_certificates()
    {
        await using var fleet = await TestFleet.StartAsync();
        await CreateAsync(fleet, "billing");
        var (first, second) = (await IssuedAsync(fleet, "billing"), await IssuedAsync(fleet, "billing"));

        Assert.IsType<AdmitServiceResult.Admitted>(await AdmitAsync(fleet, "billing", first.SerialHex));
        Assert.IsType<AdmitServiceResult.Admitted>(await AdmitAsync(fleet, "billing", second.SerialHex));
    }

    [Fact]
    public async Task A_key_belongs_to_one_holder()
    {
        await using var fleet = await TestFleet.StartAsync();
        await CreateAsync(fleet, "billing");
        await CreateAsync(fleet, "weather");
        var (ofDevice, ofService) = (TestFleet.NewRequest(), TestFleet.NewRequest());
        await fleet.EnrolAsync(await fleet.TokenAsync(), "pump-1", ofDevice);
        await IssueAsync(fleet, "billing", ofService);

        Assert.IsType<IssueServiceCertificateResult.KeyOfAnother>(await IssueAsync(fleet, "weather", ofDevice));
        Assert.IsType<IssueServiceCertificateResult.KeyOfAnother>(await IssueAsync(fleet, "weather", ofService));
        Assert.IsType<IssueServiceCertificateResult.Issued>(await IssueAsync(fleet, "billing", ofService));
    }

    [Fact]
    public async Task A_request_for_another_name_is_refused()
    {
        await using var fleet = await TestFleet.StartAsync();
        await CreateAsync(fleet, "billing");
        Assert.IsType<IssueServiceCertificateResult.Invalid>(await IssueAsync(fleet, "billing", TestFleet.NewRequest("weather")));
    }

    [Fact]
    public async Task Revoking_takes_the_service_its_certificates_the_feed_and_the_audit_trail_together()
    {
        await using var fleet = await TestFleet.StartAsync();
        await CreateAsync(fleet, "billing");
        var leaf = await IssuedAsync(fleet, "billing");
        await IssuedAsync(fleet, "billing");
        var reader = await fleet.Get<RevokedSet>().LoadAsync(default);

        Assert.Equal(new RevokeServiceResult.Revoked("billing", 2), await RevokeAsync(fleet, "billing"));

        var entry = Assert.Single(await reader.ReadAsync(default));
        Assert.Equal((RevocationKind.ServiceRevoked, "billing"), (entry.Kind, entry.Subject));
        Assert.Equal("service.revoke", (await fleet.AuditAsync("billing"))[^1].Action);
        Assert.Equal(new AdmitServiceResult.Refused(ServiceRefusalReason.ServiceRevoked), await AdmitAsync(fleet, "billing", leaf.SerialHex));
        Assert.IsType<IssueServiceCertificateResult.Revoked>(await IssueAsync(fleet, "billing", TestFleet.NewRequest()));
        Assert.Equal(new RevokeServiceResult.Revoked("billing", 0), await RevokeAsync(fleet, "billing"));
    }

    [Fact]
    public async Task A_revoked_service_is_in_the_set_and_a_device_of_its_name_is_not()
    {
        await using var fleet = await TestFleet.StartAsync();
        await CreateAsync(fleet, "billing");
        await CreateAsync(fleet, "weather");
        await RevokeAsync(fleet, "billing");
        var set = fleet.Get<RevokedSet>();
        var reader = await set.LoadAsync(default);
        await RevokeAsync(fleet, "weather");
        set.Apply(await reader.ReadAsync(default));

        Assert.True(set.IsServiceBlocked("billing"));
        Assert.True(set.IsServiceBlocked("weather"));
        Assert.False(set.IsBlocked(new("billing", new string('0', 32), "", "")));
    }

    [Fact]
    public async Task Who_is_not_welcome_is_told_apart()
    {
        await using var fleet = await TestFleet.StartAsync();
        await CreateAsync(fleet, "billing");
        await CreateAsync(fleet, "weather");
        var leaf = await IssuedAsync(fleet, "billing");

        Assert.Equal(new AdmitServiceResult.Refused(ServiceRefusalReason.UnknownService), await AdmitAsync(fleet, "nobody", leaf.SerialHex));
        Assert.Equal(new AdmitServiceResult.Refused(ServiceRefusalReason.CertificateUnknown), await AdmitAsync(fleet, "weather", leaf.SerialHex));
        fleet.Clock.Advance(leaf.NotAfter - fleet.Clock.GetUtcNow());
        Assert.IsType<AdmitServiceResult.Admitted>(await AdmitAsync(fleet, "billing", leaf.SerialHex));
        fleet.Clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(new AdmitServiceResult.Refused(ServiceRefusalReason.CertificateExpired), await AdmitAsync(fleet, "billing", leaf.SerialHex));
    }

    [Fact]
    public async Task Services_are_listed_with_their_rules_and_found_with_their_certificates()
    {
        await using var fleet = await TestFleet.StartAsync();
        await CreateAsync(fleet, "weather");
        await CreateAsync(fleet, "billing");
        var leaf = await IssuedAsync(fleet, "billing");

        var listed = Assert.IsType<FindServicesResult.Found>(await fleet.Get<FindServices>().RunAsync(TestFleet.Viewer, new(), default));
        Assert.Equal(["billing", "weather"], listed.Services.Select(service => service.Name));
        Assert.Equal(["devices/#"], listed.Services[0].SubscribeRules);
        var found = Assert.IsType<FindServiceResult.Found>(await fleet.Get<FindServices>().OneAsync(TestFleet.Viewer, "billing", default));
        Assert.Equal(leaf.SerialHex, Assert.Single(found.Certificates).Serial);
        Assert.IsType<FindServiceResult.UnknownService>(await fleet.Get<FindServices>().OneAsync(TestFleet.Viewer, "nobody", default));
    }

    private static Task<CreateServiceResult> CreateAsync(TestFleet fleet, string name) =>
        fleet.Get<CreateService>().RunAsync(TestFleet.Admin, new(name, ["devices/+/commands/#"], ["devices/#"]), default);

    private static Task<IssueServiceCertificateResult> IssueAsync(TestFleet fleet, string name, SigningRequest request) =>
        fleet.Get<IssueServiceCertificate>().RunAsync(TestFleet.Admin, new(name, request), default);

    private static async Task<IssuedLeaf> IssuedAsync(TestFleet fleet, string name) =>
        Assert.IsType<IssueServiceCertificateResult.Issued>(await IssueAsync(fleet, name, TestFleet.NewRequest())).Leaf;

    private static Task<RevokeServiceResult> RevokeAsync(TestFleet fleet, string name) =>
        fleet.Get<RevokeService>().RunAsync(TestFleet.Admin, new(name), default);

    private static Task<AdmitServiceResult> AdmitAsync(TestFleet fleet, string name, string serial) =>
        fleet.Get<AdmitService>().RunAsync(new(name, serial), default);
}
