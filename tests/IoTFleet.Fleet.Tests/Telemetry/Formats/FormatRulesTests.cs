using IoTFleet.Fleet.Telemetry.Formats;
using static IoTFleet.Fleet.Tests.Telemetry.Formats.Payloads;

namespace IoTFleet.Fleet.Tests.Telemetry.Formats;

public sealed class FormatRulesTests
{
    private static readonly byte[] Json = "{}"u8.ToArray();
    private static readonly byte[] Map = [0xA0];

    [Theory]
    [InlineData("application/json")]
    [InlineData("Application/JSON; charset=utf-8")]
    [InlineData("")]
    [InlineData(null)]
    public void Json_is_told_by_its_content_type_or_its_first_byte(string? contentType) => Assert.Null(Read(Json, contentType).ContentType);

    [Theory]
    [InlineData("application/cbor")]
    [InlineData("APPLICATION/CBOR ; x=y")]
    public void Cbor_is_told_by_its_content_type(string contentType) => Assert.Equal("{}", Text(Read(Map, contentType).Readings[0]));

    [Theory]
    [InlineData("image/png")]
    [InlineData("application/senml+json")]
    public void Any_other_content_is_kept_as_it_is(string contentType)
    {
        var message = Read([1, 2, 3], contentType);

        Assert.Equal((contentType, Noon, false), (message.ContentType, message.Readings[0].Time, message.Readings[0].HasOwnTime));
        Assert.Equal([1, 2, 3], message.Readings[0].Body.ToArray());
    }

    [Theory]
    [InlineData("image")]
    [InlineData("/png")]
    [InlineData("image/pñg")]
    public void What_is_no_content_type_is_refused(string contentType) => Assert.Equal("payload-bad-content-type", Problem(Json, contentType).Code);

    [Fact]
    public void What_is_kept_as_it_is_is_limited()
    {
        Read(new byte[65_536], "a/b");

        Assert.Equal("payload-too-large", Problem(new byte[65_537], "a/b").Code);
        Assert.Equal("payload-bad-content-type", Problem(Json, "a/" + new string('b', PayloadLimits.MaxContentType)).Code);
    }

    [Theory]
    [InlineData("plc/1", "cbor")]
    [InlineData("plc", "raw")]
    [InlineData("plc/raw", "cbor")]
    [InlineData("", "json")]
    [InlineData("other", "json")]
    public void The_first_rule_whose_topic_matches_goes_before_the_content_type(string stream, string format)
    {
        var reader = new PayloadReader(new FormatOptions { Formats = [new("telemetry/plc/+", "cbor"), new("telemetry/plc/#", "raw"), new("telemetry", "json")] });
        var body = format == "cbor" ? Map : Json;

        for (var time = 0; time < 2; time++)
        {
            Assert.True(reader.TryRead(new Arrival("pump-1", stream, body, "application/json", Noon), out var message, out var problem), problem?.Detail);
            Assert.Equal(format == "raw" ? "application/json" : null, message.ContentType);
        }
    }

    [Fact]
    public void What_is_raw_by_rule_and_says_nothing_of_itself_is_bytes()
    {
        var reader = new PayloadReader(new FormatOptions { Formats = [new("telemetry/#", "raw")] });

        Assert.True(reader.TryRead(new Arrival("pump-1", "", Json, null, Noon), out var message, out _));

        Assert.Equal("application/octet-stream", message.ContentType);
    }

    [Theory]
    [InlineData("telemetry/plc", "xml", "Telemetry:Formats:0:Format")]
    [InlineData("telemetry/#/x", "json", "Telemetry:Formats:0:Topic")]
    [InlineData("events/#", "json", "Telemetry:Formats:0:Topic")]
    [InlineData("", "json", "Telemetry:Formats:0:Topic")]
    public void A_rule_that_cannot_be_is_named(string topic, string format, string setting)
    {
        var options = new FormatOptions { Formats = [new(topic, format)] };

        Assert.StartsWith(setting, Assert.Throws<ArgumentException>(options.Validate).Message);
    }
}
