using IoTFleet.Fleet.Certificates;
using IoTFleet.Fleet.Devices;
using IoTFleet.Fleet.Enrolment;
using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;
using static IoTFleet.Fleet.Enrolment.EnrolDeviceResult;

namespace IoTFleet.Fleet.Tests.Enrolment;

public class EnrolDeviceTests
{
    [Fact]
    public async Task A_token_enrols_an_unknown_device_and_its_certificate_is_stored()
    {
        await using var fleet = await TestFleet.StartAsync();

        var issued = await fleet.EnrolAsync("pump-1");

        var row = await fleet.ReadAsync(db => db.Certificates.SingleAsync());
        Assert.Equal(("pump-1", issued.Serial), (row.DeviceId, row.Serial));
        Assert.Equal(issued.CertificateDer.ToArray(), row.Der);
        Assert.Equal(DeviceState.Active, await fleet.ReadAsync(db => db.Devices.Select(device => device.State).SingleAsync()));
        fleet.Log.AssertClean();
    }

    [Fact]
    public async Task A_registered_device_becomes_active()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.Get<RegisterDevice>().RunAsync(TestFleet.Admin, new("pump-1", "Hall 3"), default);

        await fleet.EnrolAsync("pump-1");

        var device = await fleet.ReadAsync(db => db.Devices.SingleAsync());
        Assert.Equal((DeviceState.Active, "Hall 3"), (device.State, device.DisplayName));
    }

    [Fact]
    public async Task An_unknown_token_is_unauthorized()
    {
        await using var fleet = await TestFleet.StartAsync();

        Assert.Equal(EnrolRefusal.TokenUnknown, await fleet.EnrolAsync("ift_guess", "pump-1"));
        Assert.Equal(EnrolRefusalKind.Unauthorized, EnrolRefusal.TokenUnknown.Kind);
    }

    [Fact]
    public async Task An_expired_token_is_refused()
    {
        await using var fleet = await TestFleet.StartAsync();
        var token = await fleet.TokenAsync();

        fleet.Clock.Advance(TimeSpan.FromDays(1));

        Assert.Equal(EnrolRefusal.TokenExpired, await fleet.EnrolAsync(token, "pump-1"));
    }

    [Fact]
    public async Task A_revoked_token_is_refused()
    {
        await using var fleet = await TestFleet.StartAsync();
        var token = await fleet.TokenAsync();
        var id = await fleet.ReadAsync(db => db.Tokens.Select(t => t.Id).SingleAsync());

        await fleet.Get<RevokeToken>().RunAsync(TestFleet.Admin, new(id), default);

        Assert.Equal(EnrolRefusal.TokenRevoked, await fleet.EnrolAsync(token, "pump-1"));
    }

    [Fact]
    public async Task A_used_up_token_is_refused_and_leaves_no_trace_of_the_device()
    {
        await using var fleet = await TestFleet.StartAsync();
        var token = await fleet.TokenAsync(uses: 2);
        await fleet.EnrolAsync(token, "pump-1");
        await fleet.EnrolAsync(token, "pump-2");

        Assert.Equal(EnrolRefusal.TokenUsedUp, await fleet.EnrolAsync(token, "pump-3"));

        Assert.Equal(["pump-1", "pump-2"], await fleet.ReadAsync(db => db.Devices.Select(device => device.Id).Order().ToListAsync()));
        Assert.Equal(2, await fleet.ReadAsync(db => db.DeviceKeys.CountAsync()));
    }

    [Fact]
    public async Task A_bound_token_enrols_no_other_device()
    {
        await using var fleet = await TestFleet.StartAsync();

        Assert.Equal(EnrolRefusal.TokenOfAnotherDevice, await fleet.EnrolAsync(await fleet.TokenAsync(deviceId: "pump-1"), "pump-2"));
    }

    [Fact]
    public async Task A_device_with_a_live_certificate_is_not_enrolled_anew_by_a_group_token()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.EnrolAsync("pump-1");

        Assert.Equal(EnrolRefusal.AlreadyEnrolled, await fleet.EnrolAsync(await fleet.TokenAsync(uses: 5), "pump-1"));

        Assert.Equal(1, await fleet.ReadAsync(db => db.Certificates.CountAsync()));
    }

    [Fact]
    public async Task A_device_whose_certificate_has_expired_is_enrolled_anew_by_a_group_token()
    {
        await using var fleet = await TestFleet.StartAsync();
        var first = await fleet.EnrolAsync("pump-1");
        fleet.Clock.Advance(first.NotAfter - fleet.Clock.GetUtcNow());

        Assert.IsType<Issued>(await fleet.EnrolAsync(await fleet.TokenAsync(uses: 5), "pump-1"));
    }

    [Fact]
    public async Task A_bound_token_enrols_anew_and_supersedes_what_the_device_held()
    {
        await using var fleet = await TestFleet.StartAsync();
        var first = await fleet.EnrolAsync("pump-1");
        var reader = await fleet.Get<RevokedSet>().LoadAsync(default);

        var second = Assert.IsType<Issued>(await fleet.EnrolAsync(await fleet.TokenAsync(deviceId: "pump-1"), "pump-1"));

        Assert.NotEqual(first.Serial, second.Serial);
        var old = await fleet.ReadAsync(db => db.Certificates.SingleAsync(c => c.Serial == first.Serial));
        Assert.Equal((fleet.Clock.GetUtcNow(), RevocationReason.Superseded), (old.RevokedAt, old.RevocationReason));
        var news = Assert.Single(await reader.ReadAsync(default));
        Assert.Equal((RevocationKind.CertificateRevoked, first.Serial), (news.Kind, news.Serial));
    }

    [Fact]
    public async Task The_key_of_another_device_is_refused()
    {
        await using var fleet = await TestFleet.StartAsync();
        var token = await fleet.TokenAsync(uses: 5);
        var request = TestFleet.NewRequest();
        await fleet.EnrolAsync(token, "pump-1", request);

        Assert.Equal(EnrolRefusal.KeyOfAnotherDevice, await fleet.EnrolAsync(token, "pump-2", request));
    }

    [Fact]
    public async Task A_suspended_or_revoked_device_is_refused()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.EnrolAsync("pump-1");
        await fleet.EnrolAsync("pump-2");
        await fleet.Get<SuspendDevice>().RunAsync(TestFleet.Admin, new("pump-1"), default);
        await fleet.Get<RevokeDevice>().RunAsync(TestFleet.Admin, new("pump-2"), default);

        Assert.Equal(EnrolRefusal.DeviceSuspended, await fleet.EnrolAsync(await fleet.TokenAsync(deviceId: "pump-1"), "pump-1"));
        Assert.Equal(EnrolRefusal.DeviceRevoked, await fleet.EnrolAsync(await fleet.TokenAsync(deviceId: "pump-2"), "pump-2"));
    }

    [Fact]
    public async Task A_request_that_names_somebody_else_is_a_bad_request_and_spends_nothing()
    {
        await using var fleet = await TestFleet.StartAsync();
        var token = await fleet.TokenAsync();

        var refused = Assert.IsType<Refused>(await fleet.EnrolAsync(token, "pump-1", TestFleet.NewRequest("pump-2")));

        Assert.Equal((EnrolRefusalKind.BadRequest, EnrolRefusal.RequestNotAcceptable), (refused.Kind, refused.Code));
        Assert.Equal(0, await fleet.ReadAsync(db => db.Tokens.Select(t => t.Uses).SingleAsync()));
    }

    [Fact]
    public async Task A_refusal_is_audited_with_its_code_and_without_the_token()
    {
        await using var fleet = await TestFleet.StartAsync();

        await fleet.EnrolAsync("ift_guess", "pump-1");

        var entry = Assert.Single(await fleet.AuditAsync("pump-1"));
        Assert.Equal(("device.enrol", "token-unknown", ActorKind.Enrolling), (entry.Action, entry.Outcome, entry.ActorKind));
        Assert.Contains("10.1.2.3", entry.Detail);
        Assert.DoesNotContain("guess", entry.Detail + string.Concat(fleet.Log.Lines));
        Assert.Equal(1, fleet.Get<FleetMetrics>().EnrolmentRefusals["token-unknown"]);
    }
}
