using IoTFleet.Crash.Mutants;

namespace IoTFleet.Crash.Tests;

/// <summary>Few cycles of what takes longer by hand: <c>dotnet run -c Release --project tests/IoTFleet.Crash -- --cycles 200</c>.</summary>
[Collection(OneAtATime)]
public sealed class CrashRunTests(ITestOutputHelper output)
{
    /// <summary>Each of these takes all the machine has.</summary>
    internal const string OneAtATime = "Runs against real servers, one at a time";

    /// <summary>Each with the kind of death that shows it: before a merge, or in one.</summary>
    public static TheoryData<string> Defects => [.. Mutant.Names];

    /// <summary>20 kills altogether, in parts that a slow machine ends before a test counts as hanging.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Everything_acknowledged_is_stored_once_and_in_order_however_the_server_dies(int seed)
    {
        var (kept, said) = await RunAsync(new CrashSettings(Cycles: 10, Devices: 20, seed, Mutant: null));

        Assert.True(kept, said);
    }

    /// <summary>The same on PostgreSQL, which dies, too: before the server, or with it.</summary>
    [Theory]
    [InlineData(1, 7)]
    [InlineData(2, 7)]
    [InlineData(3, 6)]
    public async Task Everything_acknowledged_is_stored_once_and_in_order_however_server_and_PostgreSQL_die(int seed, int cycles)
    {
        var (kept, said) = await RunAsync(new CrashSettings(cycles, Devices: 20, seed, Mutant: null) { OnPostgreSql = true });

        Assert.True(kept, said);
    }

    [Theory, MemberData(nameof(Defects))]
    public async Task A_store_that_breaks_the_promise_is_found_out(string defect)
    {
        var (kept, said) = await RunAsync(new CrashSettings(Cycles: 6, Devices: 10, Seed: 1, defect)
        {
            Only = defect is "twice" or "forget-early" ? Moment.Merge : Moment.Load,
        });

        Assert.False(kept, said);
        Assert.Contains(defect == "twice" ? "stored more than once" : "acknowledged readings are lost", said, StringComparison.Ordinal); // and not because it never started
    }

    [Fact]
    public async Task A_store_on_PostgreSQL_that_acknowledges_early_is_found_out()
    {
        var (kept, said) = await RunAsync(new CrashSettings(Cycles: 3, Devices: 10, Seed: 1, "ack-early") { Only = Moment.Load, OnPostgreSql = true });

        Assert.False(kept, said);
        Assert.Contains("acknowledged readings are lost", said, StringComparison.Ordinal);
    }

    private async Task<(bool Kept, string Said)> RunAsync(CrashSettings settings)
    {
        using var said = new StringWriter();
        await using var run = new CrashRun(settings, said);
        var kept = await run.RunAsync(TestContext.Current.CancellationToken);
        output.WriteLine(said.ToString());
        return (kept, said.ToString());
    }
}
