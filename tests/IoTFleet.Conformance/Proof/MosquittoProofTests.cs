namespace IoTFleet.Conformance.Proof;

/// <summary>The suite is held to a server that we did not write: what fails there is known, and why.</summary>
public sealed class MosquittoProofTests
{
    [Fact]
    public async Task Mosquitto_differs_where_we_say_and_nowhere_else()
    {
        await using var mosquitto = await Mosquitto.StartAsync();
        var outcomes = await ConformanceSuite.RunAsync([new(Target.Variable, mosquitto.Address)]);

        var run = outcomes.Where(outcome => outcome.Result != "Skip").ToList();
        Assert.InRange(run.Count, 450, int.MaxValue);
        string[] surprises =
        [
            .. run.Where(outcome => outcome.Result != "Pass" && !IsKnown(outcome)).Select(outcome => $"failed: {outcome.Name}: {outcome.Message}"),
            .. run.Where(outcome => outcome.Result == "Pass" && IsKnown(outcome)).Select(outcome => $"passed: {outcome.Name}"),
            .. MosquittoDifference.All.Where(difference => !run.Any(difference.Covers)).Select(difference => $"did not run: {difference.Test}"),
        ];
        Assert.True(surprises.Length == 0, string.Join(Environment.NewLine, surprises));
    }

    private static bool IsKnown(TestOutcome outcome) => MosquittoDifference.All.Any(difference => difference.Covers(outcome));
}
