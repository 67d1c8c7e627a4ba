using System.IO.Pipelines;
using IoTFleet.Broker;
using IoTFleet.Broker.Connections;
using IoTFleet.Broker.Routing;
using IoTFleet.Broker.Sessions;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Topics;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace IoTFleet.Benchmarks;

/// <summary>A broker that lets everybody do everything, and connections to it without a socket.</summary>
internal sealed class Engine : IAccessPolicy, IDisposable
{
    private readonly BrokerMetrics _metrics = new();

    /// <summary>One client is to show what a message costs, not what one client may send.</summary>
    private static BrokerOptions Unhurried => new() { MaxPacketRate = 1_000_000, MaxByteRate = 1_000_000_000 };

    public Engine(IMessageSink sink, IBrokerStore? store = null)
    {
        var refusals = new RefusalLog(TimeProvider.System, _metrics, NullLogger<RefusalLog>.Instance);
        Broker = new MqttBroker(Options.Create(Unhurried), this, sink, store ?? new InMemoryBrokerStore(), refusals, _metrics, TimeProvider.System, NullLogger<MqttBroker>.Instance);
        Handler = new MqttConnectionHandler(Broker);
    }

    public MqttBroker Broker { get; }

    public MqttConnectionHandler Handler { get; }

    public static (Transport Near, DefaultConnectionContext Far) NewConnection()
    {
        var (there, back) = (new Pipe(), new Pipe());
        return (new Transport(back.Reader, there.Writer), new DefaultConnectionContext { Transport = new Transport(there.Reader, back.Writer) });
    }

    public ValueTask<Admission> AdmitAsync(ClientIdentity identity, ConnectPacket connect, CancellationToken cancellationToken) =>
        ValueTask.FromResult<Admission>(new Admission.Accepted(new Anybody(connect.ClientId)));

    public bool StillAdmitted(Principal principal) => true;

    public bool MayPublish(Principal principal, TopicName topic) => true;

    public bool MaySubscribe(Principal principal, TopicFilter filter) => true;

    public void Dispose()
    {
        Broker.Dispose();
        _metrics.Dispose();
    }

    private sealed class Anybody(string clientId) : Principal(clientId)
    {
        public override int RateShare => 1_000_000;     // what is measured here is how fast it can go
    }
}

internal sealed record Transport(PipeReader Input, PipeWriter Output) : IDuplexPipe;
