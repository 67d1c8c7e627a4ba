using System.Globalization;
using IoTFleet.Fuzz;
using IoTFleet.Fuzz.Der;

// dotnet run -c Release --project tests/IoTFleet.Fuzz -- [--cases N] [--seed N] [--from CASE] [--lanes N]
// dotnet run -c Release --project tests/IoTFleet.Fuzz -- request|body|certificate|ocsp|json|cbor|sparkplug [the same]
//
// Mutated and generated packets against the real connection handler. Prints the rate, and at the first case that the broker does not stand its
// number and its bytes; ends with 1 then. The same numbers make the same cases.

var target = args is [var first, ..] && DerTarget.TryFind(first, out var reader) ? reader : null;
if (target is not null) args = args[1..];
var given = new Dictionary<string, long>(StringComparer.Ordinal) { ["--cases"] = 1_000_000, ["--seed"] = 1, ["--from"] = 0, ["--lanes"] = Environment.ProcessorCount };
for (var i = 0; i < args.Length; i += 2)
{
    if (!given.ContainsKey(args[i]) || i + 1 == args.Length || !long.TryParse(args[i + 1], NumberStyles.None, CultureInfo.InvariantCulture, out var value))
    {
        Console.Error.WriteLine($"Not understood: {args[i]}. There is: {string.Join(", ", given.Keys)}, each with a number.");
        return 2;
    }

    given[args[i]] = value;
}

if (target is not null)
{
    var reading = new DerRun(target, (int)given["--seed"], given["--from"], given["--cases"]);
    try
    {
        reading.Run((int)given["--lanes"]);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{reading.Done:N0} cases, {reading.Taken:N0} of them good all the same; the reader of {target.Name} stood them all."));
        return 0;
    }
    catch (AggregateException failures)
    {
        Console.Error.WriteLine(failures.InnerException!.Message);
        return 1;
    }
}

var run = new FuzzRun((int)given["--seed"], given["--from"], given["--cases"]);
var start = TimeProvider.System.GetTimestamp();
try
{
    var running = run.RunAsync((int)given["--lanes"]);
    while (await Task.WhenAny(running, Task.Delay(TimeSpan.FromSeconds(10), TimeProvider.System)) != running) Console.WriteLine(Progress());
    await running;
    Console.WriteLine($"{Progress()}; the broker stood them all.");
    return 0;
}
catch (Exception failure) when (failure is FuzzFailure or InvalidOperationException)
{
    Console.Error.WriteLine(failure.Message);
    return 1;
}

string Progress()
{
    var elapsed = TimeProvider.System.GetElapsedTime(start);
    return string.Create(CultureInfo.InvariantCulture, $"{run.Done:N0} cases, {run.Done / elapsed.TotalSeconds:N0} a second");
}
