namespace IoTFleet.Device.Tests;

public sealed class ReadmeTests
{
    [Fact]
    public void Code_in_the_readme_is_the_samples()
    {
        var sdk = Path.Combine(Root(), "firmware-sdk");
        var samples = Directory.GetDirectories(Path.Combine(sdk, "samples")).Select(folder => Path.Combine(folder, "Program.cs")).Where(File.Exists).Select(File.ReadAllText).ToList();
        var snippets = File.ReadAllText(Path.Combine(sdk, "README.md")).Split("```csharp\n").Skip(1).Select(rest => rest.Split("```")[0]).ToList();

        Assert.NotEmpty(snippets);
        Assert.DoesNotContain("", snippets);
        Assert.All(snippets, snippet => Assert.Contains(samples, sample => sample.Contains(snippet, StringComparison.Ordinal)));
    }

    [Fact]
    public void Thermostat_is_as_short_as_promised() =>
        Assert.True(File.ReadLines(Path.Combine(Root(), "firmware-sdk", "samples", "Thermostat", "Program.cs")).Count() < 40);

    private static string Root()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "IoTFleet.sln")))
            folder = folder.Parent ?? throw new InvalidOperationException("IoTFleet.sln is in no folder above the tests.");
        return folder.FullName;
    }
}
