namespace IoTFleet.Fleet.Telemetry.Store;

/// <summary>Makes of some devices' readings what one transaction of a merge writes.</summary>
internal sealed class SliceBuilder
{
    private const long MicrosecondsPerHour = 3_600_000_000;

    private readonly List<TelemetryRow> _rows = [];
    private readonly List<TelemetryDevice> _devices = [];
    private readonly Dictionary<(int Device, int Hour), StaleHour> _stale = [];

    internal int Rows => _rows.Count;

    /// <summary>All of one device, which may be large: a device's state is written together with its readings.</summary>
    internal void Add(List<TailReading> readings)
    {
        var state = readings[0].State;
        var latest = new LatestValues.Builder(state.Latest);
        var first = _rows.Count;
        long received = 0;
        foreach (var (_, reading) in readings)
        {
            _rows.Add(Row(state.Number, reading));
            if (reading.ContentType is null) latest.Add(reading.Stream, reading.TimeUs, reading.Body.Span);
            received = Math.Max(received, reading.ReceivedUs);
            MarkStale(state.Number, HourOf(reading.TimeUs));
        }
        _rows.Sort(first, _rows.Count - first, Comparer<TelemetryRow>.Create((a, b) => (a.TimeUs, a.Id).CompareTo((b.TimeUs, b.Id))));
        state.Latest = latest.Build();
        _devices.Add(new TelemetryDevice
        {
            Number = state.Number,
            DeviceId = state.DeviceId,
            LastReceivedUs = received,
            Latest = state.Latest.ToBytes(),
            Recent = state.Recent.ToBytes(),
        });
    }

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
