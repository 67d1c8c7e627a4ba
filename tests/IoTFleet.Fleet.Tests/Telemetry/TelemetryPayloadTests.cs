using System.Text;
using IoTFleet.Fleet.Telemetry;

namespace IoTFleet.Fleet.Tests.Telemetry;

public sealed class TelemetryPayloadTests
{
    private static readonly DateTimeOffset Arrival = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData("""{}""")]
    [InlineData(""" { "t" : 20.5, "nested": {"ts": "not ours"}, "list": [1, {"ts": true}] } """)]
    [InlineData("""{"t":1,"t":2}""")]
    public void An_object_without_ts_has_the_time_of_arrival(string body)
    {
        Assert.True(TryRead(body, out var point, out _));

        Assert.Equal((Arrival, Arrival), (point!.Time, point.ReceivedAt));
        Assert.Equal(body, Encoding.UTF8.GetString(point.Body.Span));
    }

    [Theory]
    [InlineData("""{"ts":1769860800000}""", "2026-01-31T12:00:00.000Z")]
    [InlineData("""{"ts":0}""", "1970-01-01T00:00:00Z")]
    [InlineData("""{"ts":253402300799999}""", "9999-12-31T23:59:59.999Z")]
    [InlineData("""{"ts":"2026-01-31T12:00:00Z"}""", "2026-01-31T12:00:00Z")]
    [InlineData("""{"ts":"2026-01-31T13:00:00.123456+01:00"}""", "2026-01-31T12:00:00.123456Z")]
    [InlineData("""{"\u0074s":0}""", "1970-01-01T00:00:00Z")]
    [InlineData("""{"ts":1,"ts":0}""", "1970-01-01T00:00:00Z")]
    public void A_ts_is_the_time_of_the_message(string body, string expected)
    {
        Assert.True(TryRead(body, out var point, out var problem), problem);

        Assert.Equal(DateTimeOffset.Parse(expected), point!.Time);
    }

    [Theory]
    [InlineData("""{"ts":-1}""")]
    [InlineData("""{"ts":253402300800000}""")]
    [InlineData("""{"ts":1.5}""")]
    [InlineData("""{"ts":1e300}""")]
    [InlineData("""{"ts":null}""")]
    [InlineData("""{"ts":{"ts":0}}""")]
    [InlineData("""{"ts":"now"}""")]
    [InlineData("""{"ts":"2026-01-31"}""")]
    [InlineData("""{"ts":"2026-01-31T12:00:00"}""")]
    [InlineData("""{"ts":"2026-02-30T12:00:00Z"}""")]
    public void A_ts_that_is_no_time_is_refused(string body)
    {
        Assert.False(TryRead(body, out _, out var problem));

        Assert.Contains("RFC 3339", problem);
    }

    [Theory]
    [InlineData("")]
    [InlineData("20.5")]
    [InlineData("\"text\"")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("""[{"t":1}]""")]
    [InlineData("""{"t":1""")]
    [InlineData("""{"t":1}{"t":2}""")]
    [InlineData("""{"t":1},""")]
    [InlineData("""{"t":NaN}""")]
    [InlineData("""{"t":1,}""")]
    [InlineData("""{t:1}""")]
    [InlineData("""{"t":1} // why""")]
    [InlineData("\uFEFF{}")]
    public void What_is_not_one_json_object_is_refused(string body)
    {
        Assert.False(TryRead(body, out _, out var problem));

        Assert.Contains("JSON", problem);
    }

    [Fact]
    public void Bytes_that_are_not_utf8_are_refused()
    {
        byte[] body = [.. "{\"t\":\""u8, 0xC3, 0x28, .. "\"}"u8];

        Assert.False(TelemetryPayload.TryRead("pump-1", "", body, Arrival, null, out _, out var problem));

        Assert.Contains("UTF-8", problem);
    }

    [Theory]
    [InlineData(TelemetryPayload.MaxDepth, true)]
    [InlineData(TelemetryPayload.MaxDepth + 1, false)]
    public void Depth_is_limited(int levels, bool taken)
    {
        var body = string.Concat(Enumerable.Repeat("""{"a":""", levels)) + "1" + new string('}', levels);

        Assert.Equal(taken, TryRead(body, out _, out _));
    }

    private static bool TryRead(string body, out TelemetryPoint? point, out string? problem) =>
        TelemetryPayload.TryRead("pump-1", "", Encoding.UTF8.GetBytes(body), Arrival, null, out point, out problem);
}
