using System.Collections.Concurrent;
using IoTFleet.Mqtt.Topics;

namespace IoTFleet.Fleet.Telemetry.Formats;

internal enum PayloadFormat { Json, Cbor, SparkplugB, Raw }

/// <summary>What a payload is: by rule, else by its content type, else JSON if it looks like it.</summary>
internal sealed class FormatRules
{
    private const int RememberedStreams = 1_000;
    private const string Topics = "telemetry";

    private readonly (TopicFilter Filter, PayloadFormat Format)[] _rules;
    private readonly ConcurrentDictionary<string, PayloadFormat?> _byStream = new(StringComparer.Ordinal);

    /// <exception cref="ArgumentException">A rule that cannot be; the message names it.</exception>
    public FormatRules(FormatOptions options) => _rules = [.. options.Formats.Select(Rule)];

    /// <exception cref="PayloadProblem">Nothing says what it is, or what says it is no content type.</exception>
    public PayloadFormat Of(in Arrival arrival)
    {
        if (ByTopic(arrival.Stream) is { } format) return format;
        if (!string.IsNullOrEmpty(arrival.ContentType)) return ByContentType(arrival.ContentType);
        var start = arrival.Body.Span.TrimStart(" \t\r\n"u8);
        if (start.IsEmpty) throw new PayloadProblem(PayloadCodes.Empty, "the payload is empty");
        if (start[0] is (byte)'{' or (byte)'[') return PayloadFormat.Json;
        throw new PayloadProblem(
            PayloadCodes.FormatUnknown, "the payload is neither a JSON object nor an array of them, and neither its topic nor a content type says what it is");
    }

    private static (TopicFilter, PayloadFormat) Rule(FormatRule rule, int index)
    {
        if (!TopicFilter.TryParse(rule.Topic, out var filter) || filter.ShareName is not null || (rule.Topic != Topics && !rule.Topic.StartsWith("telemetry/", StringComparison.Ordinal)))
            throw new ArgumentException($"Telemetry:Formats:{index}:Topic must be a topic filter that begins with 'telemetry', but is '{rule.Topic}'.");
        return (filter, rule.Format switch
        {
            "json" => PayloadFormat.Json,
            "cbor" => PayloadFormat.Cbor,
            "sparkplug-b" => PayloadFormat.SparkplugB,
            "raw" => PayloadFormat.Raw,
            _ => throw new ArgumentException($"Telemetry:Formats:{index}:Format must be json, cbor, sparkplug-b or raw, but is '{rule.Format}'."),
        });
    }

    /// <summary>Streams are few, and a topic to match is made anew for each message: so the first thousand are remembered.</summary>
    private PayloadFormat? ByTopic(string stream)
    {
        if (_rules.Length == 0) return null;
        if (_byStream.TryGetValue(stream, out var known)) return known;
        var topic = TopicName.Parse(stream.Length == 0 ? Topics : $"{Topics}/{stream}");
        PayloadFormat? format = null;
        foreach (var rule in _rules)
        {
            if (!rule.Filter.Matches(topic)) continue;
            format = rule.Format;
            break;
        }

        if (_byStream.Count < RememberedStreams) _byStream[stream] = format;
        return format;
    }

    /// <summary>RFC 9110 8.3.1: compared without case, and what follows a semicolon are parameters.</summary>
    private static PayloadFormat ByContentType(string contentType)
    {
        var type = contentType.AsSpan();
        var semicolon = type.IndexOf(';');
        if (semicolon >= 0) type = type[..semicolon].TrimEnd();
        if (type.Equals("application/json", StringComparison.OrdinalIgnoreCase)) return PayloadFormat.Json;
        if (type.Equals("application/cbor", StringComparison.OrdinalIgnoreCase)) return PayloadFormat.Cbor;
        if (type.Equals("application/vnd.eclipse.sparkplug.b+protobuf", StringComparison.OrdinalIgnoreCase)) return PayloadFormat.SparkplugB;
        return PayloadFormat.Raw;
    }
}
