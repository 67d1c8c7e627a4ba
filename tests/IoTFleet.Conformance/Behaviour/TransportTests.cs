using System.Text;

namespace IoTFleet.Conformance.Behaviour;

/// <summary>Section 4.2: packets on a stream of bytes, wherever it is cut.</summary>
public sealed class TransportTests : ConformanceTest
{
    [Theory, BothVersions]
    public async Task Packets_are_read_from_single_bytes(ProtocolVersion version)
    {
        var client = await OpenAsync(version);
        await SendByteByByteAsync(client, Raw.Connect(version, 0x02, Raw.Text(Id("a"))));
        Assert.Equal(ReasonCode.Success, (await client.ExpectAsync<ConnAckPacket>()).Reason);
        await SubscribeAsync(client);
        await SendByteByByteAsync(client, Raw.Publish(version, Encoding.UTF8.GetBytes(Topic())));
        await client.ExpectMessageAsync("x");
    }

    [Theory, BothVersions]
    public async Task Many_packets_in_one_piece_are_all_read(ProtocolVersion version)
    {
        var client = await SubscriberAsync("a", version);
        var one = Raw.Publish(version, Encoding.UTF8.GetBytes(Topic()));
        await client.SendAsync(Enumerable.Repeat(one, 200).SelectMany(bytes => bytes).ToArray());
        for (var i = 0; i < 200; i++) await client.ExpectMessageAsync("x");
        await client.ExpectNothingAsync();
    }

    [Theory, BothVersions]
    public async Task Large_message_arrives_whole(ProtocolVersion version)
    {
        var payload = string.Concat(Enumerable.Range(0, 20_000).Select(i => $"{i} "));
        var client = await SubscriberAsync("a", version, qos: AtLeastOnce);
        await (await ConnectAsync("b", version)).PublishAsync(Topic(), payload, AtLeastOnce, 1);
        await client.ExpectMessageAsync(payload);
    }

    private static async Task SendByteByByteAsync(RawClient client, byte[] bytes)
    {
        for (var i = 0; i < bytes.Length; i++) await client.SendAsync(bytes.AsMemory(i, 1));
    }
}
