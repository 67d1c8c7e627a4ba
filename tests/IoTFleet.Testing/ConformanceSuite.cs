using System.Diagnostics;
using System.Xml.Linq;
using Xunit;

namespace IoTFleet.Testing;

/// <summary>How one row of a test ended.</summary>
/// <param name="Test"><c>Class.Method</c>.</param>
/// <param name="Name">The same with the row's values.</param>
/// <param name="Result"><c>Pass</c>, <c>Fail</c> or <c>Skip</c>.</param>
public sealed record TestOutcome(string Test, string Name, string Result, string Message);

/// <summary>The tests of IoTFleet.Conformance against a server at an address, in a process of their own.</summary>
public static class ConformanceSuite
{
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(170);

    /// <param name="target">Variables that tell the suite whom to ask: <c>IOTFLEET_CONFORMANCE_*</c>.</param>
    public static async Task<IReadOnlyList<TestOutcome>> RunAsync(IEnumerable<KeyValuePair<string, string>> target)
    {
        using var folder = new TemporaryFolder();
        using var deadline = new CancellationTokenSource(Longest);
        using var process = Process.Start(StartOf(target, folder.File("results.xml")))!;
        try
        {
            var output = process.StandardOutput.ReadToEndAsync(deadline.Token);
            await process.WaitForExitAsync(deadline.Token);
            Assert.True(File.Exists(folder.File("results.xml")), $"The suite left no results: {await output}");
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"The suite did not end within {Longest.TotalSeconds:0} s.");
        }

        return [.. XDocument.Load(folder.File("results.xml")).Descendants("test").Select(OutcomeOf)];
    }

    private static ProcessStartInfo StartOf(IEnumerable<KeyValuePair<string, string>> target, string resultFile)
    {
        string[] others = ["-namespace-", "IoTFleet.Conformance.Catalogue", "-namespace-", "IoTFleet.Conformance.Proof"];
        var start = new ProcessStartInfo(Executable(), [.. others, "-parallel", "collections", "-maxThreads", "8", "-noLogo", "-noColor", "-xml", resultFile]) { RedirectStandardOutput = true };
        foreach (var (name, value) in target) start.Environment[name] = value;
        return start;
    }

    /// <summary>Built beside whichever test project runs: tests/{project}/bin/{configuration}/{framework}.</summary>
    private static string Executable()
    {
        var built = new DirectoryInfo(AppContext.BaseDirectory);
        var name = OperatingSystem.IsWindows() ? "IoTFleet.Conformance.exe" : "IoTFleet.Conformance";
        return SourceTree.PathTo(Path.Combine("tests", "IoTFleet.Conformance", "bin", built.Parent!.Name, built.Name, name));
    }

    private static TestOutcome OutcomeOf(XElement test)
    {
        var type = (string)test.Attribute("type")!;
        return new TestOutcome(
            $"{type[(type.LastIndexOf('.') + 1)..]}.{(string)test.Attribute("method")!}",
            ((string)test.Attribute("name")!).Replace("\\\"", "\"", StringComparison.Ordinal),     // the writer escapes what XML need not
            (string)test.Attribute("result")!,
            test.Descendants("message").FirstOrDefault()?.Value.Trim() ?? "");
    }
}
