using IoTFleet.Fleet.Certificates;
using IoTFleet.Fleet.Devices;
using IoTFleet.Fleet.Enrolment;

namespace IoTFleet.Fleet.Tests.Devices;

public class AdmitDeviceTests
{
    [Fact]
    public async Task An_enrolled_device_is_admitted_as_itself()
    {
        await using var fleet = await TestFleet.StartAsync();
        var issued = await fleet.EnrolAsync("pump-1");

        var admitted = Assert.IsType<AdmitDeviceResult.Admitted>(await AdmitAsync(fleet, "pump-1", issued.Serial));

        Assert.Equal(Actor.Device("pump-1"), admitted.Actor);
    }

    [Fact]
    public async Task An_unknown_device_is_refused()
    {
        await using var fleet = await TestFleet.StartAsync();
        var issued = await fleet.EnrolAsync("pump-1");

        await RefusedAsync(fleet, "pump-2", issued.Serial, RefusalReason.UnknownDevice);
    }

    [Fact]
    public async Task A_certificate_that_we_did_not_store_is_refused()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.EnrolAsync("pump-1");

        await RefusedAsync(fleet, "pump-1", "0123456789abcdef0123456789abcdef", RefusalReason.CertificateUnknown);
    }

    [Fact]
    public async Task A_certificate_of_another_device_is_refused()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.EnrolAsync("pump-1");
        var other = await fleet.EnrolAsync("pump-2");

        await RefusedAsync(fleet, "pump-1", other.Serial, RefusalReason.CertificateUnknown);
    }

    [Fact]
    public async Task A_registered_device_without_enrolment_is_refused()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.Get<RegisterDevice>().RunAsync(TestFleet.Admin, new("pump-1"), default);

        await RefusedAsync(fleet, "pump-1", "01", RefusalReason.DeviceNotEnrolled);
    }

    [Fact]
    public async Task A_suspended_device_is_refused_until_resumed()
    {
        await using var fleet = await TestFleet.StartAsync();
        var issued = await fleet.EnrolAsync("pump-1");

        await fleet.Get<SuspendDevice>().RunAsync(TestFleet.Admin, new("pump-1"), default);
        await RefusedAsync(fleet, "pump-1", issued.Serial, RefusalReason.DeviceSuspended);

        await fleet.Get<ResumeDevice>().RunAsync(TestFleet.Admin, new("pump-1"), default);
        Assert.IsType<AdmitDeviceResult.Admitted>(await AdmitAsync(fleet, "pump-1", issued.Serial));
    }

    [Fact]
    public async Task A_revoked_device_is_refused()
    {
        await using var fleet = await TestFleet.StartAsync();
        var issued = await fleet.EnrolAsync("pump-1");

        await fleet.Get<RevokeDevice>().RunAsync(TestFleet.Admin, new("pump-1"), default);

        await RefusedAsync(fleet, "pump-1", issued.Serial, RefusalReason.DeviceRevoked);
    }

    [Fact]
    public async Task A_superseded_certificate_is_refused_and_its_successor_admitted()
    {
        await using var fleet = await TestFleet.StartAsync();
        var first = await fleet.EnrolAsync("pump-1");
        var second = Assert.IsType<EnrolDeviceResult.Issued>(await fleet.EnrolAsync(await fleet.TokenAsync(deviceId: "pump-1"), "pump-1"));

        await RefusedAsync(fleet, "pump-1", first.Serial, RefusalReason.CertificateSuperseded);
        Assert.IsType<AdmitDeviceResult.Admitted>(await AdmitAsync(fleet, "pump-1", second.Serial));
    }

    [Fact]
    public async Task A_certificate_is_good_through_its_last_second_and_no_longer()
    {
        await using var fleet = await TestFleet.StartAsync();
        var issued = await fleet.EnrolAsync("pump-1");

        fleet.Clock.Advance(issued.NotAfter - fleet.Clock.GetUtcNow() + TimeSpan.FromMilliseconds(999));
        Assert.IsType<AdmitDeviceResult.Admitted>(await AdmitAsync(fleet, "pump-1", issued.Serial));

        fleet.Clock.Advance(TimeSpan.FromMilliseconds(1));
        await RefusedAsync(fleet, "pump-1", issued.Serial, RefusalReason.CertificateExpired);
    }

    private static Task<AdmitDeviceResult> AdmitAsync(TestFleet fleet, string id, string serial) =>
        fleet.Get<AdmitDevice>().RunAsync(new(id, serial), default);

    private static async Task RefusedAsync(TestFleet fleet, string id, string serial, RefusalReason expected) =>
        Assert.Equal(new AdmitDeviceResult.Refused(expected), await AdmitAsync(fleet, id, serial));
}
