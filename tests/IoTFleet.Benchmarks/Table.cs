using System.Globalization;
using System.Text;

namespace IoTFleet.Benchmarks;

/// <summary>One thing to measure: <paramref name="Run"/> does it <paramref name="Operations"/> times.</summary>
/// <param name="Baseline">The case, earlier in the list, that this one is compared with; null for a baseline.</param>
internal sealed record Case(string Name, int Operations, Func<Task> Run, string? Baseline = null)
{
    public static Case Of(string name, int operations, Action<int> run, string? baseline = null) =>
        new(name, operations, () =>
        {
            run(operations);
            return Task.CompletedTask;
        }, baseline);
}

/// <summary>CPU time of the whole process and bytes allocated by all its threads, for one operation.</summary>
internal readonly record struct Cost(double Nanoseconds, double Bytes)
{
    public static async Task<Cost> OfAsync(Case one)
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        var (bytes, time) = (GC.GetTotalAllocatedBytes(precise: true), Environment.CpuUsage.TotalTime);
        await one.Run();
        var spent = Environment.CpuUsage.TotalTime - time;
        return new Cost(spent.TotalNanoseconds / one.Operations, (double)(GC.GetTotalAllocatedBytes(precise: true) - bytes) / one.Operations);
    }
}

/// <summary>The cases of one benchmark, measured in turns and reported as medians.</summary>
internal sealed class Table(string title, string operation, IReadOnlyList<Case> cases)
{
    private const int Rounds = 15;

    /// <summary>Long enough for the JIT compiler to have watched, counted and compiled again.</summary>
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(3);

    private readonly Dictionary<string, List<Cost>> _costs = cases.ToDictionary(one => one.Name, _ => new List<Cost>(Rounds));

    /// <summary>Round after round through all cases, so that what disturbs the machine for a while disturbs all of them.</summary>
    public async Task<Table> MeasureAsync()
    {
        var start = TimeProvider.System.GetTimestamp();
        while (TimeProvider.System.GetElapsedTime(start) < WarmUp)
        {
            foreach (var one in cases) await one.Run();
        }

        for (var round = 0; round < Rounds; round++)
        {
            foreach (var one in cases) _costs[one.Name].Add(await Cost.OfAsync(one));
        }

        return this;
    }

    public string ToMarkdown()
    {
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"**{title}.** For each {operation}, median of {Rounds} rounds; spread = middle half of the rounds.").AppendLine();
        text.AppendLine(CultureInfo.InvariantCulture, $"| {operation} | CPU ns | spread | bytes | ratio |");
        text.AppendLine("|---|---|---|---|---|");
        foreach (var one in cases)
        {
            var times = Sorted(one.Name);
            text.AppendLine(CultureInfo.InvariantCulture,
                $"| {one.Name} | {Quantile(times, 0.5):0} | {Quantile(times, 0.25):0}..{Quantile(times, 0.75):0} | {Median(one.Name, cost => cost.Bytes):0} | {Ratio(one)} |");
        }

        return text.ToString();
    }

    /// <summary>The median of the rounds' ratios: within a round both were measured on the same machine, so to say.</summary>
    private string Ratio(Case one)
    {
        if (one.Baseline is null) return "baseline";
        var ratios = _costs[one.Name].Zip(_costs[one.Baseline], (cost, baseline) => cost.Nanoseconds / baseline.Nanoseconds).Order().ToArray();
        return string.Create(CultureInfo.InvariantCulture, $"{Quantile(ratios, 0.5):0.00} x {one.Baseline}");
    }

    private double[] Sorted(string name) => [.. _costs[name].Select(cost => cost.Nanoseconds).Order()];

    private double Median(string name, Func<Cost, double> value) => Quantile([.. _costs[name].Select(value).Order()], 0.5);

    private static double Quantile(double[] sorted, double at) => sorted[(int)(at * (sorted.Length - 1))];
}
