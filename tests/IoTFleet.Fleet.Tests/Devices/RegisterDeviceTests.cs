using IoTFleet.Fleet.Devices;

namespace IoTFleet.Fleet.Tests.Devices;

public class RegisterDeviceTests
{
    [Fact]
    public async Task A_registered_device_is_found_with_its_name_and_audited()
    {
        await using var fleet = await TestFleet.StartAsync();

        await fleet.Get<RegisterDevice>().RunAsync(TestFleet.Admin, new("pump-1", "Pump in hall 3"), default);

        var found = Assert.IsType<FindDeviceResult.Found>(await fleet.Get<FindDevices>().OneAsync(TestFleet.Viewer, "pump-1", default));
        Assert.Equal(("Pump in hall 3", DeviceState.Registered), (found.Device.DisplayName, found.Device.State));
        Assert.Equal(fleet.Clock.GetUtcNow(), found.Device.RegisteredAt);
        var entry = Assert.Single(await fleet.AuditAsync("pump-1"));
        Assert.Equal(("device.register", "done", ActorKind.Operator, "ada"), (entry.Action, entry.Outcome, entry.ActorKind, entry.ActorName));
    }

    [Fact]
    public async Task A_known_id_is_not_registered_twice()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.Get<RegisterDevice>().RunAsync(TestFleet.Admin, new("pump-1"), default);

        var again = await fleet.Get<RegisterDevice>().RunAsync(TestFleet.Admin, new("pump-1"), default);

        Assert.IsType<RegisterDeviceResult.AlreadyKnown>(again);
    }

    [Theory]
    [InlineData("")]
    [InlineData("Pump-1")]
    [InlineData("-pump")]
    [InlineData("pump/1")]
    [InlineData("pump-1 ")]
    public async Task An_id_outside_the_grammar_is_invalid(string id)
    {
        await using var fleet = await TestFleet.StartAsync();

        Assert.IsType<RegisterDeviceResult.Invalid>(await fleet.Get<RegisterDevice>().RunAsync(TestFleet.Admin, new(id), default));
    }
}
