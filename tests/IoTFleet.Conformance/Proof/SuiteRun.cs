using System.Diagnostics;
using System.Xml.Linq;

namespace IoTFleet.Conformance.Proof;

/// <summary>How one row of a test ended.</summary>
/// <param name="Test"><c>Class.Method</c>.</param>
/// <param name="Name">The same with the row's values.</param>
internal sealed record TestOutcome(string Test, string Name, string Result, string Message);

/// <summary>The suite once more, in a process of its own, against another server.</summary>
internal static class SuiteRun
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(170);

    public static async Task<IReadOnlyList<TestOutcome>> AgainstAsync(string address, string resultFile)
    {
        using var deadline = new CancellationTokenSource(Patience);
        using var process = Process.Start(StartOf(address, resultFile))!;
        try
        {
            var output = process.StandardOutput.ReadToEndAsync(deadline.Token);
            await process.WaitForExitAsync(deadline.Token);
            Assert.True(File.Exists(resultFile), $"The suite left no results: {await output}");
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"The suite did not end within {Patience.TotalSeconds:0} s.");
        }

        return [.. XDocument.Load(resultFile).Descendants("test").Select(OutcomeOf)];
    }

    private static ProcessStartInfo StartOf(string address, string resultFile)
    {
        var ours = Path.ChangeExtension(typeof(SuiteRun).Assembly.Location, OperatingSystem.IsWindows() ? ".exe" : null);
        string[] others = ["-namespace-", "IoTFleet.Conformance.Catalogue", "-namespace-", "IoTFleet.Conformance.Proof"];
        var start = new ProcessStartInfo(ours, [.. others, "-parallel", "collections", "-maxThreads", "8", "-noLogo", "-noColor", "-xml", resultFile]) { RedirectStandardOutput = true };
        start.Environment[Target.Variable] = address;
        return start;
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
