using System.Text.Json;
using static IoTFleet.Fleet.Twins.TwinPatch;

namespace IoTFleet.Fleet.Twins;

/// <summary>What a twin's JSON must be beside JSON, looked for in one walk over its bytes.</summary>
internal static class TwinSyntax
{
    public static TwinProblem? FindProblem(ReadOnlySpan<byte> json, bool mayTellVersion)
    {
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 64 });
        try
        {
            return FindProblem(ref reader, mayTellVersion);
        }
        catch (JsonException broken)
        {
            return new("twin-not-json", $"It is not JSON: {broken.Message}");
        }
        catch (InvalidOperationException)      // GetString, of half a surrogate pair
        {
            return new("twin-not-json", "A text in it has half of a surrogate pair.");
        }
    }

    private static TwinProblem? FindProblem(ref Utf8JsonReader reader, bool mayTellVersion)
    {
        var names = new Stack<HashSet<string>>();
        var count = 0;
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject) return new("twin-not-json", "It is not a JSON object.");
        do
        {
            switch (reader.TokenType)
            {
                case JsonTokenType.StartObject or JsonTokenType.StartArray when reader.CurrentDepth >= MaxDepth:
                    return new("twin-too-deep", $"Objects and arrays lie more than {MaxDepth} deep within each other.");
                case JsonTokenType.StartObject:
                    names.Push([]);
                    break;
                case JsonTokenType.EndObject:
                    names.Pop();
                    break;
                case JsonTokenType.PropertyName:
                    var name = reader.GetString()!;
                    if (++count > MaxNames) return new("twin-too-large", $"It has more than {MaxNames:N0} names.");
                    if (FindProblem(name, mayTellVersion && reader.CurrentDepth == 1) is { } problem) return problem;
                    if (!names.Peek().Add(name)) return new("twin-bad-name", $"The name '{name}' is there twice in one object.");
                    break;
                case JsonTokenType.String when reader.ValueIsEscaped:
                    _ = reader.GetString();
                    break;
            }
        }
        while (reader.Read());
        return null;
    }

    private static TwinProblem? FindProblem(string name, bool mayTellVersion)
    {
        if (mayTellVersion && name == VersionName) return null;
        if (name.Length == 0 || System.Text.Encoding.UTF8.GetByteCount(name) > MaxNameBytes) return new("twin-bad-name", $"A name has 1 to {MaxNameBytes} bytes of UTF-8.");
        if (name[0] == '$') return new("twin-bad-name", $"The name '{name}' begins with $, which is the server's.");
        return name.Any(char.IsControl) ? new("twin-bad-name", "A name has a control character.") : null;
    }
}
