namespace IoTFleet.Fleet.Telemetry.Store;

/// <summary>Makes of some devices' readings what one transaction of a merge writes.</summary>
internal sealed class SliceBuilder
{
    private const long MicrosecondsPerHour = 3_600_000_000;

    private static readonly Comparer<TelemetryRow> ByTime = Comparer<TelemetryRow>.Create((a, b) => (a.TimeUs, a.Id).CompareTo((b.TimeUs, b.Id)));

    private readonly List<TelemetryRow> _rows = [];
    private readonly List<TelemetryDevice> _devices = [];
    private readonly Dictionary<(int Device, int Hour), StaleHour> _stale = [];

    internal int Rows => _rows.Count;

    /// <summary>Some of a device's readings. Its state is written with the last of them, so that what it says is there.</summary>
    /// <param name="readings">All of the device's that are to be merged.</param>
    /// <param name="from">The first of them that is to be added.</param>
    /// <param name="most">How many, at most.</param>
    /// <returns>How many were added.</returns>
    internal int Add(List<TailReading> readings, int from, int most)
    {
        var count = Math.Min(most, readings.Count - from);
        var state = readings[0].State;
        var latest = new LatestValues.Builder(state.Latest);
        var first = _rows.Count;
        foreach (var (_, reading) in readings.Skip(from).Take(count))
        {
            _rows.Add(Row(state.Number, reading));
            if (reading.ContentType is null) latest.Add(reading.Stream, reading.TimeUs, reading.Body.Span);
            MarkStale(state.Number, HourOf(reading.TimeUs));
        }
        _rows.Sort(first, count, ByTime);
        state.Latest = latest.Build();
        if (from + count == readings.Count) AddState(state, readings.Max(reading => reading.Reading.ReceivedUs));
        return count;
    }

    private void AddState(DeviceState state, long received) => _devices.Add(new TelemetryDevice
    {
        Number = state.Number,
        DeviceId = state.DeviceId,
        LastReceivedUs = received,
        Latest = state.Latest.ToBytes(),
        Recent = state.Recent.ToBytes(),
    });

    internal MergeSlice Build(TelemetryNode? done) => new(_rows, _devices, [.. _stale.Values], done);

    private void MarkStale(int device, int hour)
    {
        if (!_stale.ContainsKey((device, hour))) _stale.Add((device, hour), new StaleHour { Device = device, Hour = hour, Version = Random.Shared.NextInt64(long.MaxValue / 2) });
    }

    /// <summary>Hours since 1970, rounded down also before it.</summary>
    internal static int HourOf(long timeUs) => (int)((timeUs - (timeUs < 0 ? MicrosecondsPerHour - 1 : 0)) / MicrosecondsPerHour);

    private static TelemetryRow Row(int device, StoredReading reading) => new()
    {
        Device = device,
        TimeUs = reading.TimeUs,
        Id = reading.Id,
        ReceivedUs = reading.ReceivedUs,
        Sequence = reading.Sequence,
        Stream = reading.Stream,
        ContentType = reading.ContentType,
        Body = reading.Body.ToArray(),
    };
}
