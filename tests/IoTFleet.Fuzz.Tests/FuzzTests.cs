namespace IoTFleet.Fuzz.Tests;

/// <summary>A million cases, always the same ones; another seed is for longer runs: <c>dotnet run -c Release --project tests/IoTFleet.Fuzz</c>.</summary>
public sealed class FuzzTests
{
    private const int Parts = 10;
    private const long Cases = 1_000_000;

    public static TheoryData<int> Tenths => [.. Enumerable.Range(0, Parts)];

    [Theory, MemberData(nameof(Tenths))]
    public async Task Broker_stands_whatever_a_client_sends(int tenth)
    {
        var run = new FuzzRun(seed: 1, tenth * Cases / Parts, Cases / Parts);

        await run.RunAsync(Environment.ProcessorCount);

        Assert.Equal(Cases / Parts, run.Done);
    }

    [Fact]
    public void A_number_always_makes_the_same_case()
    {
        for (var number = 0; number < 1_000; number++) Assert.Equal(CaseMaker.Make(7, number).ToString(), CaseMaker.Make(7, number).ToString());
        Assert.NotEqual(CaseMaker.Make(7, 1).ToString(), CaseMaker.Make(8, 1).ToString());
    }
}
