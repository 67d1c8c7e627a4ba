using System.Diagnostics.CodeAnalysis;
using IoTFleet.Mqtt.Topics;

namespace IoTFleet.Fleet.Services;

/// <summary>
/// What a service may do, as lists of what is allowed; nothing is unless a rule says so. A topic must be matched by a rule,
/// a subscription must be covered by one as a whole: <c>devices/#</c> allows <c>devices/+/telemetry</c> and not <c>#</c>.
/// </summary>
public sealed class TopicRules
{
    public const int MaxRules = 50;
    public const int MaxLength = 500;

    private readonly TopicFilter[] _publish;
    private readonly TopicFilter[] _subscribe;

    private TopicRules(TopicFilter[] publish, TopicFilter[] subscribe) => (_publish, _subscribe) = (publish, subscribe);

    public bool MayPublish(TopicName topic)
    {
        foreach (var rule in _publish)
        {
            if (rule.Matches(topic)) return true;
        }
        return false;
    }

    /// <summary>For a shared subscription the filter behind its group counts.</summary>
    public bool MaySubscribe(TopicFilter filter)
    {
        foreach (var rule in _subscribe)
        {
            if (rule.Covers(filter)) return true;
        }
        return false;
    }

    public static bool TryParse(
        IReadOnlyList<string> publish, IReadOnlyList<string> subscribe,
        [NotNullWhen(true)] out TopicRules? rules, [NotNullWhen(false)] out string? problem)
    {
        rules = null;
        problem = FindProblem(publish) ?? FindProblem(subscribe)
            ?? publish.Where(rule => rule[0] == '$').Select(rule => $"'{rule}' cannot be published to: what begins with $ is the server's.").FirstOrDefault();
        if (problem is not null) return false;
        rules = new TopicRules([.. publish.Select(TopicFilter.Parse)], [.. subscribe.Select(TopicFilter.Parse)]);
        return true;
    }

    private static string? FindProblem(IReadOnlyList<string> rules)
    {
        if (rules.Count > MaxRules) return $"A service has at most {MaxRules} rules of a kind.";
        foreach (var rule in rules)
        {
            if (rule.Length > MaxLength || rule.Any(char.IsControl)) return $"A rule has at most {MaxLength} characters and no control characters.";
            if (!TopicFilter.TryParse(rule, out var filter)) return $"'{rule}' is not a topic filter, such as devices/# or devices/+/telemetry.";
            if (filter.ShareName is not null) return $"'{rule}' names a group; give the filter alone, and any group may use it.";
        }
        return null;
    }
}
