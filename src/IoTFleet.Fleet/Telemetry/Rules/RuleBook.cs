using IoTFleet.Fleet.Telemetry.Rollups;

namespace IoTFleet.Fleet.Telemetry.Rules;

/// <summary>All enabled rules as of one moment; a change makes another book. Devices of a group share a <see cref="RuleSet"/>, unless a rule names devices.</summary>
internal sealed class RuleBook(IReadOnlyList<Rule> rules)
{
    internal static readonly RuleBook Empty = new([]);

    private readonly WatchedRule[] _rules = [.. rules.Where(rule => rule.Enabled).Select(rule => new WatchedRule(rule))];
    private readonly Dictionary<string, RuleSet> _ofGroups = new(StringComparer.Ordinal);

    internal bool IsEmpty => _rules.Length == 0;

    internal RuleSet Of(string device, string group)
    {
        if (Array.Exists(_rules, rule => rule.NamesDevices && rule.Covers(device, group))) return new RuleSet(Array.FindAll(_rules, rule => rule.Covers(device, group)));
        if (!_ofGroups.TryGetValue(group, out var set)) _ofGroups[group] = set = new RuleSet(Array.FindAll(_rules, rule => !rule.NamesDevices && rule.Covers(device, group)));
        return set;
    }
}

/// <summary>The rules of a device, found by the name of a metric.</summary>
internal sealed class RuleSet
{
    internal static readonly RuleSet None = new([]);

    private readonly MetricTable<int[]> _byMetric = new();

    internal RuleSet(WatchedRule[] rules)
    {
        Rules = rules;
        Silences = [.. Enumerable.Range(0, rules.Length).Where(index => rules[index].IsSilence)];
        var named = Enumerable.Range(0, rules.Length).Where(index => rules[index].Metric is not null);
        foreach (var metric in named.GroupBy(index => rules[index].Rule.Metric!, StringComparer.Ordinal)) _byMetric.Add(rules[metric.First()].Metric, [.. metric]);
    }

    internal WatchedRule[] Rules { get; }

    /// <summary>Places of the silences in <see cref="Rules"/>.</summary>
    internal int[] Silences { get; }

    internal bool HasMetrics => _byMetric.Count > 0;

    /// <summary>Places of the rules about a metric; null for the many that no rule is about.</summary>
    internal int[]? About(ReadOnlySpan<byte> metric) => _byMetric.Find(metric);
}
