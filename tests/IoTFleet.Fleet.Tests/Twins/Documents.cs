using System.Globalization;

namespace IoTFleet.Fleet.Tests.Twins;

internal static class Documents
{
    /// <summary>A small object with few names, so that any two have much in common.</summary>
    internal static string Any(Random random, int depth = 0)
    {
        var members = Enumerable.Range(0, 4).Where(_ => random.Next(2) == 0).Select(name => $"\"{(char)('a' + name)}\":{Value(random, depth)}");
        return $"{{{string.Join(',', members)}}}";
    }

    private static string Value(Random random, int depth) => random.Next(depth < 3 ? 5 : 3) switch
    {
        0 => random.Next(3).ToString(CultureInfo.InvariantCulture),
        1 => "\"x\"",
        2 => "[1,null]",
        _ => Any(random, depth + 1),
    };
}
