using System.Text.Json;
using IoTFleet.Device.Twins;

namespace IoTFleet.Device.Tests.Twins;

public sealed class MergePatchTests
{
    [Theory]
    [InlineData("""{"a":"b"}""", """{"a":"c"}""", """{"a":"c"}""")]     // RFC 7396 appendix A, in its order
    [InlineData("""{"a":"b"}""", """{"b":"c"}""", """{"a":"b","b":"c"}""")]
    [InlineData("""{"a":"b"}""", """{"a":null}""", """{}""")]
    [InlineData("""{"a":"b","b":"c"}""", """{"a":null}""", """{"b":"c"}""")]
    [InlineData("""{"a":["b"]}""", """{"a":"c"}""", """{"a":"c"}""")]
    [InlineData("""{"a":"c"}""", """{"a":["b"]}""", """{"a":["b"]}""")]
    [InlineData("""{"a":{"b":"c"}}""", """{"a":{"b":"d","c":null}}""", """{"a":{"b":"d"}}""")]
    [InlineData("""{"a":[{"b":"c"}]}""", """{"a":[1]}""", """{"a":[1]}""")]
    [InlineData("""["a","b"]""", """["c","d"]""", """["c","d"]""")]
    [InlineData("""{"a":"b"}""", """["c"]""", """["c"]""")]
    [InlineData("""{"a":"foo"}""", "null", "null")]
    [InlineData("""{"a":"foo"}""", "\"bar\"", "\"bar\"")]
    [InlineData("""{"e":null}""", """{"a":1}""", """{"e":null,"a":1}""")]
    [InlineData("""[1,2]""", """{"a":"b","c":null}""", """{"a":"b"}""")]
    [InlineData("""{}""", """{"a":{"bb":{"ccc":null}}}""", """{"a":{"bb":{}}}""")]
    public void A_patch_is_applied_as_the_RFC_says(string target, string patch, string result) =>
        Assert.Equal(result, MergePatch.Apply(target, MergePatch.Parse(patch)));

    [Theory]
    [InlineData("""{"a":1}""", """{"b":2}""", """{"a":1,"b":2}""")]
    [InlineData("""{"a":1}""", """{"a":null}""", """{"a":null}""")]
    [InlineData("""{"a":{"x":1,"y":null}}""", """{"a":{"y":2,"z":null}}""", """{"a":{"x":1,"y":2,"z":null}}""")]
    [InlineData("""{"a":null}""", """{"a":{"b":1}}""", null)]
    [InlineData("""{"a":5}""", """{"a":{"b":1}}""", null)]
    [InlineData("""{"a":{"b":1}}""", """{"a":{"b":{"c":1}}}""", null)]
    public void Two_patches_become_one_where_one_can_say_it(string first, string second, string? both)
    {
        Assert.Equal(both is not null, MergePatch.TryCombine(first, second, out var combined));
        Assert.Equal(both, combined);
    }

    [Fact]
    public void Whatever_documents_there_are_patches_between_them_and_patches_combined_lead_to_the_same()
    {
        var random = new Random(7396);
        for (var i = 0; i < 2_000; i++)
        {
            var (start, first, second) = (Any(random, nulls: false), Any(random, nulls: true), Any(random, nulls: true));
            var end = Applied(Applied(start, first), second);

            AssertSame(end, Applied(start, MergePatch.Between(start, end)));
            if (MergePatch.TryCombine(first, second, out var both))
                AssertSame(end, Applied(start, both));
        }
    }

    private static string Applied(string target, string patch) => MergePatch.Apply(target, MergePatch.Parse(patch));

    private static void AssertSame(string expected, string actual) =>
        Assert.True(JsonElement.DeepEquals(MergePatch.Parse(expected), MergePatch.Parse(actual)), $"{actual} is not {expected}");

    private static string Any(Random random, bool nulls, int depth = 0)
    {
        var members = Enumerable.Range(0, 4).Where(_ => random.Next(2) == 0).Select(name => $"\"{(char)('a' + name)}\":{Value(random, nulls, depth)}");
        return $"{{{string.Join(',', members)}}}";
    }

    private static string Value(Random random, bool nulls, int depth) => random.Next(depth < 3 ? 5 : 3) switch
    {
        0 => "1",
        1 => nulls ? "null" : "2",
        2 => "[1,null]",
        _ => Any(random, nulls, depth + 1),
    };
}
