using IoTFleet.Fuzz.Der;

namespace IoTFleet.Fuzz.Tests;

/// <summary>Damaged signing requests, EST bodies, certificates, OCSP requests and telemetry; longer runs: <c>dotnet run -c Release --project tests/IoTFleet.Fuzz -- request</c>.</summary>
public sealed class DerFuzzTests
{
    public static TheoryData<string, long> Targets => new()
    {
        { "request", 20_000 },
        { "body", 20_000 },
        { "certificate", 10_000 },
        { "ocsp", 20_000 },
        { "json", 50_000 },
        { "cbor", 50_000 },
        { "sparkplug", 50_000 },
    };

    [Theory, MemberData(nameof(Targets))]
    public void Reader_stands_whatever_it_is_given(string name, long cases)
    {
        Assert.True(DerTarget.TryFind(name, out var target));
        var run = new DerRun(target, seed: 1, from: 0, cases);

        run.Run(Environment.ProcessorCount);

        Assert.Equal(cases, run.Done);
        Assert.InRange(run.Taken, 1, cases - 1);
    }

    [Fact]
    public void Every_reader_is_in_the_test() => Assert.Equal(DerTarget.All.Select(target => target.Name), Targets.Select(row => row.Data.Item1));

    [Fact]
    public void Every_example_is_good_before_it_is_damaged() => Assert.All(DerTarget.All.Where(target => target.Name is "certificate" or "json" or "cbor" or "sparkplug"), target => Assert.All(target.Seeds, seed => Assert.True(target.Read(seed))));
}
