using System.Collections.Concurrent;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Device.Link;
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
    public async Task A_server_that_closes_without_a_word_and_cannot_be_asked_is_away_and_has_refused_nobody()
    {
        await using var broker = new ScriptedBroker();
        await using var device = await DeviceClient.StartAsync(await OptionsAsync(broker));
        var link = await broker.AcceptTlsAsync(_pki, _pki.Server());
        await link.ExpectAsync<Mqtt.Packets.ConnectPacket>();
        await link.DisposeAsync();

        await (await broker.AcceptTlsAsync(_pki, _pki.Server())).WelcomeAsync();
        await device.WaitConnectedAsync().WaitAsync(Devices.Patience);

        Assert.Empty(_states.OfType<DeviceState.Refused>());
        Assert.Contains("Nobody answers at its status address", Assert.Single(_states.OfType<DeviceState.Waiting>()).Reason);
    }

    [Theory]
    [InlineData(Mqtt.ReasonCode.UseAnotherServer, false)]
    [InlineData(Mqtt.ReasonCode.ServerMoved, true)]
    public async Task A_device_goes_where_its_server_sends_it_for_once_or_for_good(Mqtt.ReasonCode reason, bool forGood)
    {
        await using var broker = new ScriptedBroker();
        await using var other = new ScriptedBroker();
        await using var device = await DeviceClient.StartAsync(await OptionsAsync(broker));
        var sent = await broker.AcceptTlsAsync(_pki, _pki.Server());
        await sent.ExpectAsync<Mqtt.Packets.ConnectPacket>();
        await sent.SendAsync(new Mqtt.Packets.ConnAckPacket { Reason = reason, Properties = new Mqtt.Packets.PropertyBlock { ServerReference = $"localhost:{other.Port}" } });
        var there = await other.AcceptTlsAsync(_pki, _pki.Server());
        await there.WelcomeAsync();
        await device.WaitConnectedAsync().WaitAsync(Devices.Patience);
        await there.DisposeAsync();

        await (await (forGood ? other : broker).AcceptTlsAsync(_pki, _pki.Server())).WelcomeAsync();
    }

    [Fact]
    public async Task Where_a_server_sends_a_device_somebody_must_prove_to_be_of_the_fleet_or_it_comes_back()
    {
        using var strangers = new TestPki();
        await using var broker = new ScriptedBroker();
        await using var other = new ScriptedBroker();
        await using var device = await DeviceClient.StartAsync(await OptionsAsync(broker));
        var sent = await broker.AcceptTlsAsync(_pki, _pki.Server());
        await sent.ExpectAsync<Mqtt.Packets.ConnectPacket>();
        var reference = new Mqtt.Packets.PropertyBlock { ServerReference = $"localhost:{other.Port}" };
        await sent.SendAsync(new Mqtt.Packets.ConnAckPacket { Reason = Mqtt.ReasonCode.ServerMoved, Properties = reference });

        await (await other.AcceptTlsAsync(strangers, strangers.Server())).ExpectClosedAsync();

        await (await broker.AcceptTlsAsync(_pki, _pki.Server())).WelcomeAsync();
    }

    [Theory]
    [InlineData("fleet-2.example", "fleet-2.example", 8883)]
    [InlineData("fleet-2.example:1883 other.example", "fleet-2.example", 1883)]
    [InlineData("10.0.0.7:8884", "10.0.0.7", 8884)]
    [InlineData("[2001:db8::7]", "2001:db8::7", 8883)]
    [InlineData("[2001:db8::7]:8884", "2001:db8::7", 8884)]
    public void A_server_reference_is_read(string reference, string host, int port) =>
        Assert.Equal(new BrokerAddress(host, port), BrokerAddress.Read(reference, usualPort: 8883));

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("fleet-2.example:")]
    [InlineData("fleet-2.example:0")]
    [InlineData("fleet-2.example:-1")]
    [InlineData("fleet-2.example:65536")]
    [InlineData("fleet/2")]
    [InlineData("[2001:db8::7")]
    [InlineData("[2001:db8::7]8884")]
    public void A_server_reference_that_cannot_be_read_leads_nowhere(string? reference) => Assert.Null(BrokerAddress.Read(reference, usualPort: 8883));

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
        await Devices.EnrolledAsync(_pki) with { Server = new Uri("https://localhost:1"), BrokerHost = "localhost", BrokerPort = broker.Port, StateChanged = _states.Enqueue };
}
