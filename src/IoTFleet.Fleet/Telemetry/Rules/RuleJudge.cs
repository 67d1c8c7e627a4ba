using IoTFleet.Fleet.Telemetry.Formats;

namespace IoTFleet.Fleet.Telemetry.Rules;

/// <summary>Judges what was stored, and what was not, by the rules of its device. Gathers what becomes of alerts; writes nothing. One thread at a time.</summary>
internal sealed class RuleJudge
{
    /// <summary>A device's clock may be so far ahead; what says it is from later is judged as of its arrival, or the right times after it would all be late.</summary>
    internal const long MaxAheadUs = 5L * 60 * 1_000_000;

    private readonly List<AlertChange> _changes = [];
    private long _standings;

    /// <summary>Alerts open, those included that are about to be.</summary>
    internal int Open { get; set; }

    /// <summary>Alerts that did not open and rules that did not see a device, for want of room.</summary>
    internal long Unseen { get; private set; }

    internal void Follow(WatchedDevice device, RuleSet set) => _standings += device.Follow(set);

    internal void Forget(WatchedDevice device) => _standings -= device.Standings.Count();

    /// <returns>False when no rule watches the device any more that it could be of.</returns>
    internal bool TakeOpen(WatchedDevice? device, OpenAlert alert)
    {
        var place = device is null ? -1 : Array.FindIndex(device.Set.Rules, rule => rule.Rule.Id == alert.RuleId);
        if (place < 0) return false;
        if (StandingAt(device!, place) is not { } standing) return true; // No room to watch it: an operator can close it.
        standing.AlertId = alert.Id;
        if (standing.SinceUs == Standing.Never) standing.SinceUs = EpochTime.ToMicroseconds(alert.Since);
        return true;
    }

    /// <summary>What has come of it since it was last asked.</summary>
    internal IReadOnlyList<AlertChange> TakeChanges()
    {
        if (_changes.Count == 0) return [];
        AlertChange[] taken = [.. _changes];
        _changes.Clear();
        return taken;
    }

    internal void Stored(WatchedDevice device, TelemetryMessage message)
    {
        var received = EpochTime.ToMicroseconds(message.ReceivedAt);
        Arrived(device, received);
        if (message.ContentType is not null || !device.Set.HasMetrics) return;
        for (var i = 0; i < message.Readings.Count; i++)
        {
            var reading = message.Readings[i];
            var values = new ValueReader(reading.Body.Span);
            while (values.Read())
            {
                if (device.Set.About(values.Name) is { } places)
                    Value(device, places, message.Stream, values.Kind, values.Number, EpochTime.ToMicroseconds(reading.Time), received);
            }
        }
    }

    /// <summary>In place of messages that were not seen: equal times change nothing, so it does not matter which they were.</summary>
    internal void Newest(WatchedDevice device, DeviceLatest latest)
    {
        Arrived(device, latest.LastReceivedUs);
        foreach (var value in latest.Latest.Values)
        {
            if (device.Set.About(System.Text.Encoding.UTF8.GetBytes(value.Name)) is { } places)
                Value(device, places, value.Stream, value.Kind, value.Number, value.TimeUs, Math.Min(latest.LastReceivedUs, Math.Max(value.TimeUs, 0)));
        }
    }

    /// <summary>What has been silent for too long.</summary>
    internal void Silent(WatchedDevice device, long nowUs)
    {
        foreach (var place in device.Set.Silences)
        {
            var rule = device.Set.Rules[place];
            if (nowUs - device.HeardUs < rule.ForUs && rule.Metric is null) continue;
            if (StandingAt(device, place) is not { AlertId: null } standing) continue;
            var heard = HeardUs(device, rule, standing);
            if (heard != standing.SeenUs && nowUs - heard >= rule.ForUs) Turned(device, rule, standing, new Verdict(Turn.Opens, heard));
        }
    }

    internal static long HeardUs(WatchedDevice device, WatchedRule rule, Standing standing)
    {
        if (rule.Metric is null) return device.HeardUs;
        if (standing.HeardUs == Standing.Never) standing.HeardUs = device.HeardUs; // Of a metric that never came, the waiting begins now.
        return standing.HeardUs;
    }

    private void Arrived(WatchedDevice device, long receivedUs)
    {
        device.HeardUs = Math.Max(device.HeardUs, receivedUs);
        foreach (var place in device.Set.Silences)
        {
            if (device.Set.Rules[place].Metric is null && device.At(place) is { AlertId: not null } standing) Heard(device, device.Set.Rules[place], standing);
        }
    }

    /// <summary>If that was after the alert had opened for what was heard before.</summary>
    private void Heard(WatchedDevice device, WatchedRule rule, Standing standing)
    {
        if (standing.AlertId is null || HeardUs(device, rule, standing) <= standing.SinceUs) return;
        Turned(device, rule, standing, new Verdict(Turn.Closes, HeardUs(device, rule, standing)));
    }

    private void Value(WatchedDevice device, int[] places, string stream, MetricKind kind, double number, long timeUs, long receivedUs)
    {
        foreach (var place in places)
        {
            var rule = device.Set.Rules[place];
            if (!rule.HasStream(stream) || StandingAt(device, place) is not { } standing) continue;
            if (rule.IsSilence)
            {
                standing.HeardUs = Math.Max(standing.HeardUs, receivedUs);
                Heard(device, rule, standing);
                continue;
            }
            if (kind == MetricKind.Text) continue;
            var verdict = rule.Judge(standing, timeUs > receivedUs + MaxAheadUs ? receivedUs : timeUs, number);
            if (verdict.Turn != Turn.None) Turned(device, rule, standing, verdict);
        }
    }

    private Standing? StandingAt(WatchedDevice device, int place)
    {
        if (device.At(place) is { } known) return known;
        if (_standings >= RuleLimits.MaxStandings)
        {
            Unseen++;
            return null;
        }
        _standings++;
        return device.Begin(place);
    }

    private void Turned(WatchedDevice device, WatchedRule rule, Standing standing, in Verdict verdict)
    {
        if (verdict.Turn == Turn.Opens && Open >= RuleLimits.MaxOpenAlerts)
        {
            Unseen++;
            return;
        }
        Open += verdict.Turn == Turn.Opens ? 1 : -1;
        standing.AlertId = verdict.Turn == Turn.Opens ? Standing.Pending : null;
        standing.SinceUs = verdict.Turn == Turn.Opens ? verdict.SinceUs : Standing.Never;
        _changes.Add(new AlertChange(device, rule, standing, verdict));
    }
}
