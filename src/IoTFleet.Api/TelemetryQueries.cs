using System.Text.Json;

namespace IoTFleet.Api;

/// <summary>The newest value of one metric.</summary>
public sealed record TelemetryValue
{
    /// <summary>Its name; of a nested object, the names joined by dots.</summary>
    public required string Metric { get; init; }

    /// <summary>The stream it came by; empty for the plain topic.</summary>
    public required string Stream { get; init; }

    /// <summary>When it was measured.</summary>
    public required DateTimeOffset Time { get; init; }

    /// <summary>A number, a boolean or a text.</summary>
    public required JsonElement Value { get; init; }
}

/// <summary>A device's newest values.</summary>
public sealed record TelemetryValues
{
    /// <summary>The device.</summary>
    public required string DeviceId { get; init; }

    /// <summary>When its last message arrived; null when it has sent none.</summary>
    public DateTimeOffset? LastReceivedAt { get; init; }

    /// <summary>By stream and metric; a device's metrics beyond the first 1,000 are not among them.</summary>
    public required IReadOnlyList<TelemetryValue> Values { get; init; }
}

/// <summary>One reading's chosen values.</summary>
public sealed record TelemetryReading
{
    /// <summary>The stream it came by; empty for the plain topic.</summary>
    public required string Stream { get; init; }

    /// <summary>When it was measured.</summary>
    public required DateTimeOffset Time { get; init; }

    /// <summary>When it reached the server.</summary>
    public required DateTimeOffset ReceivedAt { get; init; }

    /// <summary>The publisher's own number for the message; null when it sent none.</summary>
    public long? Sequence { get; init; }

    /// <summary>By flattened name; each number with its own digits.</summary>
    public required IReadOnlyDictionary<string, JsonElement> Values { get; init; }
}

/// <summary>The values of <c>gaps</c>: what is said of buckets without readings.</summary>
public static class GapNames
{
    /// <summary>They are left out.</summary>
    public const string None = "none";

    /// <summary>They are there with a count of 0 and nothing else.</summary>
    public const string Null = "null";

    /// <summary>They repeat the bucket before.</summary>
    public const string Previous = "previous";

    /// <summary>They lie on the line between the buckets beside them.</summary>
    public const string Linear = "linear";
}

/// <summary>Values gathered in buckets of time.</summary>
public sealed record TelemetryBuckets
{
    /// <summary>How many devices are in it.</summary>
    public required int Devices { get; init; }

    /// <summary>By which part of itself a percentile may be off; 0 when they are exact, null when none were asked for.</summary>
    public double? PercentileError { get; init; }

    /// <summary>Whether there are more metrics than an answer holds; name those you need.</summary>
    public bool Cut { get; init; }

    /// <summary>By stream and metric.</summary>
    public required IReadOnlyList<TelemetrySeries> Series { get; init; }
}

/// <summary>One metric's buckets.</summary>
public sealed record TelemetrySeries
{
    /// <summary>The stream it came by; empty for the plain topic.</summary>
    public required string Stream { get; init; }

    /// <summary>Its name.</summary>
    public required string Metric { get; init; }

    /// <summary>By time.</summary>
    public required IReadOnlyList<TelemetryBucket> Buckets { get; init; }
}

/// <summary>What is known of a metric's values in one bucket of time. What was not asked for is absent, and so is what no number of JSON can say.</summary>
public sealed record TelemetryBucket
{
    /// <summary>When it begins; the first may begin before the question, and then holds only what is inside.</summary>
    public required DateTimeOffset Start { get; init; }

    /// <summary>How many values; 0 for a gap that is filled.</summary>
    public required long Count { get; init; }

    /// <summary>The smallest.</summary>
    public double? Min { get; init; }

    /// <summary>The largest.</summary>
    public double? Max { get; init; }

    /// <summary>The mean.</summary>
    public double? Avg { get; init; }

    /// <summary>The sum.</summary>
    public double? Sum { get; init; }

    /// <summary>The earliest.</summary>
    public double? First { get; init; }

    /// <summary>The latest.</summary>
    public double? Last { get; init; }

    /// <summary>The median: the value that half of all are not above.</summary>
    public double? P50 { get; init; }

    /// <summary>The value that 95 % are not above.</summary>
    public double? P95 { get; init; }

    /// <summary>The value that 99 % are not above.</summary>
    public double? P99 { get; init; }
}

/// <summary>An event of the live view: a reading, or how many messages were missed, or neither, so that the line is known to be open.</summary>
public sealed record LiveTelemetry
{
    /// <summary>What was just stored.</summary>
    public TelemetryRecord? Record { get; init; }

    /// <summary>So many messages of the fleet, whoever's, came faster than they could be sent.</summary>
    public long? Missed { get; init; }
}

/// <summary>Which devices a question is about; what is not given does not narrow it.</summary>
public sealed record TelemetryDevices
{
    /// <summary>Devices by id; empty for any.</summary>
    public IReadOnlyList<string> Ids { get; init; } = [];

    /// <summary>The enrolment group they came by.</summary>
    public string? Group { get; init; }

    /// <summary>A tag they have, <c>name=value</c>.</summary>
    public string? Tag { get; init; }

    /// <summary>One device.</summary>
    /// <param name="id">Its id.</param>
    public static TelemetryDevices Of(string id) => new() { Ids = [id] };
}

/// <summary>What <see cref="FleetClient.GetTelemetryBucketsAsync"/> asks.</summary>
public sealed record TelemetryBucketsQuery
{
    /// <summary>Whose values; those of several devices go into the same buckets.</summary>
    public required TelemetryDevices Devices { get; init; }

    /// <summary>Flattened names; empty for all.</summary>
    public IReadOnlyList<string> Metrics { get; init; } = [];

    /// <summary>Only this stream; empty for the plain topic, null for all.</summary>
    public string? Stream { get; init; }

    /// <summary>The first time inside.</summary>
    public required DateTimeOffset From { get; init; }

    /// <summary>The first time outside.</summary>
    public required DateTimeOffset To { get; init; }

    /// <summary>How wide: <c>30s</c>, <c>5m</c>, <c>1h</c>, <c>1d</c>, <c>1w</c>, <c>1mo</c>.</summary>
    public required string Bucket { get; init; }

    /// <summary>Where a bucket begins; null for 2001-01-01 UTC, a Monday.</summary>
    public DateTimeOffset? Origin { get; init; }

    /// <summary>Of <c>count min max avg sum first last p50 p95 p99</c>; empty for all but the percentiles.</summary>
    public IReadOnlyList<string> Aggregates { get; init; } = [];

    /// <summary>One of <see cref="GapNames"/>.</summary>
    public string? Gaps { get; init; }
}
