using System.Collections.Concurrent;
using System.IO.Pipelines;
using System.Net;
using IoTFleet.Broker;
using IoTFleet.Broker.Connections;
using IoTFleet.Broker.Routing;
using IoTFleet.Broker.Sessions;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Topics;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace IoTFleet.Testing;

/// <summary>The real broker and its real connection handler over pipes: no socket, no TLS, time in the test's hands.</summary>
public sealed class InMemoryBroker : IAsyncDisposable
{
    private readonly ILoggerFactory _loggers;
    private readonly MqttConnectionHandler _handler;
    private readonly ConcurrentBag<Task> _connections = [];

    public InMemoryBroker(Action<BrokerOptions>? configure = null, FakeClock? clock = null, IBrokerStore? store = null)
    {
        Clock = clock ?? new FakeClock();
        Store = store ?? new InMemoryBrokerStore();
        var options = new BrokerOptions();
        configure?.Invoke(options);
        _loggers = LoggerFactory.Create(logging => logging.SetMinimumLevel(LogLevel.Trace).AddProvider(Log));
        Refusals = new RefusalLog(Clock, Metrics, _loggers.CreateLogger<RefusalLog>());
        Broker = new MqttBroker(Options.Create(options), Access, Sink, Store, Refusals, Metrics, Clock, _loggers.CreateLogger<MqttBroker>());
        _handler = new MqttConnectionHandler(Broker);
    }

    public FakeClock Clock { get; }

    public StrictLog Log { get; } = new();

    public ScriptedAccess Access { get; } = new();

    public RecordingSink Sink { get; } = new();

    public IBrokerStore Store { get; }

    public BrokerMetrics Metrics { get; } = new();

    public RefusalLog Refusals { get; }

    public MqttBroker Broker { get; }

    /// <summary>Events of <see cref="StrictLog"/> that this test provokes.</summary>
    public string[] ExpectedEvents { get; set; } = [];

    /// <summary>A broker that starts on what a store holds, as after a restart.</summary>
    public static async Task<InMemoryBroker> StartAsync(IBrokerStore store, FakeClock? clock = null, Action<BrokerOptions>? configure = null)
    {
        var broker = new InMemoryBroker(configure, clock, store);
        await broker.Broker.LoadAsync(CancellationToken.None);
        return broker;
    }

    /// <summary>Opens a connection; nothing is sent yet.</summary>
    public RawClient Open(ProtocolVersion version)
    {
        var (near, far) = DuplexPipe.CreatePair();
        var context = new PipeConnection(far) { RemoteEndPoint = new IPEndPoint(IPAddress.Loopback, 40_000) };
        var handled = Task.Run(() => HandleAsync(context));
        _connections.Add(handled);
        return new RawClient(near, version, handled);
    }

    /// <summary>As Kestrel does it: when the handler is done, the socket is closed.</summary>
    private async Task HandleAsync(PipeConnection connection)
    {
        await _handler.OnConnectedAsync(connection);
        await connection.Transport.Output.CompleteAsync();
        await connection.Transport.Input.CompleteAsync();
    }

    /// <summary>Opens a connection and connects.</summary>
    public async Task<RawClient> ConnectAsync(string clientId, ProtocolVersion version, bool cleanStart = true, ushort keepAlive = 60, PropertyBlock? properties = null, WillMessage? will = null)
    {
        var client = Open(version);
        var answer = await client.ConnectAsync(clientId, cleanStart, keepAlive, properties, will);
        Xunit.Assert.Equal(ReasonCode.Success, answer.Reason);
        return client;
    }

    /// <summary>Lets the clock run until this has happened: for what waits for a deadline at a moment the test cannot see.</summary>
    public async Task AdvanceUntilAsync(Task happened)
    {
        await UntilAsync(() =>
        {
            if (!happened.IsCompleted) Clock.Advance(TimeSpan.FromMilliseconds(100));
            return happened.IsCompleted;
        });
        await happened;
    }

    /// <summary>Waits, in real time and not for long, for something that nobody announces.</summary>
    public static async Task UntilAsync(Func<bool> condition)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (!condition()) await Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System, deadline.Token);
    }

    /// <summary>Waits until a number that grows has stopped growing.</summary>
    public static async Task UntilStillAsync(Func<long> number)
    {
        var (last, seen) = (number(), 0);
        await UntilAsync(() =>
        {
            (last, seen) = number() is var now && now == last ? (last, seen + 1) : (now, 0);
            return seen == 20;
        });
    }

    public async ValueTask DisposeAsync()
    {
        Sink.GiveRoom();
        Sink.CommitAll();
        await AdvanceUntilAsync(Broker.StopAsync(CancellationToken.None));
        await AdvanceUntilAsync(Task.WhenAll(_connections));
        Broker.Dispose();
        Metrics.Dispose();
        _loggers.Dispose();
        Log.AssertClean(ExpectedEvents);
    }
}

/// <summary>Pipes in place of a socket. Aborting wakes whoever reads or writes, as it does on a socket.</summary>
public sealed class PipeConnection : DefaultConnectionContext
{
    public PipeConnection(IDuplexPipe transport) => Transport = transport;

    public bool Aborted { get; private set; }

    public override void Abort(ConnectionAbortedException abortReason)
    {
        Aborted = true;
        Transport.Input.CancelPendingRead();
        Transport.Output.CancelPendingFlush();
    }
}

/// <summary>Lets everybody in under their client id and allows everything, unless told otherwise.</summary>
public sealed class ScriptedAccess : IAccessPolicy
{
    private int _asked;

    public Func<ConnectPacket, Admission> Admit { get; set; } = connect => new Admission.Accepted(new NamedPrincipal(connect.ClientId));

    public Func<Principal, bool> StillAdmittedAnswer { get; set; } = _ => true;

    public Func<Principal, TopicName, bool> PublishAnswer { get; set; } = (_, _) => true;

    public Func<Principal, TopicFilter, bool> SubscribeAnswer { get; set; } = (_, _) => true;

    /// <summary>How many clients have asked so far.</summary>
    public int Asked => Volatile.Read(ref _asked);

    /// <summary>What an admission waits for.</summary>
    public Task AdmissionOpen { get; set; } = Task.CompletedTask;

    public async ValueTask<Admission> AdmitAsync(ClientIdentity identity, ConnectPacket connect, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _asked);
        await AdmissionOpen.WaitAsync(cancellationToken);
        return Admit(connect);
    }

    public bool StillAdmitted(Principal principal) => StillAdmittedAnswer(principal);

    public bool MayPublish(Principal principal, TopicName topic) => PublishAnswer(principal, topic);

    public bool MaySubscribe(Principal principal, TopicFilter filter) => SubscribeAnswer(principal, filter);
}

public sealed class NamedPrincipal(string clientId) : Principal(clientId);

/// <summary>Records what it is given. Commits at once, or when and how the test says if <see cref="HoldCommits"/> is set.</summary>
public sealed class RecordingSink : IMessageSink
{
    private readonly Lock _gate = new();
    private readonly List<(Message Message, TaskCompletionSource Commit)> _held = [];
    private readonly List<(int Count, TaskCompletionSource Reached)> _waiting = [];
    private readonly List<Message> _messages = [];
    private TaskCompletionSource? _noRoom;
    private int _waitingForRoom;

    public bool HoldCommits { get; set; }

    /// <summary>How many messages wait for room now.</summary>
    public int WaitingForRoom => Volatile.Read(ref _waitingForRoom);

    /// <summary>The most messages that were accepted and not committed at one time.</summary>
    public int MostHeld { get; private set; }

    public Func<Message, Acceptance?> Refuse { get; set; } = _ => null;

    public IReadOnlyList<Message> Messages
    {
        get
        {
            lock (_gate) return [.. _messages];
        }
    }

    /// <summary>From now on whoever brings a message waits, until <see cref="GiveRoom"/>.</summary>
    public void TakeRoom() => _noRoom = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    public void GiveRoom() => _noRoom?.TrySetResult();

    public async ValueTask<Acceptance> AcceptAsync(Message message, Principal publisher, CancellationToken cancellationToken)
    {
        if (Refuse(message) is { } refused) return refused;
        if (_noRoom is { } noRoom) await WaitForRoomAsync(noRoom.Task, cancellationToken);
        lock (_gate)
        {
            _messages.Add(message);
            foreach (var (_, reached) in _waiting.Where(waiter => waiter.Count <= _messages.Count)) reached.TrySetResult();
            return HoldCommits ? Hold_NeedsGate(message) : Acceptance.Done;
        }
    }

    private Acceptance Hold_NeedsGate(Message message)
    {
        var commit = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _held.Add((message, commit));
        MostHeld = Math.Max(MostHeld, _held.Count(held => !held.Commit.Task.IsCompleted));
        return new Acceptance(ReasonCode.Success, commit.Task);
    }

    private async Task WaitForRoomAsync(Task room, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _waitingForRoom);
        try
        {
            await room.WaitAsync(cancellationToken);
        }
        finally
        {
            Interlocked.Decrement(ref _waitingForRoom);
        }
    }

    /// <summary>Completes when the sink has been given this many messages.</summary>
    public Task WhenGivenAsync(int count)
    {
        lock (_gate)
        {
            if (_messages.Count >= count) return Task.CompletedTask;
            var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiting.Add((count, reached));
            return reached.Task.WaitAsync(TimeSpan.FromMinutes(1));
        }
    }

    /// <summary>Commits, or fails, the message with this payload.</summary>
    public void Commit(string payload, Exception? failure = null)
    {
        lock (_gate)
        {
            var commit = _held.Single(held => System.Text.Encoding.UTF8.GetString(held.Message.Payload.Span) == payload).Commit;
            if (failure is null) commit.TrySetResult();
            else commit.TrySetException(failure);
        }
    }

    public void CommitAll()
    {
        lock (_gate)
        {
            HoldCommits = false;
            foreach (var (_, commit) in _held) commit.TrySetResult();
        }
    }
}
