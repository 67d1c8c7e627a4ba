using IoTFleet.Mqtt.Packets;

namespace IoTFleet.Mqtt.Tests;

public sealed class ReasonCodeTests
{
    /// <summary>The lists of MQTT 5.0, chapter 3; "packet too large" in PUBACK and PUBREC is from table 2-6.</summary>
    [Theory]
    [InlineData("CONNACK", "20 [00 ? []]", "00 80 81 82 83 84 85 86 87 88 89 8A 8C 90 95 97 99 9A 9B 9C 9D 9F")]
    [InlineData("PUBACK", "40 [0001 ?]", "00 10 80 83 87 90 91 95 97 99")]
    [InlineData("PUBREC", "50 [0001 ?]", "00 10 80 83 87 90 91 95 97 99")]
    [InlineData("PUBREL", "62 [0001 ?]", "00 92")]
    [InlineData("PUBCOMP", "70 [0001 ?]", "00 92")]
    [InlineData("SUBACK", "90 [0001 [] ?]", "00 01 02 80 83 87 8F 91 97 9E A1 A2")]
    [InlineData("UNSUBACK", "B0 [0001 [] ?]", "00 11 80 83 87 8F 91")]
    [InlineData("DISCONNECT", "E0 [?]", "00 04 80 81 82 83 87 89 8B 8C 8D 8E 8F 90 93 94 95 96 97 98 99 9A 9B 9C 9D 9E 9F A0 A1 A2")]
    [InlineData("AUTH", "F0 [? []]", "00 18 19")]
    public void A_packet_carries_the_reasons_of_the_standard_and_no_others(string packet, string notation, string reasons)
    {
        var accepted = Enumerable.Range(0, 256).Select(code => code.ToString("X2")).Where(code => IsRead(notation.Replace("?", code)));

        Assert.Equal((packet, reasons), (packet, string.Join(' ', accepted)));
    }

    [Fact]
    public void Every_named_reason_may_stand_somewhere() =>
        Assert.All(Enum.GetValues<ReasonCode>(), reason => Assert.NotEqual(PacketSet.None, ReasonCodeTable.PacketsWith(reason)));

    [Theory]
    [InlineData(ReasonCode.NoSubscriptionExisted, false)]
    [InlineData(ReasonCode.ReAuthenticate, false)]
    [InlineData(ReasonCode.UnspecifiedError, true)]
    [InlineData(ReasonCode.WildcardSubscriptionsNotSupported, true)]
    public void Reasons_from_0x80_up_are_failures(ReasonCode reason, bool failure) => Assert.Equal(failure, reason.IsFailure());

    private static bool IsRead(string notation) => Record.Exception(() => Codec.Read(notation, ProtocolVersion.V5)) is null;
}
