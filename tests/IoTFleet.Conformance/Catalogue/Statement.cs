using System.Text.Json;

namespace IoTFleet.Conformance.Catalogue;

/// <summary>A normative statement of a specification and our verdict on it.</summary>
/// <param name="Id"><c>MQTT-3.1.0-1</c>.</param>
/// <param name="Says">What it demands, in our own words.</param>
/// <param name="Client">It is the client's duty, and what becomes of that here.</param>
/// <param name="NotApplicable">Why it does not concern this server.</param>
/// <param name="Tests"><c>ConnectTests.Second_CONNECT_ends_the_connection</c>; of another project, <c>IoTFleet.Device.Tests/Class.Method</c>.</param>
internal sealed record Statement(string Id, string Says, string? Client, string? NotApplicable, IReadOnlyList<string>? Tests)
{
    private const string Folder = "tests/IoTFleet.Conformance/Catalogue";
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    public IReadOnlyList<string> ShownBy => Tests ?? [];

    /// <summary>Chapter and section: 3.1 of MQTT-3.1.2-4.</summary>
    public string Section => string.Join('.', Id["MQTT-".Length..].Split('.', '-').Take(2));

    public bool HasVerdict => (Client, NotApplicable, ShownBy) switch
    {
        (not null, not null, _) => false,
        (null, null, []) => false,
        _ => true,
    };

    public static IReadOnlyList<Statement> Of(ProtocolVersion version) => Read<Statement>($"{Folder}/statements-{(version == V5 ? "5.0" : "3.1.1")}.json");

    public static IReadOnlyList<T> Read<T>(string file)
    {
        using var stream = File.OpenRead(SourceTree.PathTo(file));
        return JsonSerializer.Deserialize<List<T>>(stream, Json)!;
    }
}
