using System.Buffers.Binary;
using System.Text;
using static IoTFleet.Fleet.Tests.Telemetry.Formats.Payloads;

namespace IoTFleet.Fleet.Tests.Telemetry.Formats;

public sealed class SparkplugPayloadTests
{
    [Theory]
    [InlineData(1, 10, 200, "-56")]                                   // Int8 in its own width
    [InlineData(1, 10, 0xFFFFFFC8, "-56")]                            // and in that of the field
    [InlineData(2, 10, 0xFFFF, "-1")]
    [InlineData(3, 10, 0xFFFFFFFF, "-1")]
    [InlineData(3, 11, 0xFFFFFFFF, "-1")]
    [InlineData(4, 11, ulong.MaxValue, "-1")]
    [InlineData(5, 10, 255, "255")]
    [InlineData(6, 10, 65_535, "65535")]
    [InlineData(7, 11, 0xFFFFFFFF, "4294967295")]
    [InlineData(7, 10, 0xFFFFFFFF, "4294967295")]
    [InlineData(8, 11, ulong.MaxValue, "18446744073709551615")]
    [InlineData(11, 14, 1, "true")]
    [InlineData(11, 14, 0, "false")]
    [InlineData(13, 11, 1_769_860_800_123, "\"2026-01-31T12:00:00.123Z\"")]
    [InlineData(0, 10, 7, "7")]                                       // no datatype, and it does not matter
    public void An_integer_is_read_by_its_datatype(int datatype, int field, ulong bits, string json) =>
        Assert.Equal($$"""{"m":{{json}}}""", Single(Metric(Name("m"), Datatype(datatype), Varint(field, bits))));

    [Theory]
    [InlineData(9, "21.4")]
    [InlineData(10, "21.4")]
    public void A_float_is_the_shortest_number_of_its_own_width(int datatype, string json) =>
        Assert.Equal($$"""{"m":{{json}}}""", Single(Metric(Name("m"), Datatype(datatype), datatype == 9 ? Float(21.4f) : Double(21.4))));

    [Theory]
    [InlineData(12)]
    [InlineData(14)]
    [InlineData(15)]
    public void A_text_is_a_text(int datatype) => Assert.Equal("""{"Line 1/State":"läuft"}""", Single(Metric(Name("Line 1/State"), Datatype(datatype), Bytes(15, "läuft"u8))));

    [Fact]
    public void Bytes_are_base64url() => Assert.Equal("""{"m":"-_8"}""", Single(Metric(Name("m"), Datatype(17), Bytes(16, [0xFB, 0xFF]))));

    [Fact]
    public void What_is_null_or_not_a_number_is_no_value()
    {
        Assert.Equal("""{"m":null}""", Single(Metric(Name("m"), Datatype(10), Varint(7, 1))));
        Assert.Equal("""{"m":null}""", Single(Metric(Name("m"), Datatype(10), Double(double.NaN))));
    }

    [Fact]
    public void Metrics_of_one_time_are_one_reading_and_the_payloads_time_is_theirs_without_own()
    {
        var at = (ulong)Noon.ToUnixTimeMilliseconds();
        byte[] body =
        [
            .. Metric(Name("late"), Varint(3, at + 5_000), Varint(10, 1)), .. Metric(Name("a"), Varint(10, 2)), .. Metric(Name("b"), Varint(3, at), Varint(10, 3)),
            .. Varint(3, 200), .. Bytes(4, "uuid"u8), .. Varint(1, at), .. Bytes(99, "of a later version"u8),
        ];

        var message = Read(body, Sparkplug);

        Assert.Equal([$$"""{"ts":{{at}},"a":2,"b":3}""", $$"""{"ts":{{at + 5_000}},"late":1}"""], message.Readings.Select(r => Text(r)));
        Assert.Equal([Noon, Noon.AddSeconds(5)], message.Readings.Select(r => r.Time));
        Assert.Null(message.Sequence);      // that of Sparkplug counts to 255 and begins anew
    }

    [Fact]
    public void Metrics_without_any_time_have_that_of_arrival()
    {
        var reading = Assert.Single(Read(Metric(Name("m"), Varint(10, 1)), Sparkplug).Readings);

        Assert.Equal((Noon, false), (reading.Time, reading.HasOwnTime));
    }

    [Fact]
    public void Properties_and_metadata_of_a_metric_are_left_out() =>
        Assert.Equal("""{"m":1}""", Single(Metric(Name("m"), Varint(2, 5), Bytes(8, [8, 1]), Bytes(9, "x"u8), Varint(5, 1), Varint(10, 1))));

    [Fact]
    public void An_alias_without_name_is_refused() => Assert.Equal("payload-alias-unknown", Code(Metric(Varint(2, 17), Varint(10, 1))));

    [Theory]
    [InlineData(10, 0x80000000)]
    [InlineData(11, 0x8000000000000000)]
    public void A_number_that_may_be_negative_needs_its_datatype(int field, ulong bits) => Assert.Equal("payload-datatype-missing", Code(Metric(Name("m"), Varint(field, bits))));

    [Theory]
    [InlineData(1, 256)]
    [InlineData(2, 0xFFFE0000)]
    [InlineData(5, 256)]
    [InlineData(6, 65_536)]
    public void A_number_too_large_for_its_datatype_is_refused(int datatype, ulong bits) => Assert.Equal("payload-bad-number", Code(Metric(Name("m"), Datatype(datatype), Varint(10, bits))));

    [Theory]
    [InlineData(16, 17)]
    [InlineData(19, 18)]
    [InlineData(0, 19)]
    [InlineData(22, 16)]
    public void Data_sets_templates_arrays_and_extensions_are_refused(int datatype, int field) => Assert.Equal("payload-unsupported", Code(Metric(Name("m"), Datatype(datatype), Bytes(field, [1]))));

    [Theory]
    [InlineData("ts")]
    [InlineData("seq")]
    public void A_metric_cannot_take_the_name_of_our_own_fields(string name) => Assert.Equal("payload-unsupported", Code(Metric(Name(name), Varint(10, 1))));

    [Fact]
    public void Other_reasons_to_refuse_are_told_too()
    {
        Assert.Equal("payload-empty", Code([]));
        Assert.Equal("payload-empty", Code(Varint(1, 0)));
        Assert.Equal("payload-not-sparkplug", Code("hello"u8.ToArray()));
        Assert.Equal("payload-not-sparkplug", Code([0x12, 0x05, 0x0A]));
        Assert.Equal("payload-not-sparkplug", Code([0x0B]));
        Assert.Equal("payload-not-sparkplug", Code([0x00]));
        Assert.Equal("payload-not-sparkplug", Code([0x08, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x02]));
        Assert.Equal("payload-not-sparkplug", Code(Metric(Varint(10, 1))));
        Assert.Equal("payload-not-sparkplug", Code(Metric(Varint(1, 1))));
        Assert.Equal("payload-not-sparkplug", Code(Metric(Name("m"), Datatype(12), Varint(10, 1))));
        Assert.Equal("payload-not-utf8", Code(Metric(Bytes(1, [0xC3]), Varint(10, 1))));
        Assert.Equal("payload-not-utf8", Code(Metric(Name("m"), Bytes(15, [0xC3]))));
        Assert.Equal("payload-bad-time", Code([.. Varint(1, ulong.MaxValue), .. Metric(Name("m"), Varint(10, 1))]));
        Assert.Equal("payload-bad-time", Code(Metric(Name("m"), Datatype(13), Varint(11, ulong.MaxValue))));
        Assert.Equal("payload-duplicate-name", Code([.. Metric(Name("m"), Varint(10, 1)), .. Metric(Name("m"), Varint(10, 1))]));
    }

    private static string Single(byte[] body) => Text(Assert.Single(Read(body, Sparkplug).Readings));

    private static string Code(byte[] body) => Problem(body, Sparkplug).Code;

    private static byte[] Metric(params byte[][] fields) => Bytes(2, [.. fields.SelectMany(field => field)]);

    private static byte[] Name(string name) => Bytes(1, Encoding.UTF8.GetBytes(name));

    private static byte[] Datatype(int number) => number == 0 ? [] : Varint(4, (ulong)number);

    private static byte[] Varint(int field, ulong value) => [.. Leb((ulong)field << 3), .. Leb(value)];

    private static byte[] Bytes(int field, ReadOnlySpan<byte> value) => [.. Leb(((ulong)field << 3) | 2), .. Leb((ulong)value.Length), .. value];

    private static byte[] Float(float value)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteSingleLittleEndian(bytes, value);
        return [.. Leb((12 << 3) | 5), .. bytes];
    }

    private static byte[] Double(double value)
    {
        var bytes = new byte[8];
        BinaryPrimitives.WriteDoubleLittleEndian(bytes, value);
        return [.. Leb((13 << 3) | 1), .. bytes];
    }

    private static byte[] Leb(ulong value)
    {
        var bytes = new List<byte>();
        for (; value >= 0x80; value >>= 7) bytes.Add((byte)(value | 0x80));
        return [.. bytes, (byte)value];
    }
}
