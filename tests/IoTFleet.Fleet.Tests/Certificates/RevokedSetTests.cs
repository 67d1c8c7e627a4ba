using IoTFleet.Fleet.Certificates;
using IoTFleet.Fleet.Devices;
using IoTFleet.Fleet.Enrolment;

namespace IoTFleet.Fleet.Tests.Certificates;

public class RevokedSetTests
{
    private const string OtherSerial = "01";

    private static CertificateFacts Facts(string device, string serial) => new(device, serial, "", "");

    [Fact]
    public async Task What_was_shut_out_before_the_start_is_loaded()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.EnrolAsync("pump-1");
        await fleet.EnrolAsync("pump-2");
        var old = await fleet.EnrolAsync("pump-3");
        await fleet.EnrolAsync(await fleet.TokenAsync(deviceId: "pump-3"), "pump-3");
        await fleet.Get<SuspendDevice>().RunAsync(TestFleet.Admin, new("pump-1"), default);
        await fleet.Get<RevokeDevice>().RunAsync(TestFleet.Admin, new("pump-2"), default);

        var set = fleet.Get<RevokedSet>();
        await set.LoadAsync(default);

        Assert.True(set.IsBlocked(Facts("pump-1", OtherSerial)));
        Assert.True(set.IsBlocked(Facts("pump-2", OtherSerial)));
        Assert.True(set.IsBlocked(Facts("pump-3", old.Serial) with { IssuerId = fleet.Pki.DeviceAuthority.Id }));
        Assert.False(set.IsBlocked(Facts("pump-3", OtherSerial)));
    }

    [Fact]
    public async Task Suspending_blocks_and_resuming_unblocks_through_the_feed()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.EnrolAsync("pump-1");
        var set = fleet.Get<RevokedSet>();
        var reader = await set.LoadAsync(default);

        await fleet.Get<SuspendDevice>().RunAsync(TestFleet.Admin, new("pump-1"), default);
        set.Apply(await reader.ReadAsync(default));
        Assert.True(set.IsBlocked(Facts("pump-1", OtherSerial)));

        await fleet.Get<ResumeDevice>().RunAsync(TestFleet.Admin, new("pump-1"), default);
        set.Apply(await reader.ReadAsync(default));
        Assert.False(set.IsBlocked(Facts("pump-1", OtherSerial)));
    }

    [Fact]
    public async Task Applying_a_stretch_of_the_feed_twice_is_harmless()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.EnrolAsync("pump-1");
        await fleet.EnrolAsync("pump-2");
        var set = fleet.Get<RevokedSet>();
        var reader = await set.LoadAsync(default);
        await fleet.Get<SuspendDevice>().RunAsync(TestFleet.Admin, new("pump-1"), default);
        await fleet.Get<RevokeDevice>().RunAsync(TestFleet.Admin, new("pump-2"), default);
        await fleet.Get<ResumeDevice>().RunAsync(TestFleet.Admin, new("pump-1"), default);
        var entries = await reader.ReadAsync(default);

        set.Apply(entries);
        set.Apply(entries);

        Assert.False(set.IsBlocked(Facts("pump-1", OtherSerial)));
        Assert.True(set.IsBlocked(Facts("pump-2", OtherSerial)));
    }
}
