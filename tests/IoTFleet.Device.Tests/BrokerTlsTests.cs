using System.Collections.Concurrent;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Device.Tests.Support;
using IoTFleet.Testing;

namespace IoTFleet.Device.Tests;

public sealed class BrokerTlsTests : IDisposable
{
    private readonly TestPki _pki = new();
    private readonly ConcurrentQueue<DeviceState> _states = new();

    public void Dispose() => _pki.Dispose();

    [Fact]
    public async Task Device_shows_its_certificate_and_connects()
    {
        await using var broker = new ScriptedBroker();
        var options = await OptionsAsync(broker);
        await using var device = await DeviceClient.StartAsync(options);
        byte[]? shown = null;

        var link = await broker.AcceptTlsAsync(_pki, _pki.Server(), certificate => shown = certificate?.GetRawCertData());
        await link.WelcomeAsync();
        await device.WaitConnectedAsync().WaitAsync(Devices.Patience);

        Assert.Equal((await options.KeyStore.LoadAsync(default))!.Certificate.ToArray(), shown);
    }

    [Fact]
    public async Task Disposed_device_says_goodbye_over_TLS()
    {
        await using var broker = new ScriptedBroker();
        var device = await DeviceClient.StartAsync(await OptionsAsync(broker));
        var link = await broker.AcceptTlsAsync(_pki, _pki.Server());
        await link.WelcomeAsync();
        await device.WaitConnectedAsync().WaitAsync(Devices.Patience);

        await device.DisposeAsync();

        await link.ExpectAsync<Mqtt.Packets.DisconnectPacket>();
        await link.ExpectClosedAsync();
    }

    [Fact]
    public async Task Broker_with_another_name_is_not_told_anything()
    {
        await using var broker = new ScriptedBroker();
        await using var device = await DeviceClient.StartAsync(await OptionsAsync(broker));

        await AssertHearsNothingAsync(broker, _pki.Server("elsewhere.example"), "does not carry that name");
    }

    [Fact]
    public async Task Broker_of_another_fleet_is_not_told_anything()
    {
        using var other = new TestPki();
        await using var broker = new ScriptedBroker();
        await using var device = await DeviceClient.StartAsync(await OptionsAsync(broker));

        await AssertHearsNothingAsync(broker, other.Server(), "does not lead to the pinned root");
    }

    [Fact]
    public async Task Another_device_cannot_pose_as_the_broker()
    {
        await using var broker = new ScriptedBroker();
        await using var device = await DeviceClient.StartAsync(await OptionsAsync(broker));

        await AssertHearsNothingAsync(broker, _pki.Device("pump-8"), "does not");
    }

    private async Task AssertHearsNothingAsync(ScriptedBroker broker, X509Certificate2 certificate, string why)
    {
        await (await broker.AcceptTlsAsync(_pki, certificate)).ExpectClosedAsync();
        await broker.AcceptTlsAsync(_pki, certificate);        // it tries again, so the state after the first try is known

        Assert.Contains(why, _states.OfType<DeviceState.Waiting>().First().Reason);
    }

    private async Task<DeviceOptions> OptionsAsync(ScriptedBroker broker) =>
        await Devices.EnrolledAsync(_pki) with { BrokerHost = "localhost", BrokerPort = broker.Port, StateChanged = _states.Enqueue };
}
