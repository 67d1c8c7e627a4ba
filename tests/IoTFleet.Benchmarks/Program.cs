using System.Globalization;
using IoTFleet.Benchmarks;
using IoTFleet.Benchmarks.Brokers;
using IoTFleet.Benchmarks.Hostile;
using IoTFleet.Benchmarks.Load;
using IoTFleet.Benchmarks.Revocations;

// dotnet run -c Release --project tests/IoTFleet.Benchmarks -- [codec] [routing] [acks] [sessions] [revokedset] [crl] [ocsp]
// dotnet run -c Release --project tests/IoTFleet.Benchmarks -- revocations [--port N]
// dotnet run -c Release --project tests/IoTFleet.Benchmarks -- brokers [row...] [--rounds N] [--port N]
// dotnet run -c Release --project tests/IoTFleet.Benchmarks -- hostile [attack...] [--port N]
//
// CPU time, not time on the clock, because the cores may be shared; each case beside its baseline in the same rounds, because the
// machine's speed may change from minute to minute. Compare ratios between runs, absolute figures only within one table.

Dictionary<string, Func<Task<Table>>> benchmarks = new(StringComparer.Ordinal)
{
    ["codec"] = CodecBenchmark.RunAsync,
    ["routing"] = RoutingBenchmark.RunAsync,
    ["acks"] = AckBenchmark.RunAsync,
    ["sessions"] = SessionBenchmark.RunAsync,
    ["revokedset"] = RevokedSetBenchmark.RunAsync,
    ["crl"] = CrlBenchmark.RunAsync,
    ["ocsp"] = OcspBenchmark.RunAsync,
};

switch (args)
{
    case ["serve", var folder, var port]: return await OwnBroker.RunAsync(folder, int.Parse(port, CultureInfo.InvariantCulture));
    case ["load", var load, var folder, var port]: return await LoadCommand.RunAsync(load, folder, int.Parse(port, CultureInfo.InvariantCulture));
    case ["hostile", .. var rest]: return await HostileBenchmark.RunAsync(rest);
    case ["revocations", .. var rest]: return await RevocationsBenchmark.RunAsync(rest);
    case ["attack", var attack, var folder, var port]: return await HostileBenchmark.AttackAsync(attack, folder, int.Parse(port, CultureInfo.InvariantCulture));
    case ["brokers", .. var rest]: return await BrokersCommand.RunAsync(rest);
}

var unknown = args.Except(benchmarks.Keys).ToList();
if (unknown.Count > 0)
{
    Console.Error.WriteLine($"Unknown: {string.Join(", ", unknown)}. There is: {string.Join(", ", benchmarks.Keys)}; without a name all run. And: brokers, hostile, revocations.");
    return 2;
}

Console.WriteLine(Machine.Describe());
foreach (var name in args.Length == 0 ? benchmarks.Keys.ToArray() : args)
{
    Console.WriteLine();
    Console.WriteLine((await benchmarks[name]()).ToMarkdown());
}

return 0;
