using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Topics;
using IoTFleet.Mqtt.Wire;
using Xunit;

namespace IoTFleet.Testing;

/// <summary>A client that has no opinion: it sends what it is told and expects what it is told, as bytes or as packets.</summary>
/// <param name="handled">Completes when the broker has done with this connection, where the test can know.</param>
/// <param name="patience">How long to wait for what is expected; 60 s unless set.</param>
public sealed class RawClient(IDuplexPipe pipe, ProtocolVersion version, Task? handled = null, TimeSpan? patience = null) : IAsyncDisposable
{
    private readonly TimeSpan _patience = patience ?? TimeSpan.FromSeconds(60);
    private readonly PacketReader _reader = new(PacketLimits.Default) { Version = version };

    public ProtocolVersion Version => version;

    /// <summary>Completes when the broker has let go of this connection altogether.</summary>
    public Task Handled => handled?.WaitAsync(_patience) ?? throw new InvalidOperationException("Only an in-memory broker tells when it has done with a connection.");

    /// <param name="hex">Bytes as hexadecimal digits; blanks do not matter.</param>
    public async Task SendAsync(string hex) => await SendAsync(Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal)));

    public async Task SendAsync(ReadOnlyMemory<byte> bytes) => await pipe.Output.WriteAsync(bytes);

    public async Task SendAsync(params Packet[] packets)
    {
        foreach (var packet in packets) PacketWriter.Write(pipe.Output, packet, version);
        await pipe.Output.FlushAsync();
    }

    /// <summary>Connects as <paramref name="clientId"/> and returns the broker's answer.</summary>
    public async Task<ConnAckPacket> ConnectAsync(string clientId, bool cleanStart = true, ushort keepAlive = 60, PropertyBlock? properties = null, WillMessage? will = null)
    {
        await SendAsync(new ConnectPacket
        {
            Version = version,
            ClientId = clientId,
            CleanStart = cleanStart,
            KeepAlive = keepAlive,
            Will = will,
            Properties = properties ?? PropertyBlock.None,
        });
        return await ExpectAsync<ConnAckPacket>();
    }

    public Task PublishAsync(string topic, string payload, QualityOfService qos = QualityOfService.AtMostOnce, ushort packetId = 0,
        bool retain = false, bool duplicate = false, PropertyBlock? properties = null) =>
        SendAsync(Publish(topic, payload, qos, packetId, retain, duplicate, properties));

    public static PublishPacket Publish(string? topic, string payload, QualityOfService qos = QualityOfService.AtMostOnce, ushort packetId = 0,
        bool retain = false, bool duplicate = false, PropertyBlock? properties = null) => new()
        {
            Topic = topic is null ? null : TopicName.Parse(topic),
            Payload = Encoding.UTF8.GetBytes(payload),
            Qos = qos,
            PacketId = packetId,
            Retain = retain,
            Duplicate = duplicate,
            Properties = properties ?? PropertyBlock.None,
        };

    /// <summary>Subscribes and returns the broker's answer to this one filter.</summary>
    public async Task<ReasonCode> SubscribeAsync(string filter, QualityOfService qos = QualityOfService.AtMostOnce, PropertyBlock? properties = null)
    {
        var answer = await SubscribeAsync(properties, new SubscriptionRequest(TopicFilter.Parse(filter), qos));
        return Assert.Single(answer.Reasons);
    }

    public async Task<SubAckPacket> SubscribeAsync(PropertyBlock? properties, params SubscriptionRequest[] requests)
    {
        await SendAsync(new SubscribePacket { PacketId = 1, Subscriptions = requests, Properties = properties ?? PropertyBlock.None });
        return await ExpectAsync<SubAckPacket>();
    }

    /// <summary>The next packet is a PUBLISH with this payload.</summary>
    public async Task<PublishPacket> ExpectMessageAsync(string payload)
    {
        var message = await ExpectAsync<PublishPacket>();
        Assert.Equal(payload, Encoding.UTF8.GetString(message.Payload.Span));
        return message;
    }

    /// <summary>The broker ends the connection; in MQTT 5 it says why, in 3.1.1 it has no word for it.</summary>
    public async Task ExpectDisconnectAsync(ReasonCode reason)
    {
        if (version == ProtocolVersion.V5) Assert.Equal(reason, (await ExpectAsync<DisconnectPacket>()).Reason);
        await ExpectClosedAsync();
    }

    public async Task<T> ExpectAsync<T>()
        where T : Packet =>
        await ReceiveAsync() switch
        {
            T expected => expected,
            null => throw new Xunit.Sdk.XunitException($"Expected {typeof(T).Name}, but the connection was closed."),
            var other => throw new Xunit.Sdk.XunitException($"Expected {typeof(T).Name}, but got {other.GetType().Name}."),
        };

    public async Task ExpectBytesAsync(string hex)
    {
        var expected = Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal));
        Assert.Equal(Convert.ToHexString(expected), Convert.ToHexString(await ReceiveBytesAsync(expected.Length)));
    }

    /// <returns>The next bytes, as many as asked for; fewer when the connection was closed.</returns>
    public async Task<byte[]> ReceiveBytesAsync(int count)
    {
        ReadResult read;
        try
        {
            read = await pipe.Input.ReadAtLeastAsync(count).AsTask().WaitAsync(_patience);
        }
        catch (IOException)
        {
            return [];          // a closed socket may show as an error
        }

        var got = read.Buffer.Slice(0, Math.Min(count, read.Buffer.Length));
        var bytes = got.ToArray();
        pipe.Input.AdvanceTo(got.End);
        return bytes;
    }

    /// <summary>The broker answers a PINGREQ and has sent nothing before: proof that something was <em>not</em> sent.</summary>
    public async Task ExpectNothingAsync()
    {
        await SendAsync(PingReqPacket.Instance);
        await ExpectAsync<PingRespPacket>();
    }

    public async Task ExpectClosedAsync()
    {
        var packet = await ReceiveAsync();
        Assert.True(packet is null, $"Expected the connection to be closed, but got {packet?.GetType().Name}.");
    }

    /// <returns>The next packet, or null when the connection was closed.</returns>
    public async Task<Packet?> ReceiveAsync()
    {
        while (true)
        {
            ReadResult read;
            try
            {
                read = await pipe.Input.ReadAsync().AsTask().WaitAsync(_patience);
            }
            catch (IOException)
            {
                return null;        // a closed socket may show as an error
            }

            var buffer = read.Buffer;
            var found = _reader.TryRead(ref buffer, out var packet);
            pipe.Input.AdvanceTo(buffer.Start, found ? buffer.Start : buffer.End);
            if (found) return packet;
            if (read.IsCompleted) return null;
        }
    }

    /// <summary>Goes without saying goodbye.</summary>
    public async ValueTask DisposeAsync()
    {
        await pipe.Output.CompleteAsync();
        await pipe.Input.CompleteAsync();
    }
}
