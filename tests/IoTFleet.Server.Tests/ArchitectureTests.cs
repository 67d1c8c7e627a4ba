using System.Reflection;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using IoTFleet.Broker;
using IoTFleet.Mqtt;
using IoTFleet.Server.Doors;
using IoTFleet.Server.Est;

namespace IoTFleet.Server.Tests;

/// <summary>
/// Holds the project files to the table of docs/architecture.md and the documents to the tree, so that neither can drift unseen.
/// </summary>
public sealed partial class ArchitectureTests
{
    [Fact]
    public void Project_references_are_those_of_the_table_in_the_architecture_page()
    {
        var drawn = ArchitectureTable();
        var built = Repository.Projects.Where(project => project.IsProduct)
            .ToDictionary(project => project.Folder, project => Line(project.Projects.Select(Short)));

        Assert.Equal(drawn.OrderBy(row => row.Key, StringComparer.Ordinal), built.OrderBy(row => row.Key, StringComparer.Ordinal));
    }

    [Fact]
    public void Every_project_is_in_the_solution()
    {
        var solution = Repository.Read("IoTFleet.sln").Replace('\\', '/');

        Assert.All(Repository.Projects, project => Assert.Contains($"\"{project.Path}\"", solution, StringComparison.Ordinal));
    }

    [Fact]
    public void Products_reference_no_test_project()
    {
        var tests = Repository.Projects.Where(project => !project.IsProduct).Select(project => project.Name).ToHashSet();

        Assert.All(Repository.Projects.Where(project => project.IsProduct), project => Assert.Empty(project.Projects.Intersect(tests)));
    }

    [Theory]
    [InlineData("IoTFleet.Mqtt")]
    [InlineData("IoTFleet.Device")]
    public void What_runs_on_a_device_needs_no_package_and_no_framework(string name)
    {
        var project = Project(name);

        Assert.Empty(project.Packages);
        Assert.Empty(project.Frameworks);
    }

    [Theory]
    [InlineData("IoTFleet.Broker")]
    [InlineData("IoTFleet.Pki")]
    [InlineData("IoTFleet.Api")]
    public void No_database_below_the_fleet(string name) =>
        Assert.DoesNotContain(Project(name).Packages, package => package.Contains("EntityFramework", StringComparison.OrdinalIgnoreCase));

    [Theory]
    [InlineData("IoTFleet.Fleet")]
    [InlineData("IoTFleet.Fleet.Sqlite")]
    [InlineData("IoTFleet.Pki")]
    public void Use_cases_do_not_know_the_web(string name)
    {
        var project = Project(name);

        Assert.Equal("Microsoft.NET.Sdk", project.Sdk);
        Assert.DoesNotContain("Microsoft.AspNetCore.App", project.Frameworks);
        Assert.DoesNotContain(project.Packages, package => package.StartsWith("Microsoft.AspNetCore", StringComparison.Ordinal));
    }

    [Fact]
    public void Every_package_has_a_row_in_the_dependencies_page()
    {
        var page = Repository.Read("docs/dependencies.md");
        var shared = new[] { "Directory.Build.props", "Directory.Build.targets" }
            .SelectMany(file => ProjectFile.Includes(XDocument.Parse(Repository.Read(file)).Root!, "PackageReference"));
        var used = Repository.Projects.SelectMany(project => project.Packages).Concat(shared).Distinct();

        Assert.All(used, package => Assert.Contains($"| {package} |", page, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(typeof(ServerOptions), "IoTFleet:")]
    [InlineData(typeof(DoorOptions), "Doors:")]
    [InlineData(typeof(EnrolmentOptions), "Enrolment:")]
    [InlineData(typeof(BrokerOptions), "Broker:")]
    [InlineData(typeof(PacketLimits), "Broker:PacketLimits:")]
    public void Every_setting_is_in_the_operations_page(Type options, string section)
    {
        var page = Repository.Read("docs/operations.md");
        var settings = options.GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(property => property.CanWrite);

        Assert.All(settings, setting => Assert.Contains($"| `{section}{setting.Name}", page, StringComparison.Ordinal));
    }

    [Fact]
    public void Every_log_event_is_in_the_operations_page()
    {
        var explained = EventId().Matches(Repository.Read("docs/operations.md")).Select(row => row.Value).ToHashSet();

        Assert.All(Repository.Files("src", "*.cs").SelectMany(LogEvents), found => Assert.Contains($"{found.Id}", explained));
    }

    [Fact]
    public void Every_gate_has_a_row_in_the_locks_page()
    {
        var page = Repository.Read("docs/locks.md");
        var gates = Repository.Files("src", "*.cs").Concat(Repository.Files("firmware-sdk", "*.cs"))
            .Where(file => Gate().IsMatch(Repository.Read(file)))
            .Select(file => Path.GetFileNameWithoutExtension(file));

        Assert.All(gates, gate => Assert.Contains($"| `{gate}`", page, StringComparison.Ordinal));
    }

    [Fact]
    public void Log_event_ids_are_given_and_unique()
    {
        var events = Repository.Files("src", "*.cs").SelectMany(LogEvents).ToList();

        Assert.NotEmpty(events);
        Assert.All(events, found => Assert.True(found.Id > 0, $"{found.File}: a [LoggerMessage] without an event id"));
        Assert.All(events.GroupBy(found => found.Id), same =>
            Assert.True(same.Count() == 1, $"event id {same.Key} is given twice: {string.Join(", ", same.Select(found => found.File))}"));
    }

    [Fact]
    public void Links_in_the_documents_lead_somewhere()
    {
        var broken =
            from page in Repository.Files(".", "*.md")
            from Match link in RelativeLink().Matches(WithoutCode(Repository.Read(page)))
            let target = Path.Combine(Path.GetDirectoryName(Repository.PathTo(page))!, link.Groups["path"].Value)
            where !Leads(link.Groups["path"].Value.Length == 0 ? Repository.PathTo(page) : target, link.Groups["anchor"].Value)
            select $"{page}: {link.Value}";

        Assert.Empty(broken);
    }

    private static bool Leads(string target, string anchor) =>
        Path.Exists(target) && (anchor.Length == 0 || !target.EndsWith(".md", StringComparison.Ordinal) || Anchors(target).Contains(anchor));

    /// <summary>The anchors that a code forge gives a page's headings: lower case, punctuation dropped, spaces as hyphens.</summary>
    private static IEnumerable<string> Anchors(string page) =>
        File.ReadLines(page).Where(line => line.StartsWith('#'))
            .Select(line => NotInAnchor().Replace(line.TrimStart('#').Trim().ToLowerInvariant(), "").Replace(' ', '-'));

    private static string WithoutCode(string markdown) => Code().Replace(markdown, "");

    private static IEnumerable<(string File, int Id)> LogEvents(string file) =>
        LoggerMessage().Matches(Repository.Read(file))
            .Select(match => (file, int.TryParse(match.Groups["id"].ValueSpan, out var id) ? id : 0));

    /// <summary>Rows "| `folder` | what it holds | Name, Name |" of the page; "nothing" stands for no reference.</summary>
    private static Dictionary<string, string> ArchitectureTable()
    {
        var rows = TableRow().Matches(Repository.Read("docs/architecture.md"));
        return rows.ToDictionary(row => row.Groups["folder"].Value, row => Line(row.Groups["references"].Value.Split(',', StringSplitOptions.TrimEntries)));
    }

    private static string Line(IEnumerable<string> names) => string.Join(", ", names.Where(name => name != "nothing").Order(StringComparer.Ordinal));

    private static string Short(string project) => project.Replace("IoTFleet.", "", StringComparison.Ordinal);

    private static ProjectFile Project(string name) => Repository.Projects.Single(project => project.Name == name);

    [GeneratedRegex(@"^\| `(?<folder>(?:src|firmware-sdk|device-sim)/[^`]+)` \|[^|\n]*\|(?<references>[^|\n]*)\|\s*$", RegexOptions.Multiline)]
    private static partial Regex TableRow();

    [GeneratedRegex(@"(?<=^\|[ \d,]*)\d{4}", RegexOptions.Multiline)]
    private static partial Regex EventId();

    [GeneratedRegex(@"\bLock _\w+ = new\(\)")]
    private static partial Regex Gate();

    [GeneratedRegex(@"\[LoggerMessage\((?:[^""\]]*?EventId\s*=\s*|\s*)(?<id>\d*)")]
    private static partial Regex LoggerMessage();

    [GeneratedRegex(@"(?:\]\(|src(?:set)?="")(?![a-z]+:)(?<path>[^)""#\s]*)(?:#(?<anchor>[^)""\s]*))?")]
    private static partial Regex RelativeLink();

    [GeneratedRegex(@"```.*?```|`[^`\n]*`", RegexOptions.Singleline)]
    private static partial Regex Code();

    [GeneratedRegex(@"[^\p{L}\p{N} _-]")]
    private static partial Regex NotInAnchor();
}
