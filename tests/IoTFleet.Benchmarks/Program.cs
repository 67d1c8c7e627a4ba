using System.Globalization;
using IoTFleet.Benchmarks;
using IoTFleet.Benchmarks.Brokers;
using IoTFleet.Benchmarks.Durable;
using IoTFleet.Benchmarks.Enrolments;
using IoTFleet.Benchmarks.Footprint;
using IoTFleet.Benchmarks.Handshakes;
using IoTFleet.Benchmarks.Hostile;
using IoTFleet.Benchmarks.Load;
using IoTFleet.Benchmarks.Revocations;
using IoTFleet.Benchmarks.Telemetry;

// dotnet run -c Release --project tests/IoTFleet.Benchmarks -- [codec] [formats] [rules] [routing] [acks] [sessions] [revokedset] [crl] [ocsp]
// dotnet run -c Release --project tests/IoTFleet.Benchmarks -- revocations [--port N]
// dotnet run -c Release --project tests/IoTFleet.Benchmarks -- issuance|log|forecast
// dotnet run -c Release --project tests/IoTFleet.Benchmarks -- brokers [row...] [--rounds N] [--port N]
// dotnet run -c Release --project tests/IoTFleet.Benchmarks -- telemetry [store...] [--port N]|ingest
// dotnet run -c Release --project tests/IoTFleet.Benchmarks -- hostile [attack...] [--port N]
// dotnet run -c Release --project tests/IoTFleet.Benchmarks -- handshakes [rounds] [port]
// dotnet run -c Release --project tests/IoTFleet.Benchmarks -- enrolments [--port N]
// dotnet run -c Release --project tests/IoTFleet.Benchmarks -- queries [--messages N] [--folder F] [--port N]
// dotnet run -c Release --project tests/IoTFleet.Benchmarks -- footprint [framework|trimmed|aot...] [--idle SECONDS] [--port N]
// dotnet run -c Release --project tests/IoTFleet.Benchmarks -- layouts
// dotnet run -c Release --project tests/IoTFleet.Benchmarks -- rules bounds
//
// CPU time, not time on the clock, because the cores may be shared; each case beside its baseline in the same rounds, because the
// machine's speed may change from minute to minute. Compare ratios between runs, absolute figures only within one table.

Dictionary<string, Func<Task<Table>>> benchmarks = new(StringComparer.Ordinal)
{
    ["codec"] = CodecBenchmark.RunAsync,
    ["formats"] = FormatBenchmark.RunAsync,
    ["rules"] = RuleBenchmark.RunAsync,
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
    case ["serve", var folder, var port, var tickets, var httpsPort]:
        return await OwnBroker.RunAsync(folder, int.Parse(port, CultureInfo.InvariantCulture), int.Parse(tickets, CultureInfo.InvariantCulture), int.Parse(httpsPort, CultureInfo.InvariantCulture));
    case ["serve-store", var folder, var port, var store]: return await OwnBroker.RunAsync(folder, int.Parse(port, CultureInfo.InvariantCulture), store: StoreUnderTest.Named(store, folder));
    case ["retention"]: return await RetentionBenchmark.RunAsync();
    case ["ingest"]: return await IngestBenchmark.RunAsync();
    case ["rules", "bounds"]: return await RuleBounds.RunAsync();
    case ["telemetry", .. var rest]: return await TelemetryBenchmark.RunAsync(rest);
    case ["handshakes", .. var rest]: return await HandshakeBenchmark.RunAsync(rest);
    case ["load", var load, var folder, var port]: return await LoadCommand.RunAsync(load, folder, int.Parse(port, CultureInfo.InvariantCulture));
    case ["issuance"]: return await RecordBenchmark.IssuanceAsync();
    case ["log"]: return await RecordBenchmark.LogAsync();
    case ["forecast"]: return await ForecastBenchmark.RunAsync();
    case ["hostile", .. var rest]: return await HostileBenchmark.RunAsync(rest);
    case ["revocations", .. var rest]: return await RevocationsBenchmark.RunAsync(rest);
    case ["attack", var attack, var folder, var port]: return await HostileBenchmark.AttackAsync(attack, folder, int.Parse(port, CultureInfo.InvariantCulture));
    case ["layouts"]: return LayoutsBenchmark.Run();
    case ["queries", .. var rest]: return await QueriesBenchmark.RunAsync(rest);
    case ["enrolments", .. var rest]: return await EnrolmentsBenchmark.RunAsync(rest);
    case ["footprint", .. var rest]: return await FootprintBenchmark.RunAsync(rest);
    case ["brokers", .. var rest]: return await BrokersCommand.RunAsync(rest);
}

var unknown = args.Except(benchmarks.Keys).ToList();
if (unknown.Count > 0)
{
    Console.Error.WriteLine($"Unknown: {string.Join(", ", unknown)}. There is: {string.Join(", ", benchmarks.Keys)}; without a name all run. And: brokers, telemetry, ingest, retention, hostile, handshakes, revocations, enrolments, footprint, issuance, log, forecast.");
    return 2;
}

Console.WriteLine(Machine.Describe());
foreach (var name in args.Length == 0 ? benchmarks.Keys.ToArray() : args)
{
    Console.WriteLine();
    Console.WriteLine((await benchmarks[name]()).ToMarkdown());
}

return 0;
