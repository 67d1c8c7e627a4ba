using IoTFleet.Fleet.Certificates;
using IoTFleet.Fleet.Devices;

namespace IoTFleet.Fleet.Tests.Devices;

public class SuspendDeviceTests
{
    [Fact]
    public async Task Suspending_and_resuming_go_through_the_feed_and_the_audit_trail()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.EnrolAsync("pump-1");
        var reader = await fleet.Get<RevokedSet>().LoadAsync(default);

        await SuspendAsync(fleet, "pump-1");
        await ResumeAsync(fleet, "pump-1");

        var kinds = (await reader.ReadAsync(default)).Select(entry => entry.Kind);
        Assert.Equal([RevocationKind.DeviceSuspended, RevocationKind.DeviceResumed], kinds);
        var actions = (await fleet.AuditAsync("pump-1")).Select(entry => entry.Action);
        Assert.Equal(["certificate.intent", "device.enrol", "device.suspend", "device.resume"], actions);
    }

    [Theory]
    [InlineData(true, DeviceState.Active)]
    [InlineData(false, DeviceState.Registered)]
    public async Task A_resumed_device_is_what_it_was(bool enrolled, DeviceState expected)
    {
        await using var fleet = await TestFleet.StartAsync();
        if (enrolled) await fleet.EnrolAsync("pump-1");
        else await fleet.Get<RegisterDevice>().RunAsync(TestFleet.Admin, new("pump-1"), default);
        await SuspendAsync(fleet, "pump-1");

        var resumed = Assert.IsType<ResumeDeviceResult.Resumed>(await ResumeAsync(fleet, "pump-1"));

        Assert.Equal(expected, resumed.Device.State);
    }

    [Fact]
    public async Task Suspending_again_changes_nothing()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.EnrolAsync("pump-1");
        await SuspendAsync(fleet, "pump-1");
        var reader = await fleet.Get<RevokedSet>().LoadAsync(default);

        Assert.IsType<SuspendDeviceResult.Suspended>(await SuspendAsync(fleet, "pump-1"));

        Assert.DoesNotContain(await reader.ReadAsync(default), entry => entry.Id > 1);
    }

    [Fact]
    public async Task A_revoked_device_is_neither_suspended_nor_resumed()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.EnrolAsync("pump-1");
        await fleet.Get<RevokeDevice>().RunAsync(TestFleet.Admin, new("pump-1"), default);

        Assert.IsType<SuspendDeviceResult.AlreadyRevoked>(await SuspendAsync(fleet, "pump-1"));
        Assert.Equal(new ResumeDeviceResult.NotSuspended(DeviceState.Revoked), await ResumeAsync(fleet, "pump-1"));
    }

    [Fact]
    public async Task An_unknown_device_is_told_apart()
    {
        await using var fleet = await TestFleet.StartAsync();

        Assert.IsType<SuspendDeviceResult.UnknownDevice>(await SuspendAsync(fleet, "pump-1"));
        Assert.IsType<ResumeDeviceResult.UnknownDevice>(await ResumeAsync(fleet, "pump-1"));
    }

    private static Task<SuspendDeviceResult> SuspendAsync(TestFleet fleet, string id) =>
        fleet.Get<SuspendDevice>().RunAsync(TestFleet.Admin, new(id), default);

    private static Task<ResumeDeviceResult> ResumeAsync(TestFleet fleet, string id) =>
        fleet.Get<ResumeDevice>().RunAsync(TestFleet.Admin, new(id), default);
}
