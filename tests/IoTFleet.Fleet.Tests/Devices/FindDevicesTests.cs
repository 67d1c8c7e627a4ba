using IoTFleet.Fleet.Devices;

namespace IoTFleet.Fleet.Tests.Devices;

public class FindDevicesTests
{
    [Fact]
    public async Task Pages_follow_each_other_without_gap_or_repeat()
    {
        await using var fleet = await FleetOfAsync("b", "a", "e", "d", "c");

        var seen = new List<string>();
        string? cursor = null;
        do
        {
            var page = await PageAsync(fleet, new FindDevicesRequest(Cursor: cursor, Limit: 2));
            seen.AddRange(page.Devices.Select(device => device.Id));
            cursor = page.Next;
        }
        while (cursor is not null);

        Assert.Equal(["a", "b", "c", "d", "e"], seen);
    }

    [Fact]
    public async Task A_page_that_ends_with_the_last_device_has_no_next()
    {
        await using var fleet = await FleetOfAsync("a", "b");

        Assert.Null((await PageAsync(fleet, new FindDevicesRequest(Limit: 2))).Next);
    }

    [Theory]
    [InlineData("pump-", "pump-1,pump-2")]
    [InlineData("pump_", "pump_1")]
    [InlineData("pump", "pump-1,pump-2,pump_1,pumps")]
    [InlineData("x", "")]
    public async Task A_prefix_is_taken_literally(string prefix, string expected)
    {
        await using var fleet = await FleetOfAsync("fan-1", "pump-1", "pump-2", "pump_1", "pumps", "valve-pump-1");

        var page = await PageAsync(fleet, new FindDevicesRequest(Prefix: prefix));

        Assert.Equal(expected, string.Join(',', page.Devices.Select(device => device.Id)));
    }

    [Fact]
    public async Task A_state_filter_leaves_the_others_out()
    {
        await using var fleet = await FleetOfAsync("a", "b");
        await fleet.Get<SuspendDevice>().RunAsync(TestFleet.Admin, new("b"), default);

        var page = await PageAsync(fleet, new FindDevicesRequest(State: DeviceState.Suspended));

        Assert.Equal("b", Assert.Single(page.Devices).Id);
    }

    [Fact]
    public async Task A_device_is_found_with_its_certificates()
    {
        await using var fleet = await TestFleet.StartAsync();
        var issued = await fleet.EnrolAsync("pump-1");

        var found = Assert.IsType<FindDeviceResult.Found>(await fleet.Get<FindDevices>().OneAsync(TestFleet.Viewer, "pump-1", default));

        Assert.Equal(issued.Serial, Assert.Single(found.Certificates).Serial);
        Assert.IsType<FindDeviceResult.UnknownDevice>(await fleet.Get<FindDevices>().OneAsync(TestFleet.Viewer, "pump-2", default));
    }

    private static async Task<TestFleet> FleetOfAsync(params string[] ids)
    {
        var fleet = await TestFleet.StartAsync();
        foreach (var id in ids) await fleet.Get<RegisterDevice>().RunAsync(TestFleet.Admin, new(id), default);
        return fleet;
    }

    private static async Task<FindDevicesResult.Page> PageAsync(TestFleet fleet, FindDevicesRequest request) =>
        Assert.IsType<FindDevicesResult.Page>(await fleet.Get<FindDevices>().RunAsync(TestFleet.Viewer, request, default));
}
