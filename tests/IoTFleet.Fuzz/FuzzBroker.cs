using System.IO.Pipelines;
using System.Net;
using IoTFleet.Broker;
using IoTFleet.Broker.Connections;
using IoTFleet.Broker.Routing;
using IoTFleet.Broker.Sessions;
using IoTFleet.Mqtt;
using IoTFleet.Testing;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Fuzz;

/// <summary>
/// The real broker and its real connection handler over pipes, lean enough for a case in some ten microseconds: what a client sends is read on the
/// client's own thread, nothing is kept of what is published, and only what is worth a warning is logged.
/// </summary>
internal sealed class FuzzBroker : IMessageSink, IDisposable
{
    public const string HealthyTopic = "healthy/x";

    private static readonly IPEndPoint Somewhere = new(IPAddress.Loopback, 40_000);
    private readonly ILoggerFactory _loggers;
    private readonly MqttConnectionHandler _handler;
    private readonly BrokerMetrics _metrics = new();
    private int _accepted;

    /// <param name="batch">Each batch has other limits, some of them very small.</param>
    public FuzzBroker(long batch)
    {
        Options = OptionsOf(batch);
        _loggers = LoggerFactory.Create(logging => logging.SetMinimumLevel(LogLevel.Warning).AddProvider(Log));
        var access = new ScriptedAccess { PublishAnswer = (who, topic) => who.ClientId == HealthyClient.Id || topic.Value != HealthyTopic };
        var refusals = new RefusalLog(Clock, _metrics, _loggers.CreateLogger<RefusalLog>());
        Broker = new MqttBroker(Microsoft.Extensions.Options.Options.Create(Options), access, this, new InMemoryBrokerStore(), refusals, _metrics, Clock, _loggers.CreateLogger<MqttBroker>());
        _handler = new MqttConnectionHandler(Broker);
    }

    public BrokerOptions Options { get; }

    public FakeClock Clock { get; } = new();

    public StrictLog Log { get; } = new();

    public MqttBroker Broker { get; }

    /// <summary>Opens a connection. What is written is read at once, on the writer's thread; answers come from the broker's.</summary>
    public (DuplexPipe Near, Task Handled) Open()
    {
        var there = new Pipe(new PipeOptions(readerScheduler: PipeScheduler.Inline, writerScheduler: PipeScheduler.Inline, useSynchronizationContext: false));
        var back = new Pipe(new PipeOptions(useSynchronizationContext: false));
        var connection = new PipeConnection(new DuplexPipe(there.Reader, back.Writer)) { RemoteEndPoint = Somewhere };
        return (new DuplexPipe(back.Reader, there.Writer), HandleAsync(connection));
    }

    /// <summary>One message in sixteen is refused, and one is committed a moment later than the others.</summary>
    public ValueTask<Acceptance> AcceptAsync(Message message, Principal publisher, CancellationToken cancellationToken) =>
        ValueTask.FromResult((++_accepted % 16) switch
        {
            0 => Acceptance.Refused(ReasonCode.PayloadFormatInvalid, "not this one"),
            1 => new Acceptance(ReasonCode.Success, CommitLaterAsync()),
            _ => Acceptance.Done,
        });

    private static async Task CommitLaterAsync() => await Task.Yield();

    /// <summary>What is left behind when everybody has gone and every session is over; null when it is nothing.</summary>
    public string? Remains()
    {
        Clock.Advance(TimeSpan.FromHours(1));
        if (_metrics.Connections != 0 || Broker.OpenConnections != 0) return $"{_metrics.Connections} connections, {Broker.OpenConnections} of them registered, were left behind.";
        if (Broker.Parts.Sessions.Count != 0) return $"{Broker.Parts.Sessions.Count} sessions were left behind.";
        return Broker.Parts.Tree.IsEmpty ? null : "Subscriptions were left behind.";
    }

    public void Dispose()
    {
        Broker.Dispose();
        _metrics.Dispose();
        _loggers.Dispose();
    }

    /// <summary>As Kestrel does it: when the handler is done, the socket is closed.</summary>
    private async Task HandleAsync(PipeConnection connection)
    {
        await _handler.OnConnectedAsync(connection);
        await connection.Transport.Output.CompleteAsync();
        await connection.Transport.Input.CompleteAsync();
    }

    private static BrokerOptions OptionsOf(long batch)
    {
        var options = new BrokerOptions { MaxRetainedMessages = 20, MaxSessionExpiry = TimeSpan.FromMinutes(10), MaxKeepAlive = TimeSpan.FromHours(18), MaxPacketRate = 1_000_000, MaxByteRate = 1 << 30 };
        switch (batch % 4)
        {
            case 1: options.PacketLimits = new PacketLimits { MaxPacketSize = 2_000, MaxConnectSize = 400, MaxTopicLength = 20, MaxTopicLevels = 4, MaxUserProperties = 1, MaxTopicsPerPacket = 2 }; break;
            case 2: (options.ReceiveMaximum, options.MaxInFlight, options.MaxQueuedPerSession, options.MaxOutboxPackets, options.MaxOutboxBytes) = (1, 1, 2, 16, 16 * 1024); break;
            case 3: (options.TopicAliasMaximum, options.MaxSubscriptionsPerSession, options.MaxRetainedMessages) = (0, 2, 1); break;
        }

        return options;
    }
}
