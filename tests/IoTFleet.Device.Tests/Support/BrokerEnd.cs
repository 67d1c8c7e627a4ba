using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Topics;
using IoTFleet.Testing;

namespace IoTFleet.Device.Tests.Support;

/// <summary>The broker's end of one connection.</summary>
internal sealed class BrokerEnd(Stream stream, ProtocolVersion version) : IAsyncDisposable
{
    private readonly RawClient _wire = new(DuplexPipe.Over(stream), version);

    public Task<T> ExpectAsync<T>()
        where T : Packet => _wire.ExpectAsync<T>();

    public async Task<PublishPacket[]> ExpectPublishesAsync(int count)
    {
        var publishes = new PublishPacket[count];
        for (var n = 0; n < count; n++)
            publishes[n] = await ExpectAsync<PublishPacket>();
        return publishes;
    }

    public Task SendAsync(params Packet[] packets) => _wire.SendAsync(packets);

    public Task ExpectClosedAsync() => _wire.ExpectClosedAsync();

    public Task<Packet?> ReceiveAsync() => _wire.ReceiveAsync();

    public async Task<ConnectPacket> WelcomeAsync(PropertyBlock? terms = null)
    {
        var connect = await ExpectAsync<ConnectPacket>();
        await SendAsync(new ConnAckPacket { Reason = ReasonCode.Success, Properties = terms ?? PropertyBlock.None });
        var subscribe = await ExpectAsync<SubscribePacket>();
        await SendAsync(new SubAckPacket { PacketId = subscribe.PacketId, Reasons = [ReasonCode.GrantedQos1] });
        return connect;
    }

    public Task AcknowledgeAsync(PublishPacket publish, ReasonCode reason = ReasonCode.Success) =>
        SendAsync(new PubAckPacket { PacketId = publish.PacketId, Reason = reason });

    /// <param name="name">The command.</param>
    /// <param name="packetId">0 sends it at QoS 0.</param>
    public Task SendCommandAsync(string name, ushort packetId) => SendAsync(new PublishPacket
    {
        Topic = TopicName.Parse($"devices/{Devices.Id}/commands/{name}"),
        Payload = Devices.Json($"\"{name}\""),
        Qos = packetId == 0 ? QualityOfService.AtMostOnce : QualityOfService.AtLeastOnce,
        PacketId = packetId,
    });

    /// <summary>As the server sends it.</summary>
    public Task SendCommandAsync(string name, string id, ushort packetId, uint? secondsLeft = null) => SendAsync(new PublishPacket
    {
        Topic = TopicName.Parse($"devices/{Devices.Id}/commands/{name}/{id}"),
        Payload = Devices.Json($"\"{id}\""),
        Qos = QualityOfService.AtLeastOnce,
        PacketId = packetId,
        Properties = version == ProtocolVersion.V5 ? Request(id, secondsLeft) : PropertyBlock.None,
    });

    /// <summary>The next packet but one is a command's PUBACK, or the other way round: both leave together.</summary>
    public async Task<(string Topic, string Text, ushort PacketId)> ExpectAnswerAsync()
    {
        while (true)
        {
            switch (await ReceiveAsync())
            {
                case PublishPacket publish: return (publish.Topic!.Value, publish.Text(), publish.PacketId);
                case null: throw new IOException("Closed before the answer came.");
            }
        }
    }

    /// <summary>Answers whatever comes until the connection ends; returns the messages in order of arrival.</summary>
    public async Task<List<string>> ObligeAsync()
    {
        var taken = new List<string>();
        try
        {
            while (await ReceiveAsync() is { } packet)
            {
                if (packet is PublishPacket publish)
                    taken.Add(publish.Text());
                if (Answer(packet) is { } answer)
                    await SendAsync(answer);
            }
        }
        catch (Exception cut) when (cut is IOException or InvalidOperationException)
        {
            // Cut while an answer was on its way, or in the handshake.
        }

        return taken;
    }

    public ValueTask DisposeAsync() => stream.DisposeAsync();

    private static PropertyBlock Request(string id, uint? secondsLeft)
    {
        var request = new PropertyBlock { ResponseTopic = TopicName.Parse($"devices/{Devices.Id}/answers/{id}"), CorrelationData = Devices.Json(id) };
        return secondsLeft is null ? request : request with { MessageExpiryInterval = secondsLeft };
    }

    private static Packet? Answer(Packet packet) => packet switch
    {
        ConnectPacket => new ConnAckPacket { Reason = ReasonCode.Success },
        SubscribePacket subscribe => new SubAckPacket { PacketId = subscribe.PacketId, Reasons = [ReasonCode.GrantedQos1] },
        PublishPacket publish => new PubAckPacket { PacketId = publish.PacketId },
        PingReqPacket => PingRespPacket.Instance,
        _ => null,
    };
}
