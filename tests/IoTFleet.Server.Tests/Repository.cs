using System.Xml.Linq;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests;

/// <summary>The source tree that the running test was built from.</summary>
internal static class Repository
{
    private static readonly string[] NotSource = ["bin", "obj", "TestResults", "node_modules", ".git", ".artifacts"];

    public static string Root => SourceTree.Root;

    public static string PathTo(string relative) => SourceTree.PathTo(relative);

    public static string Read(string relative) => File.ReadAllText(PathTo(relative));

    /// <summary>Source files below a folder, as paths relative to the root with forward slashes, in a stable order.</summary>
    public static IEnumerable<string> Files(string folder, string pattern) =>
        Directory.EnumerateFiles(PathTo(folder), pattern, SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(Root, path).Replace('\\', '/'))
            .Where(path => !path.Split('/').Intersect(NotSource).Any())
            .Order(StringComparer.Ordinal);

    public static IReadOnlyList<ProjectFile> Projects { get; } = [.. Files(".", "*.csproj").Select(ProjectFile.Load)];
}

internal sealed record ProjectFile(string Path, string Sdk, IReadOnlyList<string> Projects, IReadOnlyList<string> Packages, IReadOnlyList<string> Frameworks)
{
    public string Name => System.IO.Path.GetFileNameWithoutExtension(Path);

    /// <summary>The folder that holds the project, which is how docs/architecture.md names it.</summary>
    public string Folder => Path[..Path.LastIndexOf('/')];

    public bool IsProduct => !Path.StartsWith("tests/", StringComparison.Ordinal);

    public static ProjectFile Load(string path)
    {
        var root = XDocument.Parse(Repository.Read(path)).Root!;
        return new ProjectFile(
            path,
            (string?)root.Attribute("Sdk") ?? "",
            [.. Includes(root, "ProjectReference").Select(include => System.IO.Path.GetFileNameWithoutExtension(include.Replace('\\', '/')))],
            [.. Includes(root, "PackageReference")],
            [.. Includes(root, "FrameworkReference")]);
    }

    public static IEnumerable<string> Includes(XElement root, string item) =>
        root.Descendants(item).Select(element => (string?)element.Attribute("Include")).OfType<string>();
}
