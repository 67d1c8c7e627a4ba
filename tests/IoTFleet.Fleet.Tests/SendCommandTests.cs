using IoTFleet.Fleet.Commands;
using IoTFleet.Fleet.Devices;

namespace IoTFleet.Fleet.Tests;

public class SendCommandTests
{
    [Fact]
    public async Task A_command_to_an_active_device_is_accepted_and_audited()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.EnrolAsync("pump-1");

        var accepted = Assert.IsType<SendCommandResult.Accepted>(await SendAsync(fleet, "pump-1", "restart"));

        var entry = (await fleet.AuditAsync("pump-1"))[^1];
        Assert.Equal("command.send", entry.Action);
        Assert.Contains($"restart, command {accepted.Command.Id}", entry.Detail);
    }

    [Fact]
    public async Task A_device_that_is_not_active_gets_no_command()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.Get<RegisterDevice>().RunAsync(TestFleet.Admin, new("pump-1"), default);

        Assert.Equal(new SendCommandResult.NotActive(DeviceState.Registered), await SendAsync(fleet, "pump-1", "restart"));
        Assert.IsType<SendCommandResult.UnknownDevice>(await SendAsync(fleet, "pump-2", "restart"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("re/start")]
    [InlineData("#")]
    [InlineData("+")]
    public async Task A_name_that_is_no_topic_level_of_ours_is_invalid(string name)
    {
        await using var fleet = await TestFleet.StartAsync();

        Assert.IsType<SendCommandResult.Invalid>(await SendAsync(fleet, "pump-1", name));
    }

    private static Task<SendCommandResult> SendAsync(TestFleet fleet, string device, string name) =>
        fleet.Get<SendCommand>().RunAsync(TestFleet.Admin, new(device, name), default);
}
