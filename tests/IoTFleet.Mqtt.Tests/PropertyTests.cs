using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Topics;
using static IoTFleet.Mqtt.ProtocolVersion;

namespace IoTFleet.Mqtt.Tests;

public sealed class PropertyTests
{
    public static TheoryData<string, string> PropertiesAndPlaces
    {
        get
        {
            var rows = new TheoryData<string, string>();
            foreach (var property in PropertyCases.All)
            {
                foreach (var place in PropertyCases.Places.Keys) rows.Add(property.Words, place);
            }

            return rows;
        }
    }

    [Theory, MemberData(nameof(PropertiesAndPlaces))]
    public void A_property_is_read_and_written_where_the_standard_allows_it_and_nowhere_else(string words, string place)
    {
        var property = PropertyCases.All.Single(row => row.Words == words);
        var notation = PropertyCases.Places[place].Replace("?", property.Notation);

        if (!property.StandsIn.Contains(place))
        {
            Assert.Equal(ReasonCode.MalformedPacket, Codec.Refusal(notation, V5));
            return;
        }

        var packet = Codec.Read(notation, V5);
        Assert.Contains($"Properties=({words})", PacketText.Of(packet));
        Assert.Equal(Bytes.Hex(Bytes.Of(notation)), Bytes.Hex(Codec.Write(packet, V5)));
    }

    [Theory, MemberData(nameof(PropertiesAndPlaces))]
    public void A_packet_with_a_property_that_may_not_stand_in_it_is_not_written(string words, string place)
    {
        var property = PropertyCases.All.Single(row => row.Words == words);
        var block = PropertyCases.BlockIn(Codec.Read(PropertyCases.Places[property.StandsIn[0]].Replace("?", property.Notation), V5));

        var problem = Record.Exception(() => Codec.Write(SmallPackets.With(block, place), V5));

        Assert.Equal(property.StandsIn.Contains(place), problem is null);
        Assert.True(problem is null or ArgumentException, problem?.ToString());
    }

    [Fact]
    public void Each_property_but_two_may_stand_only_once()
    {
        foreach (var property in PropertyCases.All.Where(row => !row.Notation.StartsWith("26", StringComparison.Ordinal)))
        {
            var twice = PropertyCases.Places[property.StandsIn.Last()].Replace("?", property.Notation + property.Notation);
            Assert.Equal(ReasonCode.ProtocolError, Codec.Refusal(twice, V5));
        }
    }

    [Theory]
    [InlineData("PUBLISH", "01 02", ReasonCode.ProtocolError)]
    [InlineData("PUBLISH", "0B 00", ReasonCode.ProtocolError)]
    [InlineData("SUBSCRIBE", "0B 00", ReasonCode.ProtocolError)]
    [InlineData("PUBLISH", "23 0000", ReasonCode.TopicAliasInvalid)]
    [InlineData("CONNECT", "17 02", ReasonCode.ProtocolError)]
    [InlineData("CONNECT", "19 02", ReasonCode.ProtocolError)]
    [InlineData("CONNECT", "21 0000", ReasonCode.ProtocolError)]
    [InlineData("CONNACK", "21 0000", ReasonCode.ProtocolError)]
    [InlineData("CONNECT", "27 00000000", ReasonCode.ProtocolError)]
    [InlineData("CONNACK", "24 02", ReasonCode.ProtocolError)]
    [InlineData("CONNACK", "25 02", ReasonCode.ProtocolError)]
    [InlineData("CONNACK", "28 FF", ReasonCode.ProtocolError)]
    [InlineData("CONNACK", "29 02", ReasonCode.ProtocolError)]
    [InlineData("CONNACK", "2A 02", ReasonCode.ProtocolError)]
    [InlineData("CONNECT", "16 0001 00", ReasonCode.ProtocolError)]
    public void A_property_out_of_its_range_is_refused(string place, string property, ReasonCode reason) =>
        Assert.Equal(reason, Codec.Refusal(PropertyCases.Places[place].Replace("?", property), V5));

    [Fact]
    public void A_number_out_of_its_range_cannot_be_set()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new PropertyBlock { ReceiveMaximum = 0 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new PropertyBlock { TopicAlias = 0 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new PropertyBlock { MaximumPacketSize = 0 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new PropertyBlock { PayloadFormatIndicator = 2 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new PropertyBlock { MaximumQos = QualityOfService.ExactlyOnce });
        Assert.Throws<ArgumentOutOfRangeException>(() => new PropertyBlock { SubscriptionIdentifiers = [1, 0] });
    }

    [Fact]
    public void A_copy_changes_what_it_names_and_leaves_the_original_alone()
    {
        var original = new PropertyBlock { TopicAlias = 4, ContentType = "x", MessageExpiryInterval = 60 };

        var copy = original with { TopicAlias = null, MessageExpiryInterval = 10, SubscriptionIdentifiers = [7] };

        Assert.Equal(new PropertyBlock { ContentType = "x", MessageExpiryInterval = 10, SubscriptionIdentifiers = [7] }, copy);
        Assert.Equal(new PropertyBlock { TopicAlias = 4, ContentType = "x", MessageExpiryInterval = 60 }, original);
    }

    [Fact]
    public void Blocks_are_equal_by_value()
    {
        static PropertyBlock Block(byte last) => new()
        {
            CorrelationData = new byte[] { 1, last },
            UserProperties = [new("a", "b")],
            ResponseTopic = TopicName.Parse("r"),
        };

        Assert.Equal(Block(2), Block(2));
        Assert.Equal(Block(2).GetHashCode(), Block(2).GetHashCode());
        Assert.NotEqual(Block(2), Block(3));
        Assert.NotEqual(Block(2), Block(2) with { UserProperties = [] });
        Assert.Equal(PropertyBlock.None, new PropertyBlock { UserProperties = [], ContentType = null });
    }

    [Fact]
    public void The_text_of_a_block_holds_no_values()
    {
        var secret = new PropertyBlock { AuthenticationMethod = "m", AuthenticationData = "key"u8.ToArray() };

        Assert.Equal("[AuthenticationMethod, AuthenticationData]", secret.ToString());
    }
}
