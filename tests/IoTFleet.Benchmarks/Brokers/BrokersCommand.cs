using System.CommandLine;

namespace IoTFleet.Benchmarks.Brokers;

/// <summary>The command line of the comparison.</summary>
internal static class BrokersCommand
{
    public static Task<int> RunAsync(string[] args)
    {
        var rows = new Argument<string[]>("rows") { Description = $"What to measure; everything without a name: {string.Join(", ", BrokersBenchmark.Names)}" };
        var rounds = new Option<int>("--rounds") { Description = "Rounds for each row; 0 takes each row's own number" };
        var port = new Option<int>("--port") { Description = "First port; each broker that is started takes the next", DefaultValueFactory = _ => 21_400 };
        var root = new RootCommand("CPU time and memory of our broker beside mosquitto") { rows, rounds, port };
        root.SetAction(given => CompareAsync(given.GetValue(rows) ?? [], given.GetValue(rounds), given.GetValue(port)));
        return root.Parse(args).InvokeAsync();
    }

    private static async Task<int> CompareAsync(string[] rows, int rounds, int port)
    {
        if (Mosquitto.Program is null || !OperatingSystem.IsLinux())
        {
            await Console.Error.WriteLineAsync("This needs Linux and mosquitto (Debian: apt-get install mosquitto).");
            return 2;
        }

        if (rows.Except(BrokersBenchmark.Names).ToList() is { Count: > 0 } unknown)
        {
            await Console.Error.WriteLineAsync($"Unknown: {string.Join(", ", unknown)}. There is: {string.Join(", ", BrokersBenchmark.Names)}.");
            return 2;
        }

        var folder = Directory.CreateTempSubdirectory("iotfleet-brokers-").FullName;
        try
        {
            Console.WriteLine(Machine.Describe());
            Console.WriteLine();
            await new BrokersBenchmark(folder, port, rounds).RunAsync(rows);
            return 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
