using System.Text.Json;
using IoTFleet.Fleet.Twins;

namespace IoTFleet.Fleet.Tests.Twins;

public class MergePatchTests
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
    [InlineData("""{"n":1}""", """{"n":1.50e3,"t":"ä<\u0000"}""", """{"n":1.50e3,"t":"ä<\u0000"}""")]
    public void A_patch_is_applied_as_the_RFC_says(string target, string patch, string result) => Assert.Equal(result, MergePatch.Apply(target, patch));

    [Theory]
    [InlineData("""{}""", """{}""", """{}""")]
    [InlineData("""{"a":1,"b":{"c":2}}""", """{"b":{"c":2.0},"a":1}""", """{}""")]
    [InlineData("""{"a":1,"b":2}""", """{"b":3}""", """{"a":null,"b":3}""")]
    [InlineData("""{"a":{"b":1,"c":2}}""", """{"a":{"c":2,"d":4}}""", """{"a":{"b":null,"d":4}}""")]
    [InlineData("""{"a":5}""", """{"a":{"b":1}}""", """{"a":{"b":1}}""")]
    [InlineData("""{"a":{"b":1}}""", """{"a":[1,null]}""", """{"a":[1,null]}""")]
    [InlineData("""{"a":[1,2]}""", """{"a":[2,1]}""", """{"a":[2,1]}""")]
    public void The_patch_between_two_documents_is_as_small_as_can_be(string from, string to, string patch) => Assert.Equal(patch, MergePatch.Between(from, to));

    [Fact]
    public void The_patch_between_any_two_documents_leads_from_the_one_to_the_other()
    {
        var random = new Random(7396);
        for (var i = 0; i < 2_000; i++)
        {
            var (from, to) = (Documents.Any(random), Documents.Any(random));

            var got = MergePatch.Apply(from, MergePatch.Between(from, to));

            Assert.True(JsonElement.DeepEquals(JsonElement.Parse(to), JsonElement.Parse(got)), $"{from} to {to} got {got}");
        }
    }
}
