using System.Text;
using IoTFleet.Fleet.Telemetry.Formats;
using static IoTFleet.Fleet.Tests.Telemetry.Formats.Payloads;

namespace IoTFleet.Fleet.Tests.Telemetry.Formats;

public sealed class JsonPayloadTests
{
    [Theory]
    [InlineData("""{}""")]
    [InlineData(""" { "t" : 20.5, "nested": {"ts": "not ours"}, "list": [1, {"ts": true}] } """)]
    [InlineData("""{"a":{"b":1},"b":2,"c":{"b":3},"list":[{"a":1,"a":2}]}""")]
    public void An_object_without_ts_has_the_time_of_arrival_and_stays_as_it_is(string body)
    {
        var reading = Assert.Single(Read(body).Readings);

        Assert.Equal((Noon, false, body.Trim()), (reading.Time, reading.HasOwnTime, Text(reading)));
    }

    [Theory]
    [InlineData("""{"ts":1769860800000}""", "2026-01-31T12:00:00.000Z")]
    [InlineData("""{"ts":0}""", "1970-01-01T00:00:00Z")]
    [InlineData("""{"ts":253402300799999}""", "9999-12-31T23:59:59.999Z")]
    [InlineData("""{"ts":"2026-01-31T12:00:00Z"}""", "2026-01-31T12:00:00Z")]
    [InlineData("""{"ts":"2026-01-31T13:00:00.1234569+01:00"}""", "2026-01-31T12:00:00.123456Z")]
    [InlineData("""{"ts":"2026-01-31t12:00:00.5z"}""", "2026-01-31T12:00:00.5Z")]
    [InlineData("""{"ts":"2016-12-31T23:59:60Z"}""", "2017-01-01T00:00:00Z")]
    [InlineData("""{"ts":"2026-01-31T00:30:00-11:30"}""", "2026-01-31T12:00:00Z")]
    [InlineData("""{"\u0074s":0}""", "1970-01-01T00:00:00Z")]
    public void A_ts_is_the_time_of_the_reading(string body, string expected)
    {
        var reading = Assert.Single(Read(body).Readings);

        Assert.Equal((DateTimeOffset.Parse(expected), true), (reading.Time, reading.HasOwnTime));
    }

    [Theory]
    [InlineData("-1")]
    [InlineData("253402300800000")]
    [InlineData("1.5")]
    [InlineData("1e300")]
    [InlineData("null")]
    [InlineData("""{"ts":0}""")]
    [InlineData("[0]")]
    [InlineData("\"now\"")]
    [InlineData("\"2026-01-31\"")]
    [InlineData("\"2026-01-31T12:00:00\"")]
    [InlineData("\"2026-01-31T12:00:00+0100\"")]
    [InlineData("\"2026-01-31T12:00:00.Z\"")]
    [InlineData("\"2026-01-31T12:00:00.1\"")]
    [InlineData("\"2026-02-30T12:00:00Z\"")]
    [InlineData("\"2026-01-31T24:00:00Z\"")]
    [InlineData("\"2026-01-31T12:60:00Z\"")]
    [InlineData("\"2026-00-31T12:00:00Z\"")]
    [InlineData("\"0000-01-31T12:00:00Z\"")]
    [InlineData("\"1969-12-31T23:59:59Z\"")]
    [InlineData("\"9999-12-31T23:59:60Z\"")]
    [InlineData("\"9999-12-31T23:59:59-01:00\"")]
    public void A_ts_that_is_no_time_is_refused(string ts) => Assert.Equal("payload-bad-time", Problem($$"""{"ts":{{ts}}}""").Code);

    [Theory]
    [InlineData("""{"seq":0}""", 0L)]
    [InlineData("""{"seq":9223372036854775807}""", long.MaxValue)]
    [InlineData("""{"a":{"seq":"x"}}""", null)]
    [InlineData("""[{"seq":17}]""", null)]
    public void A_seq_at_the_top_of_one_object_is_the_messages_number(string body, long? sequence) => Assert.Equal(sequence, Read(body).Sequence);

    [Theory]
    [InlineData("-1")]
    [InlineData("1.0")]
    [InlineData("9223372036854775808")]
    [InlineData("\"1\"")]
    [InlineData("null")]
    public void A_seq_that_is_no_number_to_count_by_is_refused(string sequence) => Assert.Equal("payload-bad-sequence", Problem($$"""{"seq":{{sequence}}}""").Code);

    [Fact]
    public void The_user_propertys_number_goes_before_the_payloads()
    {
        var arrival = new Arrival("pump-1", "", """{"seq":1}"""u8.ToArray(), null, Noon, Sequence: 2);

        Assert.True(new PayloadReader().TryRead(arrival, out var message, out _));

        Assert.Equal(2, message.Sequence);
    }

    [Fact]
    public void An_array_is_a_batch_of_readings_each_with_its_own_time()
    {
        var message = Read(""" [ {"ts":0,"t":1} , {"t":2},{"ts":"2026-01-31T12:00:00.5Z"} ] """);

        Assert.Equal(["""{"ts":0,"t":1}""", """{"t":2}""", """{"ts":"2026-01-31T12:00:00.5Z"}"""], message.Readings.Select(r => Text(r)));
        Assert.Equal([DateTimeOffset.UnixEpoch, Noon, Noon.AddMilliseconds(500)], message.Readings.Select(r => r.Time));
        Assert.Equal([true, false, true], message.Readings.Select(r => r.HasOwnTime));
    }

    [Theory]
    [InlineData("""[{"t":1},{"t":2},{"ts":"x"}]""", "payload-bad-time", "reading 2 ")]
    [InlineData("""[{"t":1},3]""", "payload-not-object", "reading 1 ")]
    [InlineData("""[{"t":1},[{}]]""", "payload-not-object", "reading 1 ")]
    [InlineData("""[{"t":1,"t":2}]""", "payload-duplicate-name", "reading 0 ")]
    public void One_bad_reading_refuses_the_batch_and_is_named(string body, string code, string where)
    {
        var problem = Problem(body);

        Assert.Equal(code, problem.Code);
        Assert.Contains(where, problem.Detail);
    }

    [Theory]
    [InlineData(PayloadLimits.MaxReadings, true)]
    [InlineData(PayloadLimits.MaxReadings + 1, false)]
    public void Readings_of_a_batch_are_limited(int count, bool taken)
    {
        var body = '[' + string.Join(',', Enumerable.Repeat("""{"a":1}""", count)) + ']';

        if (taken) Assert.Equal(count, Read(body).Readings.Count);
        else Assert.Equal("payload-too-many-readings", Problem(body).Code);
    }

    [Theory]
    [InlineData("", "payload-empty")]
    [InlineData(" \n", "payload-empty")]
    [InlineData("[]", "payload-empty")]
    [InlineData("20.5", "payload-format-unknown")]
    [InlineData("\"text\"", "payload-format-unknown")]
    [InlineData("null", "payload-format-unknown")]
    [InlineData("\uFEFF{}", "payload-format-unknown")]
    [InlineData("""{"t":1""", "payload-not-json")]
    [InlineData("""{"t":1}{"t":2}""", "payload-not-json")]
    [InlineData("""{"t":1},""", "payload-not-json")]
    [InlineData("""[{"t":1}""", "payload-not-json")]
    [InlineData("""[{"t":1}]]""", "payload-not-json")]
    [InlineData("""{"t":NaN}""", "payload-not-json")]
    [InlineData("""{"t":-Infinity}""", "payload-not-json")]
    [InlineData("""{"t":01}""", "payload-not-json")]
    [InlineData("""{"t":1,}""", "payload-not-json")]
    [InlineData("""{t:1}""", "payload-not-json")]
    [InlineData("""{"t":1} // why""", "payload-not-json")]
    [InlineData("{\"t\":\"a\nb\"}", "payload-not-json")]
    public void What_is_not_json_objects_is_refused(string body, string code) => Assert.Equal(code, Problem(body).Code);

    [Theory]
    [InlineData("20.5", "payload-not-object")]
    [InlineData("", "payload-not-json")]
    public void What_says_that_it_is_json_is_held_to_it(string body, string code) => Assert.Equal(code, Problem(Encoding.UTF8.GetBytes(body), "application/json").Code);

    [Theory]
    [InlineData("""{"t":1,"t":1}""")]
    [InlineData("""{"t":1,"\u0074":1}""")]
    [InlineData("""{"ts":0,"ts":0}""")]
    [InlineData("""{"a":{"b":1},"a.b":2}""")]
    [InlineData("""{"a.b":1,"a":{"b":2}}""")]
    [InlineData("""{"a":{"b":{"c":1,"c":2}}}""")]
    [InlineData("""{"a":{"b":1},"a":{"c":1}}""")]
    [InlineData("""{"":1,"":2}""")]
    [InlineData("""{"a name of more than sixteen bytes":1,"b":2,"a name of more than sixteen bytes":3}""")]
    public void A_name_that_is_there_twice_is_refused(string body) => Assert.Equal("payload-duplicate-name", Problem(body).Code);

    [Fact]
    public void Thousands_of_names_are_told_apart_and_the_last_twin_is_found()
    {
        var names = string.Join(',', Enumerable.Range(0, PayloadLimits.MaxValues - 1).Select(i => $"\"sensor {i}\":1"));

        Read($$"""{{{names}},"z":1}""");

        Assert.Equal("payload-duplicate-name", Problem($$"""{{{names}},"sensor 0":1}""").Code);
        Assert.Equal("payload-too-many-values", Problem($$"""{{{names}},"y":1,"z":1}""").Code);
    }

    [Theory]
    [InlineData("1e308", true)]
    [InlineData("-1.7976931348623157E+308", true)]
    [InlineData("1e-999", true)]
    [InlineData("1e309", false)]
    [InlineData("-1E999", false)]
    public void A_number_must_fit_into_64_bits_of_floating_point(string number, bool taken)
    {
        if (taken) Read($$"""{"t":{{number}}}""");
        else Assert.Equal("payload-bad-number", Problem($$"""{"t":[{{number}}]}""").Code);
    }

    [Fact]
    public void Digits_alone_can_be_too_large_too()
    {
        Read($$"""{"t":1{{new string('0', 308)}}}""");

        Assert.Equal("payload-bad-number", Problem($$"""{"t":1{{new string('0', 309)}}}""").Code);
    }

    [Theory]
    [InlineData("\\uD83D\\uDE00\\\\u0000", true)]
    [InlineData("\\u00e4\\n\\\"", true)]
    [InlineData("\\uD83D", false)]
    [InlineData("\\uD83Dx", false)]
    [InlineData("\\uDE00", false)]
    [InlineData("\\ud83d\\ud83d\\ude00", false)]
    [InlineData("\\u0000", false)]
    public void A_text_is_whole_characters_without_nul(string text, bool taken)
    {
        string[] places = [$$"""{"t":"{{text}}"}""", $$"""{"{{text}}":1}""", $$"""{"a":{"{{text}}":1} }""", $$"""{"a":["{{text}}"]}""", $$"""{"a":[{"{{text}}":1}]}"""];

        if (taken) Assert.All(places, place => Read(place));
        else Assert.All(places, place => Assert.Equal("payload-bad-text", Problem(place).Code));
    }

    [Fact]
    public void Bytes_that_are_not_utf8_are_refused()
    {
        byte[] body = [.. "{\"t\":\""u8, 0xC3, 0x28, .. "\"}"u8];

        Assert.Equal("payload-not-utf8", Problem(body, null).Code);
    }

    [Theory]
    [InlineData(256, true)]
    [InlineData(257, false)]
    public void A_flattened_name_is_limited(int length, bool taken)
    {
        var name = new string('n', length);
        string[] bodies = [$$"""{"{{name}}":1}""", $$"""{"a":{"{{name[2..]}}":1} }""", $$"""{"{{string.Concat(Enumerable.Repeat("\\u006e", length))}}":1}""", $$"""{"{{name[..^2]}}":{"b":1} }"""];

        if (taken) Assert.All(bodies, body => Read(body));
        else Assert.All(bodies, body => Assert.Equal("payload-name-too-long", Problem(body).Code));
    }

    [Theory]
    [InlineData(PayloadLimits.MaxDepth, true)]
    [InlineData(PayloadLimits.MaxDepth + 1, false)]
    [InlineData(200, false)]
    public void Depth_is_limited(int levels, bool taken)
    {
        var objects = string.Concat(Enumerable.Repeat("""{"a":""", levels)) + "1" + new string('}', levels);
        var arrays = """{"a":""" + new string('[', levels - 1) + new string(']', levels - 1) + '}';

        foreach (var body in (string[])[objects, arrays, $"[{objects}]", $"[{arrays}]"])
        {
            if (taken) Read(body);
            else Assert.Equal("payload-too-deep", Problem(body).Code);
        }
    }
}
