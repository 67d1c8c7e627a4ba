using IoTFleet.Broker;
using IoTFleet.Broker.Connections;
using IoTFleet.Broker.Routing;
using IoTFleet.Fleet.Authorities;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Topics;
using IoTFleet.Server;
using IoTFleet.Server.Doors;
using IoTFleet.Server.Security;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Benchmarks.Brokers;

/// <summary>
/// Our broker as a process of its own: engine, TLS and listener as in the server, but everybody with a certificate may do everything and the sink takes
/// each message at once. Stops when its standard input ends, so that it does not outlive whoever started it.
/// </summary>
internal static class OwnBroker
{
    public static async Task<int> RunAsync(string folder, int port, int tickets = 0, int httpsPort = 0, IStoreUnderTest? store = null)
    {
        DeviceTransport.CompleteOnPollingThreads();
        using var certificates = BrokerCertificates.Open(folder);
        var trust = TrustSnapshot.Of(certificates.Authorities, TimeProvider.System);
        var builder = WebApplication.CreateBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddBroker();
        builder.Services.Configure<BrokerOptions>(Generous);
        builder.Services.AddSingleton<IAccessPolicy, Everybody>();
        if (store is null) builder.Services.AddSingleton<IMessageSink, Nowhere>();
        else store.AddTo(builder.Services);
        builder.Services.AddSingleton(provider => new DeviceTls(
            () => trust, () => certificates.Server.Certificate, TimeProvider.System, refusal => System.Console.Error.WriteLine(refusal), tickets));
        Listeners.Configure(builder.WebHost, new ServerOptions { MqttPort = port, HttpsPort = httpsPort }, OpenDoors);
        await using var app = builder.Build();
        if (store is not null) await store.StartAsync(app.Services);
        await app.StartAsync();
        System.Console.WriteLine("ready");
        while (await Task.Run(System.Console.In.ReadLine) is not null) // Its own "async" blocks, and a store may have brought us onto a thread that polls sockets.
        {
            // Nothing is asked of it; only the end counts.
        }

        await app.StopAsync();
        return 0;
    }

    /// <summary>What stands behind the broker in place of nothing.</summary>
    internal interface IStoreUnderTest
    {
        void AddTo(IServiceCollection services);

        Task StartAsync(IServiceProvider services);
    }

    /// <summary>The broker it is compared with lets in whoever comes, as fast as he comes.</summary>
    private static DoorOptions OpenDoors => new()
    {
        MaxConnectionsPerAddress = 1_000_000,
        HandshakesPerSecond = 100_000,
        MaxHandshakes = 100_000,
        MaxWaitingHandshakes = 100_000,
        MaxHandshakesPerAddress = 100_000,
    };

    /// <summary>As with the broker it is compared with: nothing is dropped, and the same number of messages is in flight.</summary>
    private static void Generous(BrokerOptions options)
    {
        options.MaxInFlight = Mosquitto.MaxInFlight;
        options.MaxQueuedPerSession = 100_000;
        options.MaxQueuedBytesPerSession = 64 * 1024 * 1024;
        options.MaxOutboxPackets = 100_000;
        options.MaxOutboxBytes = 256 * 1024 * 1024;
    }

    private sealed class Everybody : IAccessPolicy
    {
        public ValueTask<Admission> AdmitAsync(ClientIdentity identity, ConnectPacket connect, CancellationToken cancellationToken) =>
            ValueTask.FromResult<Admission>(new Admission.Accepted(new Anybody(connect.ClientId)));

        public bool StillAdmitted(Principal principal) => true;

        public bool MayPublish(Principal principal, TopicName topic) => true;

        public bool MaySubscribe(Principal principal, TopicFilter filter) => true;
    }

    private sealed class Anybody(string clientId) : Principal(clientId)
    {
        public override int RateShare => 1_000_000;
    }

    private sealed class Nowhere : IMessageSink
    {
        public ValueTask<Acceptance> AcceptAsync(Message message, Principal publisher, CancellationToken cancellationToken) => ValueTask.FromResult(Acceptance.Done);
    }
}
