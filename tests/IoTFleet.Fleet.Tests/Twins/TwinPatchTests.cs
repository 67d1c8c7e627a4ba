using System.Text;
using IoTFleet.Fleet.Refusals;
using IoTFleet.Fleet.Twins;

namespace IoTFleet.Fleet.Tests.Twins;

public class TwinPatchTests
{
    private static readonly string Deep = string.Concat(Enumerable.Repeat("""{"a":""", TwinPatch.MaxDepth)) + "1" + new string('}', TwinPatch.MaxDepth);

    public static readonly TheoryData<string, string> Refused = new()
    {
        { "", "twin-not-json" },
        { "[]", "twin-not-json" },
        { "null", "twin-not-json" },
        { "{\"a\":1", "twin-not-json" },
        { "{} {}", "twin-not-json" },
        { "{\"a\":\"\\ud800\"}", "twin-not-json" },
        { "{\"a\":NaN}", "twin-not-json" },
        { $"{{\"a\":{Deep}}}", "twin-too-deep" },
        { "{\"a\":[[[[[[[[[[1]]]]]]]]]]}", "twin-too-deep" },
        { "{\"\":1}", "twin-bad-name" },
        { "{\"$a\":1}", "twin-bad-name" },
        { "{\"a\":{\"$version\":1}}", "twin-bad-name" },
        { "{\"a\":1,\"\\u0061\":2}", "twin-bad-name" },
        { "{\"a\\n\":1}", "twin-bad-name" },
        { $"{{\"{new string('ä', 65)}\":1}}", "twin-bad-name" },
        { $"{{\"a\":\"{new string('x', TwinPatch.MaxBytes)}\"}}", "twin-too-large" },
        { $"{{{string.Join(',', Enumerable.Range(0, TwinPatch.MaxNames + 1).Select(i => $"\"{i}\":1"))}}}", "twin-too-large" },
        { "{\"$version\":-1}", "twin-bad-version" },
        { "{\"$version\":1.5}", "twin-bad-version" },
        { "{\"$version\":null}", "twin-bad-version" },
        { "{\"$version\":9007199254740993}", "twin-bad-version" },
    };

    [Theory]
    [MemberData(nameof(Refused), DisableDiscoveryEnumeration = true)]
    public void What_is_no_patch_is_refused_with_a_reason_of_the_list(string json, string code)
    {
        Assert.False(TwinPatch.TryReadReport(Encoding.UTF8.GetBytes(json), out _, out var problem));

        Assert.Equal(code, problem.Code);
        Assert.NotNull(ReasonCodes.Find(code));
    }

    [Fact]
    public void Bytes_that_are_no_UTF8_are_refused() => Assert.False(TwinPatch.TryRead("{\"a\":\"\xff\"}"u8.ToArray().Select(b => b == 0xC3 ? (byte)0xFF : b).ToArray(), out _, out _));

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"ä":{"b.c":[1,null,{"x":null}],"d e":"\u0000"}}""")]
    public void What_is_within_the_limits_is_taken(string json) => Assert.True(TwinPatch.TryRead(Encoding.UTF8.GetBytes(json), out _, out var problem), problem?.Detail);

    [Fact]
    public void The_deepest_document_is_taken() => Assert.True(TwinPatch.TryRead(Encoding.UTF8.GetBytes(Deep), out _, out var problem), problem?.Detail);

    [Fact]
    public void Only_a_report_may_name_the_version_it_applied()
    {
        var json = """{"$version":7,"a":1}"""u8.ToArray();

        Assert.False(TwinPatch.TryRead(json, out _, out var problem));
        Assert.Equal("twin-bad-name", problem.Code);
        Assert.True(TwinPatch.TryReadReport(json, out var report, out _));
        Assert.Equal((7, """{"a":1}"""), (report.Applied, report.Changes.GetRawText()));
    }
}
