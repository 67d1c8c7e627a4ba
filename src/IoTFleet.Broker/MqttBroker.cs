using System.Collections.Concurrent;
using System.Threading.Channels;
using IoTFleet.Broker.Connections;
using IoTFleet.Broker.Figures;
using IoTFleet.Broker.Routing;
using IoTFleet.Broker.Sessions;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Topics;
using IoTFleet.Mqtt.Wire;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace IoTFleet.Broker;

/// <summary>The broker as its host holds it: publish, look, disconnect, stop. Connections come in through <see cref="MqttConnectionHandler"/>.</summary>
public sealed class MqttBroker : IDisposable
{
    private static readonly TimeSpan SweepInterval = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<MqttConnection, byte> _connections = new();
    private readonly CancellationTokenSource _stopping = new();
    private readonly ITimer _sweep;
    private readonly Lock _gate = new();
    private readonly ClientSignals _signals = new();
    private TrafficTotals _gone;

    public MqttBroker(
        IOptions<BrokerOptions> options,
        IAccessPolicy access,
        IMessageSink sink,
        IBrokerStore store,
        RefusalLog refusals,
        BrokerMetrics metrics,
        TimeProvider clock,
        ILogger<MqttBroker> logger)
    {
        var tree = new SubscriptionTree();
        var retained = new RetainedMessages(options.Value, metrics, clock);
        var router = new Router(tree, retained, store, refusals, metrics);
        var budget = new QueueBudget(options.Value.MaxQueuedBytes);
        var sessions = new SessionDirectory(tree, router, new SessionParts(options.Value, store, budget, metrics, _signals, clock));
        var wills = new Wills(sink, router, retained, store, refusals, clock, logger);
        var sys = new SysTopics(options.Value, tree, router, retained, sessions, metrics, Traffic, clock);
        Parts = new ConnectionParts(options.Value, access, sink, store, tree, router, retained, wills, sessions, sys, refusals, metrics, _signals, clock, logger);
        _sweep = clock.CreateTimer(static broker => ((MqttBroker)broker!).Sweep(), this, SweepInterval, SweepInterval);
    }

    internal ConnectionParts Parts { get; }

    /// <summary>Connections, whether they have said CONNECT or not.</summary>
    internal int OpenConnections => _connections.Count;

    /// <summary>Takes over what the store holds. To be called before the first client is let in.</summary>
    public async Task LoadAsync(CancellationToken cancellationToken)
    {
        var stored = await Parts.Store.LoadAsync(cancellationToken);
        Parts.Router.Restore(stored.Retained, Parts.Clock.GetUtcNow());
        Parts.Sessions.Restore(stored);
        Parts.Logger.SessionsRestored(stored.Sessions.Count, stored.Sessions.Sum(session => session.Deliveries.Count), stored.Retained.Count);
    }

    /// <summary>
    /// Publishes as the server: no authorisation, no sink. Completes when each durable session that is to get the message has it stored.
    /// </summary>
    /// <exception cref="ArgumentException">No packet can hold the message: a text of more than 65,535 bytes, or one too large altogether.</exception>
    /// <returns>Whom it reached. An exception of the store means nobody.</returns>
    public async Task<Reach> PublishAsync(Message message)
    {
        // Found out here, where the caller can be told; the subscribers' connections could only break.
        PacketWriter.Measure(message.ToPacket(new Delivery(message.Qos, message.Retain, []), packetId: 1, duplicate: false, message.ReceivedAt), ProtocolVersion.V5);
        return await Parts.Router.Route(message).DeliverWhenStoredAsync();
    }

    /// <summary>Sessions that a connection took from another one that was still open; the newest are kept when nobody reads.</summary>
    public ChannelReader<Takeover> Takeovers => Parts.Sessions.Takeovers;

    /// <summary>Each SUBSCRIBE that was granted something; the newest are kept when nobody reads.</summary>
    public ChannelReader<Subscribed> Subscribed => _signals.Subscribed;

    /// <summary>Requests of the server's own that their receivers have acknowledged; the newest are kept when nobody reads.</summary>
    public ChannelReader<RequestTaken> RequestsTaken => _signals.RequestsTaken;

    /// <summary>True while the client's session holds a message of this topic that its client has not acknowledged. Looks through the session's queue.</summary>
    public bool IsOwed(string clientId, TopicName topic) => Parts.Sessions.Find(clientId)?.Owes(topic) ?? false;

    /// <summary>Takes what waits for the client on this topic back, unless it may have been sent. Looks through the session's queue.</summary>
    public void Withdraw(string clientId, TopicName topic) => Parts.Sessions.Find(clientId)?.Withdraw(topic);

    /// <summary>Since when the client is connected; null when it is not.</summary>
    public DateTimeOffset? ConnectedSince(string clientId) => Parts.Sessions.Holder(clientId)?.ConnectedAt;

    /// <summary>Whom the policy let in as the client that is connected; null when it is not.</summary>
    public Principal? ConnectedAs(string clientId) => Parts.Sessions.Holder(clientId)?.Principal;

    /// <summary>
    /// Whom the policy let in and who is connected now. Takes no gate and looks at every connection: for what an operator does, not for each message.
    /// </summary>
    public IEnumerable<Principal> Connected() => _connections.Select(connection => connection.Key.Principal).OfType<Principal>();

    /// <summary>Who has a session and no connection. Looks at every session: for what an operator does, not for each message.</summary>
    public IReadOnlyList<string> Absent() => Parts.Sessions.Absent();

    /// <summary>Ends the session of a client that is still away.</summary>
    public bool EndAbsent(string clientId) => Parts.Sessions.EndAbsent(clientId);

    /// <summary>Ends the client's session, and its connection with the reason if it has one. Returns whether there was one.</summary>
    public bool Disconnect(string clientId, ReasonCode reason, string detail)
    {
        var holder = Parts.Sessions.Forget(clientId);
        holder?.Close(reason, detail);
        return holder is not null;
    }

    /// <summary>True once <see cref="StopAsync"/> has begun.</summary>
    public bool IsStopping => _stopping.IsCancellationRequested;

    /// <summary>As <see cref="Disconnect"/>, for every client whose id begins so. Returns how many were connected.</summary>
    public int DisconnectAll(string clientIdPrefix, ReasonCode reason, string detail) =>
        Parts.Sessions.ClientIds(clientIdPrefix).Count(clientId => Disconnect(clientId, reason, detail));

    /// <summary>How many clients are connected whose id begins so.</summary>
    public int CountConnected(string clientIdPrefix) => Parts.Sessions.ClientIds(clientIdPrefix).Count(clientId => ConnectedSince(clientId) is not null);

    /// <summary>
    /// Lets nobody in any more, waits for the messages already accepted to be committed and acknowledged, and says goodbye to each
    /// client (MQTT 5: DISCONNECT 0x8B). Returns when that is done.
    /// </summary>
    /// <exception cref="OperationCanceledException">It took too long: <paramref name="cancellationToken"/> ended the wait.</exception>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stopping.CancelAsync();
        var open = _connections.Keys.ToList();
        Parts.Logger.ClosingAll(open.Count, ReasonCode.ServerShuttingDown);
        foreach (var connection in open) connection.Close(ReasonCode.ServerShuttingDown, "the server is shutting down");
        await Task.WhenAll(open.Select(connection => connection.Gone)).WaitAsync(cancellationToken);
        await Task.WhenAll(open.Select(connection => connection.WhenAcknowledgedAsync())).WaitAsync(cancellationToken);
        await Parts.Wills.WhenPublishedAsync().WaitAsync(cancellationToken);
    }

    /// <summary>Registered before it starts, so that <see cref="StopAsync"/> finds it; false when the broker is stopping.</summary>
    internal bool TryRegister(MqttConnection connection)
    {
        _connections.TryAdd(connection, 0);
        if (!_stopping.IsCancellationRequested) return true;
        _connections.TryRemove(connection, out _);
        return false;
    }

    internal void Unregister(MqttConnection connection)
    {
        lock (_gate)
        {
            if (_connections.TryRemove(connection, out _)) _gone = new(_gone.Received + connection.Received, _gone.Sent + connection.Sent, _gone.Sockets + 1);
        }
    }

    private TrafficTotals Traffic()
    {
        lock (_gate)
        {
            var all = _gone;
            foreach (var (connection, _) in _connections) all = new(all.Received + connection.Received, all.Sent + connection.Sent, all.Sockets + 1);
            return all;
        }
    }

    public void Dispose()
    {
        _sweep.Dispose();
        _stopping.Dispose();
    }

    private void Sweep()
    {
        try
        {
            foreach (var connection in _connections.Keys)
            {
                connection.CloseIfSilent();
                connection.CloseIfStuck();
                connection.PayRetained();
            }

            foreach (var will in Parts.Sessions.Sweep()) Parts.Wills.Publish(will, lastWords: Task.CompletedTask);
            Parts.Sys.PublishWhenDue();
        }
        catch (Exception error)
        {
            Parts.Logger.SweepFailed(error);     // outermost frame of a timer: nobody above could see it
        }
    }
}
