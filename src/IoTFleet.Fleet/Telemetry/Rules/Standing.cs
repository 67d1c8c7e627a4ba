namespace IoTFleet.Fleet.Telemetry.Rules;

/// <summary>How a rule stands with a device. Belongs to the watch's loop.</summary>
internal sealed class Standing
{
    internal const long Never = long.MinValue;

    /// <summary>An alert that is about to be written.</summary>
    internal const string Pending = "";

    /// <summary>
    /// The newest reading judged, by the device's time: what is older comes late and is not judged. Of a silence: the last that was heard before an operator
    /// closed its alert; until something more is heard it is not opened again.
    /// </summary>
    internal long SeenUs { get; set; } = Never;

    /// <summary>The first of the readings that are beyond the limit without one between that is not.</summary>
    internal long SinceUs { get; set; } = Never;

    /// <summary>What the next reading of a rate is compared with.</summary>
    internal long BaseUs { get; set; } = Never;
    internal double BaseValue { get; set; }

    /// <summary>When the metric last arrived, by the server's time: for silences.</summary>
    internal long HeardUs { get; set; } = Never;

    /// <summary>The alert that is open, or acknowledged.</summary>
    internal string? AlertId { get; set; }

    /// <summary>For another version of the rule: only the alert stays.</summary>
    internal Standing Renewed() => new() { AlertId = AlertId, HeardUs = HeardUs };
}

internal enum Turn { None, Opens, Closes }

/// <param name="Turn">What becomes of the alert.</param>
/// <param name="SinceUs">Since when it was so.</param>
/// <param name="Value">The value, or the rate by the minute.</param>
internal readonly record struct Verdict(Turn Turn, long SinceUs = 0, double Value = 0);
