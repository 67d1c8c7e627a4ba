using IoTFleet.Fleet.Certificates;
using IoTFleet.Fleet.Devices;
using IoTFleet.Fleet.Enrolment;
using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Tests.Certificates;

public class RevokeDeviceTests
{
    [Fact]
    public async Task Revoking_takes_the_device_its_certificates_the_feed_and_the_audit_trail_together()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.EnrolAsync("pump-1");
        var reader = await fleet.Get<RevokedSet>().LoadAsync(default);

        var revoked = await RevokeAsync(fleet, "pump-1", RevocationReason.KeyCompromise);

        Assert.Equal(new RevokeDeviceResult.Revoked("pump-1", 1), revoked);
        Assert.Equal(DeviceState.Revoked, await fleet.ReadAsync(db => db.Devices.Select(device => device.State).SingleAsync()));
        var certificate = await fleet.ReadAsync(db => db.Certificates.SingleAsync());
        Assert.Equal((fleet.Clock.GetUtcNow(), RevocationReason.KeyCompromise), (certificate.RevokedAt, certificate.RevocationReason));
        Assert.Equal([RevocationKind.DeviceRevoked, RevocationKind.KeyRevoked], (await reader.ReadAsync(default)).Select(entry => entry.Kind));
        Assert.Equal(("device.revoke", "ada"), await LastActionAsync(fleet, "pump-1"));
    }

    [Fact]
    public async Task Certificates_revoked_before_keep_their_reason()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.EnrolAsync("pump-1");
        await fleet.EnrolAsync(await fleet.TokenAsync(deviceId: "pump-1"), "pump-1");

        Assert.Equal(new RevokeDeviceResult.Revoked("pump-1", 1), await RevokeAsync(fleet, "pump-1", RevocationReason.KeyCompromise));

        var reasons = await fleet.ReadAsync(db => db.Certificates.Select(c => c.RevocationReason).ToListAsync());
        Assert.Equal([RevocationReason.KeyCompromise, RevocationReason.Superseded], reasons.OrderBy(reason => reason));
    }

    [Fact]
    public async Task Revoking_again_changes_nothing()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.EnrolAsync("pump-1");
        await RevokeAsync(fleet, "pump-1");

        Assert.Equal(new RevokeDeviceResult.Revoked("pump-1", 0), await RevokeAsync(fleet, "pump-1"));

        Assert.Equal(1, await fleet.ReadAsync(db => db.Revocations.CountAsync()));
    }

    [Fact]
    public async Task An_unknown_device_is_told_apart()
    {
        await using var fleet = await TestFleet.StartAsync();

        Assert.IsType<RevokeDeviceResult.UnknownDevice>(await RevokeAsync(fleet, "pump-1"));
    }

    [Fact]
    public async Task A_device_revoked_while_it_enrols_holds_no_good_certificate()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.Get<RegisterDevice>().RunAsync(TestFleet.Admin, new("pump-1"), default);
        var token = await fleet.TokenAsync(uses: 50);

        var enrols = Enumerable.Range(0, 10).Select(_ => Task.Run(() => fleet.EnrolAsync(token, "pump-1")));
        await Task.WhenAll([.. enrols, Task.Run(() => RevokeAsync(fleet, "pump-1"))]);

        Assert.Equal(DeviceState.Revoked, await fleet.ReadAsync(db => db.Devices.Select(device => device.State).SingleAsync()));
        Assert.False(await fleet.ReadAsync(db => db.Certificates.AnyAsync(c => c.RevokedAt == null)));
    }

    private static Task<RevokeDeviceResult> RevokeAsync(TestFleet fleet, string id, RevocationReason reason = RevocationReason.Unspecified) =>
        fleet.Get<RevokeDevice>().RunAsync(TestFleet.Admin, new(id, reason), default);

    private static async Task<(string Action, string ActorName)> LastActionAsync(TestFleet fleet, string subject)
    {
        var entry = (await fleet.AuditAsync(subject))[^1];
        return (entry.Action, entry.ActorName);
    }
}
