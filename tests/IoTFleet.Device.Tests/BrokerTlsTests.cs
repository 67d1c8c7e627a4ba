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

    [Theory]
    [InlineData("1.3.6.1.5.5.7.3.2", false)]
    [InlineData("1.3.6.1.5.5.7.3.1", true)]
    public async Task Only_a_certificate_for_servers_makes_a_broker(string purpose, bool believed)
    {
        await using var broker = new ScriptedBroker();
        using var pair = TestRoot.WithLeaf("localhost", purpose);
        var options = await OptionsAsync(broker);
        var enrolled = (await options.KeyStore.LoadAsync(default))!;
        await options.KeyStore.SaveAsync(enrolled with { TrustAnchors = [.. enrolled.TrustAnchors, pair.Root.RawData] }, default);
        await using var device = await DeviceClient.StartAsync(options);

        var link = await broker.AcceptTlsAsync(_pki, pair.Leaf);

        Assert.Equal(believed, await link.ReceiveAsync() is Mqtt.Packets.ConnectPacket);
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
