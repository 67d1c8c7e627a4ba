using System.Text;
using System.Text.Json;

namespace IoTFleet.Device.Twins;

/// <summary>What the server takes as a report (docs/wire.md), looked at before it is merged with others: one that is refused would take them with it.</summary>
internal static class PatchSyntax
{
    public const int MaxBytes = 32 * 1024;
    public const string VersionName = "$version";

    private const int MaxDepth = 10;
    private const int MaxNames = 1_000;
    private const int MaxNameBytes = 128;

    /// <summary>Null when it is a report; otherwise what is wrong.</summary>
    public static string? FindProblem(ReadOnlySpan<byte> json)
    {
        if (json.Length > MaxBytes)
            return $"has {json.Length} bytes; {MaxBytes} is the most";
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 64 });
        try
        {
            return FindProblem(ref reader);
        }
        catch (JsonException broken)
        {
            return $"is not JSON: {broken.Message}";
        }
        catch (InvalidOperationException)                      // GetString, of what is no UTF-8 or half of a surrogate pair
        {
            return "has a text that is not Unicode";
        }
    }

    private static string? FindProblem(ref Utf8JsonReader reader)
    {
        var names = new Stack<HashSet<string>>();
        var count = 0;
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            return "is not a JSON object";
        do
        {
            switch (reader.TokenType)
            {
                case JsonTokenType.StartObject or JsonTokenType.StartArray when reader.CurrentDepth >= MaxDepth:
                    return $"has objects and arrays more than {MaxDepth} deep within each other";
                case JsonTokenType.StartObject:
                    names.Push([]);
                    break;
                case JsonTokenType.EndObject:
                    names.Pop();
                    break;
                case JsonTokenType.PropertyName when ++count > MaxNames:
                    return $"has more than {MaxNames} names";
                case JsonTokenType.PropertyName:
                    var name = reader.GetString()!;
                    if (!IsName(name) && !(name == VersionName && reader.CurrentDepth == 1))
                        return $"has a name that is not 1 to {MaxNameBytes} bytes, without control characters and without $ at its beginning";
                    if (!names.Peek().Add(name))
                        return $"has the name '{name}' twice in one object";
                    break;
                case JsonTokenType.String:
                    _ = reader.GetString();
                    break;
            }
        }
        while (reader.Read());
        return null;
    }

    private static bool IsName(string name) =>
        name.Length > 0 && name[0] != '$' && Encoding.UTF8.GetByteCount(name) <= MaxNameBytes && !name.Any(char.IsControl);
}
