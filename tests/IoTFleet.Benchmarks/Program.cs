using IoTFleet.Benchmarks;

// dotnet run -c Release --project tests/IoTFleet.Benchmarks -- [codec] [routing] [acks]
//
// CPU time, not time on the clock, because the cores may be shared; each case beside its baseline in the same rounds, because the
// machine's speed may change from minute to minute. Compare ratios between runs, absolute figures only within one table.

Dictionary<string, Func<Task<Table>>> benchmarks = new(StringComparer.Ordinal)
{
    ["codec"] = CodecBenchmark.RunAsync,
    ["routing"] = RoutingBenchmark.RunAsync,
    ["acks"] = AckBenchmark.RunAsync,
};

var unknown = args.Except(benchmarks.Keys).ToList();
if (unknown.Count > 0)
{
    Console.Error.WriteLine($"Unknown: {string.Join(", ", unknown)}. There is: {string.Join(", ", benchmarks.Keys)}; without a name all run.");
    return 2;
}

Console.WriteLine(Machine.Describe());
foreach (var name in args.Length == 0 ? benchmarks.Keys.ToArray() : args)
{
    Console.WriteLine();
    Console.WriteLine((await benchmarks[name]()).ToMarkdown());
}

return 0;
