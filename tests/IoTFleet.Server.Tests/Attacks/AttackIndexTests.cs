using System.Globalization;
using System.Reflection;
using System.Text;
using System.Text.RegularExpressions;
using IoTFleet.Fleet.Refusals;

namespace IoTFleet.Server.Tests.Attacks;

/// <summary>That each row of the list has its test, and the page its rows.</summary>
public sealed partial class AttackIndexTests
{
    private const string Page = "docs/attacks.md";

    private static readonly ILookup<int, string> TestsByRow = typeof(AttackIndexTests).Assembly.GetTypes()
        .Where(type => type.Namespace == typeof(AttackIndexTests).Namespace)
        .SelectMany(type => type.GetMethods(BindingFlags.Public | BindingFlags.Instance).Where(IsTest).Select(method => (type, method.Name)))
        .Select(test => (Row: RowName().Match(test.Name), Test: $"{test.type.Name}.{test.Name}"))
        .Where(test => test.Row.Success)
        .ToLookup(test => int.Parse(test.Row.Groups[1].Value, CultureInfo.InvariantCulture), test => test.Test);

    [Fact]
    public void Rows_are_numbered_from_1_to_38() => Assert.Equal(Enumerable.Range(1, 38), AttackRows.All.Select(row => row.Number));

    [Fact]
    public void Every_row_has_a_test() => Assert.Equal([], AttackRows.All.Select(row => row.Number).Where(row => !TestsByRow.Contains(row)));

    [Fact]
    public void Every_test_has_a_row() => Assert.Subset(AttackRows.All.Select(row => row.Number).ToHashSet(), TestsByRow.Select(tests => tests.Key).ToHashSet());

    [Fact]
    public void Every_reason_is_in_the_one_list() => Assert.Equal([], AttackRows.All.SelectMany(row => row.Codes).Where(code => ReasonCodes.Find(code) is null));

    [Fact]
    public void Page_is_made_from_the_list()
    {
        if (Environment.GetEnvironmentVariable("IOTFLEET_UPDATE_BASELINE") == "1") File.WriteAllText(Repository.PathTo(Page), Render());

        Assert.Equal(Render(), Repository.Read(Page));
    }

    private static bool IsTest(MethodInfo method) => method.GetCustomAttributes().Any(attribute => attribute is FactAttribute);

    private static string Render()
    {
        var page = new StringBuilder("""
            # Attacks

            What somebody may try who wants to be a device that he is not, or to have what only a device should have; what comes of it here, and for which [reason](reasons.md).
            Each row has tests by its number in `tests/IoTFleet.Server.Tests/Attacks`. Against a running server they also assert that nobody was let in, no message was read,
            acknowledged or stored, and no session was made. What floods cost is measured by the `hostile` benchmark ([performance.md](performance.md)).

            This page is written by a test from `AttackRows.cs`; `IOTFLEET_UPDATE_BASELINE=1` rewrites it.

            | row | attack | what comes of it | reasons | tests |
            |---|---|---|---|---|

            """);
        foreach (var row in AttackRows.All)
        {
            var (codes, tests) = (string.Join(", ", row.Codes.Select(code => $"`{code}`")), TestsByRow[row.Number].Order(StringComparer.Ordinal).Select(Sentence));
            page.Append(CultureInfo.InvariantCulture, $"| {row.Number} | {row.Attack} | {row.Answer} | {codes} | {string.Join("; ", tests)} |\n");
        }

        return page.ToString();
    }

    private static string Sentence(string test) => test[(test.IndexOf("Row_", StringComparison.Ordinal) + "Row_00_".Length)..].Replace('_', ' ');

    [GeneratedRegex(@"^Row_(\d\d)_")]
    private static partial Regex RowName();
}
