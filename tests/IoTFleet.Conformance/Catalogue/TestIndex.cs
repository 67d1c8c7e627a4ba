using System.Reflection;
using System.Text.RegularExpressions;

namespace IoTFleet.Conformance.Catalogue;

/// <summary>Which tests there are: those of this suite with the versions they run as, those of other projects by their sources.</summary>
internal static partial class TestIndex
{
    /// <summary><c>Class.Method</c> and the versions it runs as.</summary>
    public static IReadOnlyDictionary<string, IReadOnlyList<ProtocolVersion>> OfThisSuite { get; } = typeof(TestIndex).Assembly.GetTypes()
        .Where(type => type.IsSubclassOf(typeof(ConformanceTest)))
        .SelectMany(type => type.GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly))
        .Where(method => method.GetCustomAttribute<FactAttribute>() is not null)
        .ToDictionary(
            method => $"{method.DeclaringType!.Name}.{method.Name}",
            method => (IReadOnlyList<ProtocolVersion>)[.. method.GetCustomAttributes<VersionedDataAttribute>().SelectMany(rows => rows.Versions).Distinct()]);

    /// <param name="name"><c>Project/Class.Method</c>.</param>
    public static bool ExistsElsewhere(string name) => name.Split('/') is [var project, var test] && test.Split('.') is [var type, var method]
        && SourcesOf(project).Any(source => source.Contains($"class {type}", StringComparison.Ordinal) && TestMethod(method).IsMatch(source));

    private static IEnumerable<string> SourcesOf(string project) =>
        Directory.EnumerateFiles(SourceTree.PathTo($"tests/{project}"), "*.cs", SearchOption.AllDirectories)
            .Where(path => !path.Contains("/obj/", StringComparison.Ordinal))
            .Select(File.ReadAllText);

    private static Regex TestMethod(string name) => new($@"\[(Fact|Theory)[^;{{}}]*?\b{Regex.Escape(name)}\(", RegexOptions.Singleline);
}
