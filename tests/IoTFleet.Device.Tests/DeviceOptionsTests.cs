using IoTFleet.Device.Tests.Support;

namespace IoTFleet.Device.Tests;

public sealed class DeviceOptionsTests
{
    public static TheoryData<string, DeviceOptions> OutOfRange => new()
    {
        { "DeviceId", Devices.Quick() with { DeviceId = "" } },
        { "DeviceId", Devices.Quick() with { DeviceId = "Pump" } },
        { "DeviceId", Devices.Quick() with { DeviceId = "pump." } },
        { "DeviceId", Devices.Quick() with { DeviceId = ".pump" } },
        { "DeviceId", Devices.Quick() with { DeviceId = "pump/7" } },
        { "DeviceId", Devices.Quick() with { DeviceId = new string('p', 64) } },
        { "Server", Devices.Quick() with { Server = new Uri("http://localhost:8443") } },
        { "RootFingerprint", Devices.Quick() with { RootFingerprint = new string('0', 63) } },
        { "RootFingerprint", Devices.Quick() with { RootFingerprint = new string('x', 64) } },
        { "BrokerPort", Devices.Quick() with { BrokerPort = 0 } },
        { "KeepAlive", Devices.Quick() with { KeepAlive = TimeSpan.Zero } },
        { "BackoffMax", Devices.Quick() with { BackoffMin = TimeSpan.FromSeconds(2), BackoffMax = TimeSpan.FromSeconds(1) } },
        { "Outbox.MaxMessages", Devices.Quick() with { Outbox = new OutboxOptions { MaxMessages = 0 } } },
        { "MaxInFlight", Devices.Quick() with { MaxInFlight = 0 } },
    };

    [Theory]
    [MemberData(nameof(OutOfRange))]
    public void Setting_out_of_range_is_named(string setting, DeviceOptions options)
    {
        var error = Assert.Throws<DeviceException>(options.Validate);

        Assert.Equal(DeviceError.OptionsNotValid, error.Error);
        Assert.StartsWith($"DeviceOptions.{setting} must be ", error.Message);
    }

    [Fact]
    public void Defaults_are_in_range() =>
        new DeviceOptions { DeviceId = "pump-7", Server = new Uri("https://fleet.example:8443"), RootFingerprint = new string('0', 64) }.Validate();

    [Fact]
    public void Constrained_device_has_smaller_defaults()
    {
        var small = Devices.Quick() with { Constrained = true };

        Assert.Equal((TimeSpan.FromMinutes(20), 4, 64, 64 * 1024L), (small.KeepAlive, small.MaxInFlight, small.Outbox.MaxMessages, small.Outbox.MaxBytes));
        Assert.True(small.PacketLimits.MaxPacketSize < Devices.Quick().PacketLimits.MaxPacketSize);
    }

    [Fact]
    public void What_a_constrained_device_sets_itself_stays()
    {
        var outbox = new OutboxOptions { MaxMessages = 10 };
        var small = Devices.Quick() with { KeepAlive = TimeSpan.FromSeconds(7), MaxInFlight = 9, Outbox = outbox };

        small = small with { Constrained = true };

        Assert.Equal((TimeSpan.FromSeconds(7), 9, outbox), (small.KeepAlive, small.MaxInFlight, small.Outbox));
    }
}
