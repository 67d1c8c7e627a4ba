using IoTFleet.Api;
using IoTFleet.Testing;

namespace IoTFleet.Crash.Soak;

/// <summary>
/// <code>
///   devices ──▶ rough road ──▶ the real server, in a process of its own
///   all connected ──▶ weather ──▶ calm: all connected and nothing held? handles as before? ──▶ REST: everything of every device ──▶ all let go: handles? ──▶ verdict
/// </code>
/// </summary>
internal sealed class SoakRun : IAsyncDisposable
{
    private const double HeapAllowance = 2;        // MiB that must be surely exceeded while it was measured: caches fill for a while
    private const double ResidentAllowance = 24;   // the collector gives memory back as it likes
    private const int HandlesAllowance = 12;       // what .NET itself opens at first use

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly SoakSettings _settings;
    private readonly TextWriter _output;
    private readonly TemporaryFolder _folder = new();
    private readonly MortalServer _server;
    private readonly RoughRoad _mqtt;
    private readonly RoughRoad _https;
    private readonly Weather _weather;
    private readonly Health _health = new();
    private readonly List<SoakDevice> _devices = [];
    private readonly List<string> _wrong = [];

    public SoakRun(SoakSettings settings, TextWriter output)
    {
        (_settings, _output) = (settings, output);
        var random = new Random(settings.Seed);
        _server = new MortalServer(_folder.Path, mutant: null);
        // The network forgets what it has kept open, as a NAT does; in a short run sooner, or it would only ever gather.
        var silence = TimeSpan.FromSeconds(Math.Clamp(settings.Weather.TotalSeconds / 8, 8, 60));
        (_mqtt, _https) = (new RoughRoad(_server.MqttPort, random.Next()) { LongestSilence = silence }, new RoughRoad(_server.HttpsPort, random.Next()) { LongestSilence = silence });
        _weather = new Weather(_server, _mqtt, random, output);
    }

    /// <returns>Whether every device came back and every promise was kept.</returns>
    public async Task<bool> RunAsync(CancellationToken ct)
    {
        try
        {
            _server.Start();
            await _server.ReadyAsync(ct);
            var handles = Handles();
            await StartDevicesAsync(ct);
            var calm = await ConnectedAsync(ct);
            await WeatherAsync(ct);
            var (stuck, settled) = await SettleAsync(ct);
            await ExpectAsync(Sockets, calm + _devices.Count / 2, "sockets are open with all devices connected", ct);
            var stored = await CompareAsync(ct);
            await LetGoAsync(handles, ct);
            return await JudgeAsync(stuck, settled, stored);
        }
        catch (CrashRunException failure)
        {
            await _output.WriteLineAsync($"FAILED: {failure.Message}");
            return false;
        }
    }

    private async Task StartDevicesAsync(CancellationToken ct)
    {
        (_mqtt.IsRough, _https.IsRough) = (false, false);
        _mqtt.Start();
        _https.Start();
        using var client = _server.Operator();
        var token = (await client.CreateTokenAsync(new CreateTokenRequest { Name = "soak", MaxUses = _settings.Devices }, ct)).Secret;
        var places = new SoakPlaces(Path.Combine(_folder.Path, "devices"), token, ServerFile.TryRead(_folder.Path)!.RootFingerprint, _https.Port, _mqtt.Port);
        Directory.CreateDirectory(places.Folder);
        for (var i = 0; i < _settings.Devices; i++) _devices.Add(new SoakDevice(i, places, _settings.Mutant, new Random(_settings.Seed * 10_000 + i)));
        foreach (var device in _devices) await device.StartAsync(ct).WaitAsync(Patience, ct);
    }

    /// <returns>How many sockets are open then. Files come and go with what a device holds; those that stay are found when all devices are gone.</returns>
    private async Task<int> ConnectedAsync(CancellationToken ct)
    {
        var begin = TimeProvider.System.GetTimestamp();
        while (_devices.Any(device => !device.IsConnected) && TimeProvider.System.GetElapsedTime(begin) < Patience)
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, ct);
        return Sockets();
    }

    private async Task WeatherAsync(CancellationToken ct)
    {
        (_mqtt.IsRough, _https.IsRough) = (true, true);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var publishing = _devices.Select(device => Task.Run(() => device.PublishUntilAsync(over.Token), ct)).ToList();
        var raging = _weather.RageAsync(TimeSpan.FromSeconds(_settings.Weather < TimeSpan.FromMinutes(5) ? 6 : 15), over.Token, ct);
        await MeasureAsync(raging, ct);
        await over.CancelAsync();
        await raging;
        await Task.WhenAll(publishing);
        (_mqtt.IsRough, _https.IsRough) = (false, false);
    }

    // Each minute, of a short run more often; the first third, at most five minutes, is for warming up.
    private async Task MeasureAsync(Task raging, CancellationToken ct)
    {
        var started = TimeProvider.System.GetTimestamp();
        var every = TimeSpan.FromSeconds(Math.Clamp(_settings.Weather.TotalSeconds / 30, 1, 60));
        var warm = TimeSpan.FromSeconds(Math.Min(300, _settings.Weather.TotalSeconds / 3));
        while (!raging.IsCompleted && TimeProvider.System.GetElapsedTime(started) is var elapsed && elapsed < _settings.Weather)
        {
            await Task.WhenAny(raging, Task.Delay(every, TimeProvider.System, ct));
            var measured = _health.Measure(counts: elapsed >= warm);
            await _output.WriteLineAsync($"{measured}  promised {_devices.Sum(device => device.Promised)}  connected {_devices.Count(device => device.IsConnected)}");
        }
    }

    private async Task<(IReadOnlyList<string> Stuck, TimeSpan Took)> SettleAsync(CancellationToken ct)
    {
        var calm = TimeProvider.System.GetTimestamp();
        while (_devices.Any(device => !device.IsSettled) && TimeProvider.System.GetElapsedTime(calm) < _settings.Settle)
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, ct);
        return ([.. _devices.Where(device => !device.IsSettled).Select(device => device.Standing)], TimeProvider.System.GetElapsedTime(calm));
    }

    private async Task<int> CompareAsync(CancellationToken ct)
    {
        using var client = _server.Operator();
        var stored = 0;
        foreach (var device in _devices)
        {
            var all = await client.GetTelemetryAsync(device.Id, cancellationToken: ct).ToListAsync(ct);
            foreach (var (promises, isPlain) in new[] { (device.Plain, true), (device.Fast, false) })
            {
                var account = await promises.CompareAsync(all.Where(record => record.Stream.Length == 0 == isPlain).ToAsyncEnumerable(), ct);
                _wrong.AddRange(account.Wrong);
                stored += account.Stored;
            }
        }

        return stored;
    }

    private async Task LetGoAsync(int handlesBefore, CancellationToken ct)
    {
        foreach (var device in _devices) await device.DisposeAsync();
        await _mqtt.DisposeAsync();
        await _https.DisposeAsync();
        _health.Measure(counts: false);                        // collects what is still to be told of
        await ExpectAsync(Handles, handlesBefore, "handles are open with all devices gone", ct);
    }

    // Compared like with like, in calm: how many are open in bad weather says only how many are connected. What the network still holds of dead connections may take its time.
    private async Task ExpectAsync(Func<int> count, int most, string what, CancellationToken ct)
    {
        var begin = TimeProvider.System.GetTimestamp();
        while (count() > most + HandlesAllowance && TimeProvider.System.GetElapsedTime(begin) < Patience)
            await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, ct);
        if (count() is var open && open > most + HandlesAllowance)
            _wrong.Add($"{open} {what}, at most {most} were to be expected: {string.Join(", ", Health.OpenHandles().CountBy(target => target).Select(kind => $"{kind.Value} {kind.Key}"))}.");
    }

    private async Task<bool> JudgeAsync(IReadOnlyList<string> stuck, TimeSpan settled, int stored)
    {
        foreach (var (reason, times) in _devices.SelectMany(device => device.Reasons).GroupBy(one => one.Key).Select(one => (one.Key, one.Sum(of => of.Value))).OrderByDescending(one => one.Item2).Take(15))
            await _output.WriteLineAsync($"  {times,6} x {reason}");
        await _output.WriteLineAsync($"  roads: {_mqtt.Accepted + _https.Accepted} connections; {_mqtt.Struck}");
        if (_health.Unobserved > 0) _wrong.Add($"{_health.Unobserved} unobserved exceptions, the first: {_health.FirstUnobserved}");
        var growth = Growth().ToList();
        foreach (var line in stuck.Concat(_wrong).Concat(growth).Take(30)) await _output.WriteLineAsync(line);
        var word = stuck.Count > 0 ? "STUCK" : _wrong.Count > 0 ? "BROKEN" : growth.Count > 0 ? "GROWS" : "STEADY";
        await _output.WriteLineAsync(FormattableString.Invariant(
            $"{word}: {_settings.Weather.TotalMinutes:0.#} min, {_devices.Count} devices, {stuck.Count} stuck, the others well after {settled.TotalSeconds:0.0} s; {_devices.Sum(device => device.Promised)} messages promised, {stored} stored, {_wrong.Count} wrong; {_devices.Sum(device => device.Reconnects)} reconnects, {_devices.Sum(device => device.Restarts)} restarts, {_weather.Events} server events; heap {Text(_health.Heap)} MiB/h, RSS {Text(_health.Resident)} MiB/h, handles {Text(_health.Handles)} /h."));
        return word == "STEADY";
    }

    private IEnumerable<string> Growth()
    {
        if (_health.Heap.Grown > HeapAllowance) yield return FormattableString.Invariant($"The managed heap has grown by {_health.Heap.Grown:0.0} MiB or more.");
        if (_health.Resident.Grown > ResidentAllowance) yield return FormattableString.Invariant($"The resident memory has grown by {_health.Resident.Grown:0.0} MiB or more.");
    }

    private static string Text(Trend trend) => FormattableString.Invariant($"{trend.PerHour:+0.0;-0.0} ± {trend.Margin:0.0}");

    private static int Handles() => Health.OpenHandles().Count;

    private static int Sockets() => Health.OpenHandles().Count(target => target == "socket");

    public async ValueTask DisposeAsync()
    {
        foreach (var device in _devices) await device.DisposeAsync();
        await _mqtt.DisposeAsync();
        await _https.DisposeAsync();
        await _server.DisposeAsync();
        _health.Dispose();
        _folder.Dispose();
    }
}
