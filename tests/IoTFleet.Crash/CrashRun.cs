using IoTFleet.Api;
using IoTFleet.Crash.Devices;
using IoTFleet.Mqtt;
using IoTFleet.Testing;

namespace IoTFleet.Crash;

/// <summary>
/// <code>
///   start, enrol, load ──▶ kill ──▶ start ──▶ kill ... ──▶ start, devices silent ──▶ REST: everything of every device ──▶ verdict
/// </code>
/// </summary>
internal sealed class CrashRun : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly CrashSettings _settings;
    private readonly TextWriter _output;
    private readonly Random _random;
    private readonly TemporaryFolder _folder = new();
    private readonly MortalServer _server;
    private readonly List<ICrashDevice> _devices = [];
    private readonly List<Task> _sending = [];
    private readonly CancellationTokenSource _done = new();
    private MortalDatabase? _database;
    private int _told;

    public CrashRun(CrashSettings settings, TextWriter output)
    {
        (_settings, _output, _random) = (settings, output, new Random(settings.Seed));
        _server = new MortalServer(_folder.Path, settings.Mutant);
    }

    private int Acknowledged => _devices.Sum(device => device.Promises.Acknowledged);

    /// <returns>Whether every promise was kept.</returns>
    public async Task<bool> RunAsync(CancellationToken ct)
    {
        try
        {
            if (_settings.OnPostgreSql) await StartDatabaseAsync();
            _server.Start();
            await _server.ReadyAsync(ct);
            await SendAsync(ct);
            for (var cycle = 1; cycle <= _settings.Cycles; cycle++) await CycleAsync(cycle, ct);
            await SilenceAsync();
            _server.Start();
            await _server.ReadyAsync(ct);
            return await JudgeAsync(ct);
        }
        catch (CrashRunException failure)
        {
            await _output.WriteLineAsync($"FAILED: {failure.Message}");
            return false;
        }
    }

    private async Task StartDatabaseAsync()
    {
        _database = await MortalDatabase.CreateAsync(_random);
        _server.Lasting = [("IoTFleet__Database", "postgresql"), ("IoTFleet__ConnectionString", _database.ConnectionString)];
    }

    private async Task SendAsync(CancellationToken ct)
    {
        using var client = _server.Operator();
        var token = (await client.CreateTokenAsync(new CreateTokenRequest { Name = "crash", MaxUses = _settings.Devices }, ct)).Secret;
        var fingerprint = ServerFile.TryRead(_folder.Path)!.RootFingerprint;
        for (var i = 0; i < _settings.Devices; i++) _devices.Add(Device(i, token, fingerprint));
        foreach (var device in _devices)
        {
            var enrolled = new TaskCompletionSource();
            _sending.Add(Task.Run(() => device.RunAsync(enrolled, _done.Token), ct));
            await await Task.WhenAny(enrolled.Task, _sending[^1]);
        }
    }

    private ICrashDevice Device(int index, string token, string fingerprint)
    {
        var promises = new Promises($"crash-{index}");
        return (index % 5) switch
        {
            0 or 1 => new SdkDevice(promises, _server, token, fingerprint, readings: 1),
            2 => new SdkDevice(promises, _server, token, fingerprint, readings: 4),
            3 => new PlainDevice(promises, _server, token, ProtocolVersion.V311, byTime: false),
            _ => new PlainDevice(promises, _server, token, ProtocolVersion.V5, byTime: true),
        };
    }

    private async Task CycleAsync(int cycle, CancellationToken ct)
    {
        // The first life has begun with the enrolments, and the next ones are of all kinds.
        var moment = cycle == 1 ? Moment.Load : Next();
        if (cycle > 1) _server.Start(SettingsOf(moment));
        var lived = TimeProvider.System.GetTimestamp();
        await UntilAsync(moment, ct);
        var how = await DieAsync(_database?.Next(moment) ?? Outage.None, ct);
        _output.WriteLine($"cycle {cycle,3}  {moment,-8} {how}lived {TimeProvider.System.GetElapsedTime(lived).TotalMilliseconds,6:0} ms  acknowledged {Acknowledged - _told,6}");
        _told = Acknowledged;
        if (_sending.FirstOrDefault(task => task.IsFaulted) is { } broken) await broken;
    }

    private Moment Next() => _settings.Only ?? _random.Next(20) switch
    {
        < 3 => Moment.Birth,
        < 7 => Moment.Recovery,
        < 13 => Moment.Load,
        _ => Moment.Merge,
    };

    private static (string, string)[] SettingsOf(Moment moment) =>
        moment == Moment.Merge ? [("Telemetry__MergeEvery", "00:00:00.020"), ("Telemetry__RollUpEvery", "00:00:01")] : [];

    private async Task UntilAsync(Moment moment, CancellationToken ct)
    {
        switch (moment)
        {
            case Moment.Birth: await WaitAsync(_random.NextDouble() * 100, ct); break;
            case Moment.Recovery: await WaitAsync(_random.NextDouble() * 1.2 * _server.StartTook.TotalMilliseconds, ct); break;
            default: await UnderLoadAsync(ct); break;
        }
    }

    private async Task UnderLoadAsync(CancellationToken ct)
    {
        await _server.ReadyAsync(ct);
        var (enough, started) = (Acknowledged + _random.Next(1, 150 * _settings.Devices), TimeProvider.System.GetTimestamp());
        while (Acknowledged < enough)
        {
            if (TimeProvider.System.GetElapsedTime(started) > Patience)
                throw new CrashRunException($"Only {Acknowledged} of {enough} readings were acknowledged within {Patience.TotalSeconds} s:\n{_server.Output}");
            await WaitAsync(2, ct);
        }
        await WaitAsync(_random.NextDouble() * 10, ct);
    }

    /// <summary>The server, and perhaps the database: in the same moment, or before it, and then it must be back and the server served again first.</summary>
    /// <returns>What happened beside the server's death.</returns>
    private async Task<string> DieAsync(Outage outage, CancellationToken ct)
    {
        if (outage == Outage.None)
        {
            await _server.KillAsync();
            return "";
        }
        var together = _random.Next(3) == 0;
        await _database!.DieAsync(outage);
        if (together) await _server.KillAsync();
        await _database.ReturnAsync(outage);
        if (together) return $"database: {outage}, both at once, ";
        await UnderLoadAsync(ct);
        await _server.KillAsync();
        return $"database: {outage}, and back, ";
    }

    private static Task WaitAsync(double milliseconds, CancellationToken ct) => Task.Delay(TimeSpan.FromMilliseconds(milliseconds), TimeProvider.System, ct);

    private async Task SilenceAsync()
    {
        await _done.CancelAsync();
        try
        {
            await Task.WhenAll(_sending);
        }
        catch (OperationCanceledException)
        {
            // Told to.
        }
    }

    private async Task<bool> JudgeAsync(CancellationToken ct)
    {
        using var client = _server.Operator();
        var accounts = new List<Account>();
        foreach (var device in _devices) accounts.Add(await device.Promises.CompareAsync(client.GetTelemetryAsync(device.Promises.Device, cancellationToken: ct), ct));
        foreach (var wrong in accounts.SelectMany(account => account.Wrong).Take(20)) await _output.WriteLineAsync(wrong);
        var kept = accounts.All(account => account.Wrong.Count == 0);
        var (lost, twice, stored) = (accounts.Sum(account => account.Lost), accounts.Sum(account => account.Twice), accounts.Sum(account => account.Stored));
        await _output.WriteLineAsync($"{(kept ? "KEPT" : "BROKEN")} on {(_database is null ? "SQLite" : "PostgreSQL")}: {_settings.Cycles} kills, {_settings.Devices} devices, {Acknowledged} readings acknowledged, {stored} stored; {lost} lost, {twice} twice.");
        return kept;
    }

    public async ValueTask DisposeAsync()
    {
        await SilenceAsync();
        await _server.DisposeAsync();
        if (_database is not null) await _database.DisposeAsync();
        _done.Dispose();
        _folder.Dispose();
    }
}
