using System.Diagnostics;
using IoTFleet.Crash.Soak;

namespace IoTFleet.Crash.Tests;

/// <summary>
/// A little of what takes an hour by hand: <c>dotnet run -c Release --project tests/IoTFleet.Crash -- soak --minutes 60</c>. In a process of its own, because its memory
/// and its open handles are judged.
/// </summary>
[Collection(CrashRunTests.OneAtATime)]
public sealed class SoakTests(ITestOutputHelper output)
{
    private static readonly (SoakMutant Defect, string Verdict)[] Defects =
    [
        (SoakMutant.Deaf, "STUCK: "),
        (SoakMutant.Lose, "acknowledged readings are lost"),
        (SoakMutant.Twice, "readings are stored more than once"),
        (SoakMutant.Leak, "The managed heap has grown"),
    ];

    [Fact]
    public async Task Devices_behind_a_bad_network_and_a_dying_server_come_back_and_lose_nothing_and_do_not_grow()
    {
        var (code, said) = await SoakAsync("--minutes", "1", "--devices", "20", "--settle", "60");

        Assert.True(code == 0, said);
        Assert.Contains("STEADY: 1 min, 20 devices, 0 stuck", said, StringComparison.Ordinal);
    }

    /// <summary>All at once: each waits for its weather most of the time.</summary>
    [Fact]
    public async Task Devices_that_stay_away_or_lose_or_grow_are_found_out()
    {
        var soaks = await Task.WhenAll(Defects.Select(async (one, number) => (one.Verdict, Soak: await SoakAsync("--minutes", "0.3", "--devices", "10", "--settle", "20", "--seed", $"{number + 1}", "--mutant", $"{one.Defect}"))));

        Assert.All(soaks, one => Assert.True(one.Soak.Code == 1, one.Soak.Said));
        Assert.All(soaks, one => Assert.Contains(one.Verdict, one.Soak.Said, StringComparison.Ordinal));
    }

    private async Task<(int Code, string Said)> SoakAsync(params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "IoTFleet.Crash.dll"), "soak", .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true };
        using var soak = Process.Start(start)!;
        try
        {
            var (said, wrong) = (soak.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken), soak.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken));
            await soak.WaitForExitAsync(TestContext.Current.CancellationToken);
            output.WriteLine(await said + await wrong);
            return (soak.ExitCode, await said + await wrong);
        }
        finally
        {
            if (!soak.HasExited) soak.Kill(entireProcessTree: true);
        }
    }
}
