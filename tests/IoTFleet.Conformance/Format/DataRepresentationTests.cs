using System.Text;

namespace IoTFleet.Conformance.Format;

/// <summary>Section 1.5: text and numbers on the wire.</summary>
public sealed class DataRepresentationTests : ConformanceTest
{
    [Theory]
    [BothVersions("overlong", "C0 80")]
    [BothVersions("surrogate", "ED A0 80")]
    [BothVersions("truncated", "61 E2 82")]
    [BothVersions("no UTF-8 at all", "FF FE")]
    public async Task Ill_formed_text_ends_the_connection(ProtocolVersion version, string what, string hex)
    {
        Assert.NotEmpty(what);
        var client = await ConnectAsync("a", version);
        await client.SendAsync(Raw.Publish(version, Raw.Hex(hex)));
        await ExpectEndAsync(client, ReasonCode.MalformedPacket, ReasonCode.TopicNameInvalid);
    }

    [Theory, BothVersions]
    public async Task Null_character_in_text_ends_the_connection(ProtocolVersion version)
    {
        var client = await ConnectAsync("a", version);
        await client.SendAsync(Raw.Publish(version, Encoding.UTF8.GetBytes("a\0b")));
        await ExpectEndAsync(client, ReasonCode.MalformedPacket, ReasonCode.TopicNameInvalid);
    }

    [Theory, BothVersions]
    public async Task Byte_order_mark_is_a_character_like_others(ProtocolVersion version)
    {
        var client = await ConnectAsync("a", version);
        await SubscribeAsync(client, "\uFEFFt");
        await SubscribeAsync(client, "t");

        await client.PublishAsync(Topic("\uFEFFt"), "with mark");

        var message = await client.ExpectMessageAsync("with mark");
        Assert.Equal(Topic("\uFEFFt"), message.Topic!.Value);
        await client.ExpectNothingAsync();
    }

    [Theory]
    [OnlyVersion(V5, "remaining length", "C0 80 00")]
    [OnlyVersion(V5, "property length", "E0 03 00 80 00")]
    public async Task Number_with_needless_bytes_ends_the_connection(ProtocolVersion version, string what, string packet)
    {
        Assert.NotEmpty(what);
        var client = await ConnectAsync("a", version);
        await client.SendAsync(packet);
        await ExpectEndAsync(client, ReasonCode.MalformedPacket);
    }

    [Theory]
    [BothVersions(50)]
    [BothVersions(300)]
    [BothVersions(20_000)]
    public async Task Server_writes_lengths_in_their_shortest_form(ProtocolVersion version, int size)
    {
        var client = await SubscriberAsync("a", version);
        await client.PublishAsync(Topic(), new string('x', size));
        var expected = Raw.Packet(0x30, Raw.Text(Topic()), Raw.NoProperties(version), Encoding.UTF8.GetBytes(new string('x', size)));
        await client.ExpectBytesAsync(Convert.ToHexString(expected));
    }

    [Theory]
    [OnlyVersion(V5, "name", "26 00 02 C0 80 00 01 61")]
    [OnlyVersion(V5, "value", "26 00 01 61 00 02 C0 80")]
    [OnlyVersion(V5, "null in the value", "26 00 01 61 00 01 00")]
    public async Task Ill_formed_text_in_a_user_property_ends_the_connection(ProtocolVersion version, string what, string property)
    {
        Assert.NotEmpty(what);
        var client = await ConnectAsync("a", version);
        await client.SendAsync(Raw.Publish(version, Encoding.UTF8.GetBytes(Topic()), Raw.Hex(property)));
        await ExpectEndAsync(client, ReasonCode.MalformedPacket);
    }
}
