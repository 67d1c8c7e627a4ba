namespace IoTFleet.Testing;

/// <summary>The source tree that the running test was built from.</summary>
public static class SourceTree
{
    public static string Root { get; } = FindRoot();

    public static string PathTo(string relative) => Path.Combine(Root, relative);

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "IoTFleet.sln"))) folder = folder.Parent;
        return folder?.FullName ?? throw new DirectoryNotFoundException($"No IoTFleet.sln above {AppContext.BaseDirectory}.");
    }
}
