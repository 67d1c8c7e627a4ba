using System.Globalization;
using System.Text.Json;
using IoTFleet.Fleet.Telemetry.Formats;
using static IoTFleet.Fleet.Tests.Telemetry.Formats.Payloads;

namespace IoTFleet.Fleet.Tests.Telemetry.Formats;

public sealed class CborPayloadTests
{
    /// <summary>RFC 8949 Appendix A: each as the value of <c>{"v": ...}</c>.</summary>
    [Theory]
    [InlineData("00", "0")]
    [InlineData("0a", "10")]
    [InlineData("17", "23")]
    [InlineData("1818", "24")]
    [InlineData("1903e8", "1000")]
    [InlineData("1a000f4240", "1000000")]
    [InlineData("1b000000e8d4a51000", "1000000000000")]
    [InlineData("1bffffffffffffffff", "18446744073709551615")]
    [InlineData("c249010000000000000000", "18446744073709551616")]
    [InlineData("3bffffffffffffffff", "-18446744073709551616")]
    [InlineData("c349010000000000000000", "-18446744073709551617")]
    [InlineData("20", "-1")]
    [InlineData("3863", "-100")]
    [InlineData("3903e7", "-1000")]
    [InlineData("f90000", "0")]
    [InlineData("f98000", "-0")]
    [InlineData("fb3ff199999999999a", "1.1")]
    [InlineData("f93e00", "1.5")]
    [InlineData("f97bff", "65504")]
    [InlineData("fa47c35000", "100000")]
    [InlineData("fa7f7fffff", "3.4028235E+38")]
    [InlineData("fb7e37e43c8800759c", "1E+300")]
    [InlineData("f90001", "6E-08")]
    [InlineData("f90400", "6.104E-05")]
    [InlineData("f9c400", "-4")]
    [InlineData("fbc010666666666666", "-4.1")]
    [InlineData("f97c00", "null")]
    [InlineData("f97e00", "null")]
    [InlineData("f9fc00", "null")]
    [InlineData("fa7f800000", "null")]
    [InlineData("fa7fc00000", "null")]
    [InlineData("fbfff0000000000000", "null")]
    [InlineData("f4", "false")]
    [InlineData("f5", "true")]
    [InlineData("f6", "null")]
    [InlineData("f7", "null")]
    [InlineData("c074323031332d30332d32315432303a30343a30305a", "\"2013-03-21T20:04:00Z\"")]
    [InlineData("c11a514b67b0", "\"2013-03-21T20:04:00Z\"")]
    [InlineData("c1fb41d452d9ec200000", "\"2013-03-21T20:04:00.5Z\"")]
    [InlineData("d74401020304", "\"AQIDBA\"")]
    [InlineData("d818456449455446", "\"ZElFVEY\"")]
    [InlineData("d82076687474703a2f2f7777772e6578616d706c652e636f6d", "\"http://www.example.com\"")]
    [InlineData("40", "\"\"")]
    [InlineData("4401020304", "\"AQIDBA\"")]
    [InlineData("60", "\"\"")]
    [InlineData("6449455446", "\"IETF\"")]
    [InlineData("62225c", "\"\\\"\\\\\"")]
    [InlineData("62c3bc", "\"\u00fc\"")]
    [InlineData("63e6b0b4", "\"\u6c34\"")]
    [InlineData("80", "[]")]
    [InlineData("8301820203820405", "[1,[2,3],[4,5]]")]
    [InlineData("a26161016162820203", "{\"a\":1,\"b\":[2,3]}")]
    [InlineData("826161a161626163", "[\"a\",{\"b\":\"c\"}]")]
    [InlineData("5f42010243030405ff", "\"AQIDBAU\"")]
    [InlineData("7f657374726561646d696e67ff", "\"streaming\"")]
    [InlineData("9fff", "[]")]
    [InlineData("9f018202039f0405ffff", "[1,[2,3],[4,5]]")]
    [InlineData("83018202039f0405ff", "[1,[2,3],[4,5]]")]
    [InlineData("83019f0203ff820405", "[1,[2,3],[4,5]]")]
    [InlineData("bf61610161629f0203ffff", "{\"a\":1,\"b\":[2,3]}")]
    [InlineData("826161bf61626163ff", "[\"a\",{\"b\":\"c\"}]")]
    [InlineData("bf6346756ef563416d7421ff", "{\"Fun\":true,\"Amt\":-2}")]
    [InlineData("c48221196ab3", "27315e-2")]
    public void A_value_becomes_json(string value, string json) => Assert.Equal($$"""{"v":{{json}}}""", Text(Read(Map("v", value), Cbor).Readings[0]));

    [Theory]
    [InlineData("f94d5a", "21.4")]
    [InlineData("fa41ab3333", "21.4")]
    [InlineData("fb4035666666666666", "21.4")]
    public void A_float_is_the_shortest_number_of_its_own_width(string value, string json)
    {
        var body = JsonDocument.Parse(Read(Map("v", value), Cbor).Readings[0].Body);

        Assert.Equal(double.Parse(json, CultureInfo.InvariantCulture), body.RootElement.GetProperty("v").GetDouble());
    }

    [Theory]
    [InlineData("1b000001370B2E40C0")]                                // milliseconds
    [InlineData("74323031322d30342d31325431333a33323a33325a")]        // a text
    [InlineData("c074323031322d30342d31325431333a33323a33325a")]      // tag 0
    [InlineData("c11a4f86d800")]                                      // tag 1
    public void A_time_may_be_written_in_each_way(string ts)
    {
        var reading = Read(Map("ts", ts), Cbor).Readings[0];

        Assert.True(reading.HasOwnTime);
        Assert.Equal(2012, reading.Time.Year);
    }

    [Fact]
    public void A_time_of_tag_1_is_kept_to_the_microsecond()
    {
        var bits = BitConverter.DoubleToUInt64Bits(1_769_860_800.123456);

        var reading = Read(Map("ts", $"c1fb{bits:x16}"), Cbor).Readings[0];

        Assert.Equal(Noon.AddMicroseconds(123_456), reading.Time);
    }

    [Fact]
    public void An_array_is_a_batch_and_the_original_stays()
    {
        var body = Convert.FromHexString("d9d9f79fa1617401bf62747300617402ffff");

        var message = Read(body, Cbor);

        Assert.Equal(["""{"t":1}""", """{"ts":0,"t":2}"""], message.Readings.Select(r => Text(r)));
        Assert.Equal([Noon, DateTimeOffset.UnixEpoch], message.Readings.Select(r => r.Time));
        Assert.Null(message.ContentType);
        Assert.Equal(body, message.Original.ToArray());
    }

    [Fact]
    public void A_seq_is_the_messages_number() => Assert.Equal(7, Read(Map("seq", "07"), Cbor).Sequence);

    /// <summary>RFC 8949 Appendix F, and what else may be wrong.</summary>
    [Theory]
    [InlineData("", "payload-not-cbor")]
    [InlineData("a1", "payload-not-cbor")]
    [InlineData("a1617418", "payload-not-cbor")]
    [InlineData("a1617419ff", "payload-not-cbor")]
    [InlineData("a161741c", "payload-not-cbor")]
    [InlineData("a161741f", "payload-not-cbor")]
    [InlineData("a16174df", "payload-not-cbor")]
    [InlineData("a16174ff", "payload-not-cbor")]
    [InlineData("a16174f800", "payload-not-cbor")]
    [InlineData("a16174f81f", "payload-not-cbor")]
    [InlineData("a161745f4100", "payload-not-cbor")]
    [InlineData("a161745f00ff", "payload-not-cbor")]
    [InlineData("a161745f6100ff", "payload-not-cbor")]
    [InlineData("a161745f5fffff", "payload-not-cbor")]
    [InlineData("a161745affffffff00", "payload-not-cbor")]
    [InlineData("a161745bffffffffffffffff", "payload-not-cbor")]
    [InlineData("a161749affffffff", "payload-not-cbor")]
    [InlineData("a16174bbffffffffffffffff", "payload-not-cbor")]
    [InlineData("bf6174ff", "payload-not-cbor")]
    [InlineData("bf617401", "payload-not-cbor")]
    [InlineData("a000", "payload-not-cbor")]
    [InlineData("a16174c2f6", "payload-not-cbor")]
    [InlineData("a16174c401", "payload-not-cbor")]
    [InlineData("a10101", "payload-unsupported")]
    [InlineData("a1410101", "payload-unsupported")]
    [InlineData("a16174f0", "payload-unsupported")]
    [InlineData("a16174f8ff", "payload-unsupported")]
    [InlineData("a16174c5820103", "payload-unsupported")]
    [InlineData("a1617462c328", "payload-not-utf8")]
    [InlineData("a161747f61c361bcff", "payload-not-utf8")]
    [InlineData("a162c32801", "payload-not-utf8")]
    [InlineData("a161746100", "payload-bad-text")]
    [InlineData("a2617401617402", "payload-duplicate-name")]
    [InlineData("01", "payload-not-object")]
    [InlineData("80", "payload-empty")]
    [InlineData("8101", "payload-not-object")]
    [InlineData("a162747320", "payload-bad-time")]
    [InlineData("a1627473c120", "payload-bad-time")]
    [InlineData("a1627473c1f97e00", "payload-bad-time")]
    [InlineData("a1627473c06161", "payload-bad-time")]
    [InlineData("a16373657120", "payload-bad-sequence")]
    [InlineData("a16174c482190190c249010000000000000000", "payload-bad-number")]
    [InlineData("a16174c482190fff01", "payload-bad-number")]
    public void What_cannot_be_read_is_refused_with_its_reason(string hex, string code) => Assert.Equal(code, Problem(Convert.FromHexString(hex), Cbor).Code);

    [Theory]
    [InlineData("81", "80")]
    [InlineData("a16161", "01")]
    [InlineData("9f", "ff")]
    [InlineData("d9d9f7", "a0")]
    public void Depth_is_limited_whatever_it_is_made_of(string level, string end)
    {
        var hex = string.Concat(Enumerable.Repeat(level, 20_000)) + end;

        Assert.Equal("payload-too-deep", Problem(Convert.FromHexString("a16174" + hex), Cbor).Code);
    }

    [Theory]
    [InlineData(PayloadLimits.MaxDepth, true)]
    [InlineData(PayloadLimits.MaxDepth + 1, false)]
    public void Depth_is_that_of_json(int levels, bool taken)
    {
        var body = Convert.FromHexString(string.Concat(Enumerable.Repeat("a16161", levels)) + "01");

        if (taken) Read(body, Cbor);
        else Assert.Equal("payload-too-deep", Problem(body, Cbor).Code);
    }

    private static byte[] Map(string name, string value) => [0xA1, (byte)(0x60 + name.Length), .. System.Text.Encoding.UTF8.GetBytes(name), .. Convert.FromHexString(value)];
}
