using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Testing;

namespace IoTFleet.Device.Tests.Support;

/// <summary>The broker's end of one connection.</summary>
internal sealed class BrokerEnd(Stream stream, ProtocolVersion version) : IAsyncDisposable
{
    private readonly RawClient _wire = new(DuplexPipe.Over(stream), version);

    public Task<T> ExpectAsync<T>()
        where T : Packet => _wire.ExpectAsync<T>();

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

    /// <summary>Takes and acknowledges messages until the connection ends; returns their numbers in order of arrival.</summary>
    public async Task<List<string>> AcknowledgeAllAsync()
    {
        var taken = new List<string>();
        while (await ReceiveAsync() is { } packet)
        {
            if (packet is not PublishPacket publish)
                continue;
            taken.Add(publish.Text());
            if (!await TryAcknowledgeAsync(publish))
                break;
        }

        return taken;
    }

    public ValueTask DisposeAsync() => stream.DisposeAsync();

    private async Task<bool> TryAcknowledgeAsync(PublishPacket publish)
    {
        try
        {
            await AcknowledgeAsync(publish);
            return true;
        }
        catch (IOException)
        {
            return false;                                      // cut in the meantime
        }
    }
}
