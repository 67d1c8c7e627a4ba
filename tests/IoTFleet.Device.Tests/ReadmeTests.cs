namespace IoTFleet.Device.Tests;

public sealed class ReadmeTests
{
    [Fact]
    public void Code_in_the_readme_is_the_samples()
    {
        var sdk = Path.Combine(Root(), "firmware-sdk");
        var snippet = File.ReadAllText(Path.Combine(sdk, "README.md")).Split("```csharp\n")[1].Split("```")[0];

        Assert.Contains(snippet, File.ReadAllText(Path.Combine(sdk, "samples", "Thermostat", "Program.cs")));
    }

    private static string Root()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "IoTFleet.sln")))
            folder = folder.Parent ?? throw new InvalidOperationException("IoTFleet.sln is in no folder above the tests.");
        return folder.FullName;
    }
}
