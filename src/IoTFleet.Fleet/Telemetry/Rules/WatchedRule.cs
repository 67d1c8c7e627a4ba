using System.Globalization;
using System.Text;

namespace IoTFleet.Fleet.Telemetry.Rules;

/// <summary>A rule in the form in which readings are judged by it. Immutable; what it knows of a device is the <see cref="Standing"/>.</summary>
internal sealed class WatchedRule(Rule rule)
{
    private const long UsOfSecond = 1_000_000;
    private const double UsOfMinute = 60.0 * UsOfSecond;

    private readonly HashSet<string>? _devices = rule.DeviceIds.Length == 0 ? null : new(rule.DeviceIds, StringComparer.Ordinal);
    private readonly double _limit = rule.Limit ?? 0;
    private readonly double _clear = rule.ClearLimit ?? rule.Limit ?? 0;
    private readonly long _overUs = rule.OverSeconds * UsOfSecond;

    internal Rule Rule => rule;

    internal byte[]? Metric { get; } = rule.Metric is { } metric ? Encoding.UTF8.GetBytes(metric) : null;

    internal long ForUs { get; } = rule.ForSeconds * UsOfSecond;

    internal bool IsSilence => rule.Kind == RuleKind.Silence;

    internal bool NamesDevices => _devices is not null;

    internal bool Covers(string device, string group) => (rule.GroupId is null || rule.GroupId == group) && _devices?.Contains(device) != false;

    internal bool HasStream(string stream) => rule.Stream is null || rule.Stream == stream;

    /// <summary>Takes the next reading in. One that is older than the last says nothing about now.</summary>
    internal Verdict Judge(Standing standing, long timeUs, double value)
    {
        if (timeUs < standing.SeenUs) return default;
        standing.SeenUs = timeUs;
        if (rule.Kind == RuleKind.Rate && !TryRate(standing, timeUs, ref value)) return default;
        if (standing.AlertId is not null) return IsClear(value) ? new Verdict(Turn.Closes, timeUs, value) : default;
        if (!IsBeyond(value))
        {
            standing.SinceUs = Standing.Never;
            return default;
        }
        if (standing.SinceUs == Standing.Never) standing.SinceUs = timeUs;
        return timeUs - standing.SinceUs >= ForUs ? new Verdict(Turn.Opens, standing.SinceUs, value) : default;
    }

    /// <summary>Between this reading and the last one that is far enough before it; that one's place is then taken.</summary>
    private bool TryRate(Standing standing, long timeUs, ref double value)
    {
        var (before, baseUs) = (standing.BaseValue, standing.BaseUs);
        if (baseUs != Standing.Never && (timeUs == baseUs || timeUs - baseUs < _overUs)) return false;
        (standing.BaseValue, standing.BaseUs) = (value, timeUs);
        if (baseUs == Standing.Never) return false;
        value = (value - before) * UsOfMinute / (timeUs - baseUs);
        return true;
    }

    private bool IsBeyond(double value) => rule.Direction switch
    {
        RuleDirection.Above => value > _limit,
        RuleDirection.Below => value < _limit,
        _ => Math.Abs(value) > _limit,
    };

    private bool IsClear(double value) => rule.Direction switch
    {
        RuleDirection.Above => value <= _clear,
        RuleDirection.Below => value >= _clear,
        _ => Math.Abs(value) <= _clear,
    };

    internal string Describe(double value)
    {
        var what = rule.Kind switch
        {
            RuleKind.Silence => rule.Metric is { } metric ? $"nothing heard of {metric} for {rule.ForSeconds} s" : $"nothing heard for {rule.ForSeconds} s",
            RuleKind.Rate => $"{rule.Metric} changes by {Text(value)} a minute, {Side} {Text(_limit)}",
            _ => $"{rule.Metric} is {Text(value)}, {Side} {Text(_limit)}",
        };
        var how = rule.Kind != RuleKind.Silence && rule.ForSeconds > 0 ? $", for {rule.ForSeconds} s" : "";
        var text = what + how;
        return text.Length > MaxDetail ? text[..MaxDetail] : text;
    }

    private const int MaxDetail = 500;

    private string Side => rule.Direction switch { RuleDirection.Above => "above", RuleDirection.Below => "below", _ => "beyond" };

    private static string Text(double value) => value.ToString("G6", CultureInfo.InvariantCulture);
}
