using System.Text;
using IoTFleet.Fleet.Telemetry.Formats;

namespace IoTFleet.Fleet.Tests.Telemetry.Formats;

public sealed class ValueReaderTests
{
    private static readonly string Long = new('n', ValueReader.MaxNameBytes);

    [Theory]
    [InlineData("{}", "")]
    [InlineData("""{"t":20.5,"on":true,"off":false,"state":"idle"}""", "t=20.5 on=1 off=0 state='idle'")]
    [InlineData("""{"ts":1,"seq":2,"a":{"ts":3,"seq":4}}""", "a.ts=3 a.seq=4")]
    [InlineData("""{"\u0074s":1,"\u0073eq":2}""", "")]
    [InlineData("""{"a":{"b":{"c":1},"d":2},"e":3}""", "a.b.c=1 a.d=2 e=3")]
    [InlineData("""{"a":{},"b":[],"c":null,"d":[1,{"x":1}],"e":{"f":null,"g":[{"h":1}]},"i":1}""", "i=1")]
    [InlineData("""{"\u00e4":"\u00f6\n","b":{"\u0063":{"d\"":1}}}""", "ä='ö\n' b.c.d\"=1")]
    [InlineData("""{"":1,"a":{"":2}}""", "=1 a.=2")]
    [InlineData("""{"n":-1e-3,"big":9007199254740993}""", "n=-0.001 big=9007199254740992")]
    public void Values_come_flattened_and_in_order(string json, string expected) => Assert.Equal(expected, Flat(json));

    [Fact]
    public void A_name_that_is_too_long_is_left_out_with_all_below_it()
    {
        Assert.Equal($"{Long}=1", Flat($$"""{"{{Long}}":1}"""));
        Assert.Equal("x=1", Flat($$"""{"{{Long}}n":1,"{{Long}}":{"":2,"a":{"b":3} },"x":1}"""));
        Assert.Equal("x=1", Flat($$"""{"a":{"{{Long}}":1},"x":1}"""));
    }

    [Fact]
    public void A_name_is_measured_without_its_escapes()
    {
        var escaped = string.Concat(Enumerable.Repeat("\\u006e", ValueReader.MaxNameBytes));

        Assert.Equal($"{Long}=1 x=1", Flat($$"""{"{{escaped}}":1,"{{escaped}}n":2,"x":1}"""));
        Assert.Equal("x=1", Flat($$"""{"a":{"{{escaped}}":1},"x":1}"""));
    }

    private static string Flat(string json)
    {
        var values = new List<string>();
        var reader = new ValueReader(Encoding.UTF8.GetBytes(json));
        while (reader.Read())
        {
            var value = reader.Kind == MetricKind.Text ? $"'{reader.Text()}'" : FormattableString.Invariant($"{reader.Number}");
            values.Add($"{Encoding.UTF8.GetString(reader.Name)}={value}");
        }

        return string.Join(' ', values);
    }
}
