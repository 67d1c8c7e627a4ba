using System.Runtime.InteropServices;

namespace IoTFleet.Fleet.Telemetry.Queries;

/// <param name="FromUs">The first time inside; microseconds since 1970.</param>
/// <param name="ToUs">The first time outside.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct TimeSpanUs(long FromUs, long ToUs)
{
    internal bool IsEmpty => FromUs >= ToUs;

    internal TimeSpanUs Within(long fromUs, long toUs) => new(Math.Max(FromUs, fromUs), Math.Min(ToUs, toUs));
}

/// <summary>A span of time by where its values are best taken from: |readings|minutes|hours|minutes|readings|.</summary>
internal sealed record BucketParts(TimeSpanUs Whole, IReadOnlyList<TimeSpanUs> Readings, IReadOnlyList<TimeSpanUs> Minutes, TimeSpanUs Hours)
{
    /// <param name="span">From when to when.</param>
    /// <param name="unit">The coarsest rollup that can be used, in microseconds; 0 for none.</param>
    /// <param name="withMinutes">Minutes can be used beside hours; they have no quantiles.</param>
    internal static BucketParts Of(TimeSpanUs span, long unit, bool withMinutes)
    {
        if (unit == 0) return new BucketParts(span, [span], [], default);
        var hours = unit == Rollups.Hours.HourUs ? Inner(span, Rollups.Hours.HourUs) : default;
        if (!withMinutes) return new BucketParts(span, Around(span, hours), [], hours);
        var minutes = Inner(span, Rollups.Hours.MinuteUs);
        return new BucketParts(span, Around(span, minutes), minutes.IsEmpty ? [] : Around(minutes, hours), hours);
    }

    private static TimeSpanUs Inner(TimeSpanUs span, long unit)
    {
        var inner = new TimeSpanUs(Rollups.Hours.Ceiling(span.FromUs, unit), Rollups.Hours.Floor(span.ToUs, unit));
        return inner.IsEmpty ? default : inner;
    }

    private static List<TimeSpanUs> Around(TimeSpanUs outer, TimeSpanUs inner)
    {
        if (inner.IsEmpty) return [outer];
        List<TimeSpanUs> around = [new(outer.FromUs, inner.FromUs), new(inner.ToUs, outer.ToUs)];
        return around.FindAll(part => !part.IsEmpty);
    }
}
