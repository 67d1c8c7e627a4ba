using System.Globalization;
using IoTFleet.Fleet.Telemetry.Queries;
using IoTFleet.Pki;

namespace IoTFleet.Server.Rest;

/// <summary>
/// A question's parameters, read by hand so that each wrong one is named with what it should be; the first problem is kept. A parameter that is not known is one,
/// too: misspelled, it would silently answer another question.
/// </summary>
internal sealed class QueryText(IQueryCollection query)
{
    private const int MaxLength = 256;

    private readonly HashSet<string> _known = new(StringComparer.Ordinal);

    private string? _problem;

    /// <summary>Null when all is well. To be asked last.</summary>
    internal string? Problem => _problem ?? (query.Keys.FirstOrDefault(name => !_known.Contains(name)) is { } unknown
        ? $"There is no parameter '{unknown}' here; there is {string.Join(", ", _known.Order(StringComparer.Ordinal))}."
        : null);

    internal string? Text(string name)
    {
        _known.Add(name);
        var values = query[name];
        if (values.Count > 1) Refuse($"'{name}' is given {values.Count} times; once is enough.");
        if (values.Count > 0 && values[0]!.Length > MaxLength) Refuse($"'{name}' is longer than {MaxLength} characters.");
        return values.Count == 0 ? null : values[0];
    }

    internal IReadOnlyList<string> Each(string name, int most)
    {
        _known.Add(name);
        var values = query[name];
        if (values.Count > most) Refuse($"'{name}' is given {values.Count} times; at most {most} may be.");
        if (values.Any(value => value!.Length is 0 or > MaxLength)) Refuse($"'{name}' must have 1 to {MaxLength} characters.");
        return [.. values.Distinct(StringComparer.Ordinal).Select(value => value!)];
    }

    internal DateTimeOffset? Time(string name)
    {
        if (Text(name) is not { } text) return null;
        if (DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var time)) return time;
        Refuse($"'{name}' must be a time such as 2026-01-31T12:00:00Z, not '{text}'.");
        return null;
    }

    internal DateTimeOffset RequiredTime(string name)
    {
        if (Time(name) is { } time) return time;
        Refuse($"'{name}' is needed: a time such as 2026-01-31T12:00:00Z.");
        return default;
    }

    internal int Number(string name, int ifNone, int min, int max)
    {
        if (Text(name) is not { } text) return ifNone;
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= min && number <= max) return number;
        Refuse($"'{name}' must be a number from {min} to {max}, not '{text}'.");
        return ifNone;
    }

    internal T OneOf<T>(string name, T ifNone, params ReadOnlySpan<(string Word, T Value)> words)
    {
        if (Text(name) is not { } text) return ifNone;
        foreach (var (word, value) in words)
        {
            if (word == text) return value;
        }
        var all = new List<string>();
        foreach (var (word, _) in words) all.Add(word);
        Refuse($"'{name}' must be one of {string.Join(", ", all)}, not '{text}'.");
        return ifNone;
    }

    /// <summary>Of words with commas between them.</summary>
    internal IReadOnlyList<string> Words(string name, IReadOnlyList<string> known, IReadOnlyList<string> ifNone)
    {
        if (Text(name) is not { } text) return ifNone;
        var words = text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        if (words.Length == 0 || words.Except(known).Any()) Refuse($"'{name}' must be of {string.Join(", ", known)}, with commas between them, not '{text}'.");
        return words;
    }

    internal BucketWidth Width(string name)
    {
        if (Text(name) is { } text && BucketWidth.TryParse(text, out var width)) return width;
        Refuse($"'{name}' must be a width such as 30s, 5m, 1h, 1d, 1w or 1mo.");
        return new BucketWidth(1, 0);
    }

    internal MetricSelection Metrics() => new(Each("metric", MetricSelection.MaxMetrics), Text("stream"));

    /// <param name="device">Of the path; null: of the parameters.</param>
    internal DeviceFilter Devices(string? device = null)
    {
        if (device is not null) return new DeviceFilter([device]);
        var ids = Each("device", DeviceFilter.MaxIds);
        if (ids.FirstOrDefault(id => !DeviceName.IsValid(id)) is { } wrong) Refuse($"'{wrong}' is not a device id.");
        return new DeviceFilter(ids, Text("group"), Text("tag"));
    }

    private void Refuse(string problem) => _problem ??= problem;
}
