namespace IoTFleet.Fleet.Telemetry.Store;

/// <param name="State">Of its device.</param>
/// <param name="Reading">What a reader of the store sees.</param>
internal readonly record struct TailReading(DeviceState State, StoredReading Reading);

/// <summary>
/// What is committed to the log and not merged yet, in memory, so that a reader finds it as soon as it is acknowledged.
/// Two parts: the one that grows, and the one that is being merged.
/// </summary>
internal sealed class TelemetryTail
{
    private readonly Lock _gate = new();
    private Part _growing = new();
    private Part? _merging;
    private long _bytes;

    /// <summary>About what the readings of both parts take.</summary>
    internal long Bytes => Interlocked.Read(ref _bytes);

    internal int Growing
    {
        get
        {
            lock (_gate) return _growing.Count;
        }
    }

    internal void Add(IReadOnlyList<TailReading> readings)
    {
        lock (_gate)
        {
            foreach (var reading in readings) _growing.Add(reading);
        }
        Interlocked.Add(ref _bytes, readings.Sum(Part.SizeOf));
    }

    /// <summary>What is to be merged next, by device; null when there is nothing. Until <see cref="Merged"/> it can still be read, and be asked for again.</summary>
    internal Part? Take()
    {
        lock (_gate)
        {
            if (_merging is not null) return _merging;
            if (_growing.Count == 0) return null;
            (_merging, _growing) = (_growing, new Part());
            return _merging;
        }
    }

    /// <summary>What was taken is in the tables now.</summary>
    internal void Merged()
    {
        lock (_gate)
        {
            Interlocked.Add(ref _bytes, -_merging!.Size);
            _merging = null;
        }
    }

    internal bool Has(string deviceId)
    {
        lock (_gate) return _growing.ByDevice.ContainsKey(deviceId) || _merging?.ByDevice.ContainsKey(deviceId) == true;
    }

    /// <summary>A device's readings that may not be in the tables, in the order of their ids. A reader asks here first and in the tables afterwards, so that none slips through between.</summary>
    internal List<StoredReading> Of(string deviceId)
    {
        lock (_gate)
        {
            var found = new List<StoredReading>();
            if (_merging?.ByDevice.TryGetValue(deviceId, out var merging) == true) found.AddRange(merging.Select(reading => reading.Reading));
            if (_growing.ByDevice.TryGetValue(deviceId, out var growing)) found.AddRange(growing.Select(reading => reading.Reading));
            return found;
        }
    }

    /// <summary>All devices that have something here.</summary>
    internal List<string> Devices()
    {
        lock (_gate) return [.. _growing.ByDevice.Keys.Union(_merging?.ByDevice.Keys ?? Enumerable.Empty<string>())];
    }

    internal sealed class Part
    {
        private const int Overhead = 200; // the objects around a body

        internal Dictionary<string, List<TailReading>> ByDevice { get; } = new(StringComparer.Ordinal);

        internal int Count { get; private set; }

        internal long LastId { get; private set; }

        internal long Size { get; private set; }

        internal void Add(TailReading reading)
        {
            if (!ByDevice.TryGetValue(reading.Reading.DeviceId, out var readings)) ByDevice.Add(reading.Reading.DeviceId, readings = []);
            readings.Add(reading);
            Count++;
            LastId = Math.Max(LastId, reading.Reading.Id);
            Size += SizeOf(reading);
        }

        internal static long SizeOf(TailReading reading) => Overhead + reading.Reading.Body.Length;
    }
}
