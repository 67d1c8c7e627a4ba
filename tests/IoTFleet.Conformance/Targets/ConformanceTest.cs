using System.Text;

namespace IoTFleet.Conformance.Targets;

/// <summary>
/// One test against one target. Ids and topics are the test's own, because a server elsewhere keeps sessions and retained messages from test to
/// test and from run to run.
/// </summary>
public abstract class ConformanceTest : IAsyncLifetime
{
    private static int _lastTest;

    private readonly string _own = $"{Environment.ProcessId:x}x{Interlocked.Increment(ref _lastTest):x}";
    private readonly List<RawClient> _clients = [];

    protected Target Target { get; } = Target.Start();

    protected TimeSpan Seconds(int seconds) => TimeSpan.FromSeconds(seconds);

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        foreach (var client in _clients) await client.DisposeAsync();
        await Target.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    /// <summary>A client id of this test.</summary>
    protected string Id(string name) => _own + name;

    /// <summary>A topic, or a filter, of this test.</summary>
    protected string Topic(string name = "t") => $"{_own}/{name}";

    protected async Task<RawClient> OpenAsync(ProtocolVersion version)
    {
        var client = await Target.OpenAsync(version);
        _clients.Add(client);
        return client;
    }

    /// <summary>A client that is connected, with a session that ends with its connection.</summary>
    protected async Task<RawClient> ConnectAsync(string name, ProtocolVersion version, ushort keepAlive = 60, PropertyBlock? properties = null, WillMessage? will = null)
    {
        var client = await OpenAsync(version);
        Assert.Equal(ReasonCode.Success, (await client.ConnectAsync(Id(name), cleanStart: true, keepAlive, properties, will)).Reason);
        return client;
    }

    /// <summary>A client whose session outlives its connection: it joins the one it has, or starts it.</summary>
    protected async Task<RawClient> ConnectToStayAsync(string name, ProtocolVersion version, PropertyBlock? properties = null, WillMessage? will = null) =>
        (await ReturnAsync(name, version, properties, will)).Client;

    /// <summary>The same, and the server's answer.</summary>
    protected async Task<(RawClient Client, ConnAckPacket Answer)> ReturnAsync(string name, ProtocolVersion version, PropertyBlock? properties = null, WillMessage? will = null)
    {
        var client = await OpenAsync(version);
        var toStay = new PropertyBlock { SessionExpiryInterval = 3600 };
        if (properties is not null) toStay = properties with { SessionExpiryInterval = properties.SessionExpiryInterval ?? 3600 };
        var answer = await client.ConnectAsync(Id(name), cleanStart: false, properties: toStay, will: will);
        Assert.Equal(ReasonCode.Success, answer.Reason);
        return (client, answer);
    }

    /// <summary>A client that has sent these bytes as its first.</summary>
    protected async Task<RawClient> SendFirstAsync(ProtocolVersion version, byte[] bytes)
    {
        var client = await OpenAsync(version);
        await client.SendAsync(bytes);
        return client;
    }

    /// <summary>A client that subscribes to a topic of this test; it also gets what <see cref="ExpectNothingElseAsync"/> sends.</summary>
    protected async Task<RawClient> SubscriberAsync(string name, ProtocolVersion version, string topic = "t", QualityOfService qos = AtMostOnce)
    {
        var client = await ConnectAsync(name, version);
        await SubscribeAsync(client, topic, qos);
        return client;
    }

    protected async Task SubscribeAsync(RawClient client, string topic = "t", QualityOfService qos = AtMostOnce, PropertyBlock? properties = null) =>
        Assert.Equal((ReasonCode)qos, await client.SubscribeAsync(Topic(topic), qos, properties));

    /// <summary>Says goodbye with the session kept; returns when the server has closed.</summary>
    protected static async Task LeaveAsync(RawClient client)
    {
        await client.SendAsync(new DisconnectPacket());
        await client.ExpectClosedAsync();
        await client.DisposeAsync();
    }

    /// <summary>
    /// What this client published before has been routed: an acknowledgement may come earlier, but a client's messages are routed in their order.
    /// </summary>
    protected async Task SettleAsync(RawClient publisher)
    {
        await SubscribeAsync(publisher, "settled");
        await publisher.PublishAsync(Topic("settled"), "settled");
        await publisher.ExpectMessageAsync("settled");
    }

    /// <summary>The subscriber gets the next message of this publisher and nothing before it: proof that something was <em>not</em> sent.</summary>
    protected async Task ExpectNothingElseAsync(RawClient subscriber, RawClient publisher)
    {
        await SubscribeAsync(subscriber, "last");
        await publisher.PublishAsync(Topic("last"), "last");
        await subscriber.ExpectMessageAsync("last");
    }

    /// <summary>The server closes the connection, with no word that is neither of these; a DISCONNECT, or a CONNACK that refuses, is its to send or not.</summary>
    protected static async Task ExpectEndAsync(RawClient client, params ReasonCode[] reasons)
    {
        var last = await client.ReceiveAsync();
        if (last is null) return;
        var said = last switch
        {
            DisconnectPacket disconnect when client.Version == V5 => disconnect.Reason,
            ConnAckPacket connAck => connAck.Reason,
            _ => throw new Xunit.Sdk.XunitException($"Expected the end of the connection, but got {last.GetType().Name}."),
        };
        Assert.Contains(said, reasons);
        await client.ExpectClosedAsync();
    }

    protected WillMessage Will(string payload, QualityOfService qos = AtMostOnce, bool retain = false, PropertyBlock? properties = null) => new()
    {
        Topic = TopicName.Parse(Topic()),
        Payload = Encoding.UTF8.GetBytes(payload),
        Qos = qos,
        Retain = retain,
        Properties = properties ?? PropertyBlock.None,
    };
}
