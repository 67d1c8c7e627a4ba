using IoTFleet.Fleet.Devices;
using IoTFleet.Fleet.Enrolment;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Fleet.Telemetry.Rules;

/// <summary>
/// Watches what is stored and opens and closes alerts.
/// <code>
///   TelemetryFeed -> RuleJudge -> AlertChanges (alert and notices in one commit) -> whoever delivers
///   every second: what has been silent       every minute, and when something changed: rules, devices, alerts anew from the database
/// </code>
/// The database is the truth: after an error, after messages were missed and at the start, it reads what is there and judges the newest values.
/// Without rules it does not watch, and a message costs nothing.
/// </summary>
public sealed class RuleWatch : IAsyncDisposable
{
    private static readonly TimeSpan Tick = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LookEvery = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(5);

    /// <summary>After a start devices come back one by one, and none of them has been silent by its own doing.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromMinutes(2);

    private readonly IDbContextFactory<FleetDbContext> _databases;
    private readonly TelemetryFeed _feed;
    private readonly TelemetryReader _reader;
    private readonly AlertChanges _alerts;
    private readonly FleetWriter _writer;
    private readonly RuleSignals _signals;
    private readonly TimeProvider _clock;
    private readonly ILogger<RuleWatch> _log;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Dictionary<string, WatchedDevice> _devices = new(StringComparer.Ordinal);
    private readonly RuleJudge _judge = new();
    private IReadOnlyList<Rule> _rules = [];
    private RuleBook _book = RuleBook.Empty;
    private TelemetryFeed.Watcher? _watcher;
    private readonly int _capacity;
    private Task<bool> _more = Task.FromResult(true);
    private Task _loop = Task.CompletedTask;
    private DateTimeOffset _silentFrom;
    private DateTimeOffset _lookAt;
    private bool _judgeNewest = true;
    private long _missed;
    private long _unseen;

    internal RuleWatch(
        IDbContextFactory<FleetDbContext> databases, TelemetryFeed feed, TelemetryReader reader, FleetWriter writer, RuleSignals signals, TimeProvider clock, ILogger<RuleWatch> log,
        int capacity = RuleLimits.MaxWaiting)
    {
        (_databases, _feed, _reader, _writer, _signals, _clock, _log) = (databases, feed, reader, writer, signals, clock, log);
        _alerts = new AlertChanges(writer, signals, clock);
        _capacity = capacity;
    }

    /// <summary>Messages judged.</summary>
    internal long Judged { get; private set; }

    /// <summary>Times that the database was looked at.</summary>
    internal long Looks { get; private set; }

    /// <summary>Messages that came faster than they could be judged.</summary>
    internal long Missed => _missed;

    public void Start()
    {
        _silentFrom = _clock.GetUtcNow() + Grace;
        _loop = Task.Run(RunAsync);
    }

    public async Task StopAsync()
    {
        await _stopping.CancelAsync();
        await _loop;
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _watcher?.Dispose();
        _stopping.Dispose();
    }

    private async Task RunAsync()
    {
        var ct = _stopping.Token;
        using var ticks = new PeriodicTimer(Tick, _clock);
        var tick = ticks.WaitForNextTickAsync(ct).AsTask();
        var signal = _signals.Rules.WaitToReadAsync(ct).AsTask();
        while (!ct.IsCancellationRequested)
        {
            try
            {
                if (_signals.Rules.TryRead(out _) || _clock.GetUtcNow() >= _lookAt) await LookAsync(ct);
                await JudgeAsync(ct);
                if (_more.IsCompleted && _watcher is not null) _more = _watcher.Messages.WaitToReadAsync(ct).AsTask();
                if (signal.IsCompleted) signal = _signals.Rules.WaitToReadAsync(ct).AsTask();
                await (_watcher is null ? Task.WhenAny(tick, signal) : Task.WhenAny(tick, signal, _more));
                if (tick.IsCompleted) tick = ticks.WaitForNextTickAsync(ct).AsTask();
            }
            catch (Exception error) when (!ct.IsCancellationRequested) // Whatever it was, what is in the database is judged anew.
            {
                FleetLog.RulesNotJudged(_log, error);
                (_lookAt, _judgeNewest) = (default, true);
                await Task.WhenAny(Task.Delay(Pause, _clock, ct));
            }
            catch (OperationCanceledException)
            {
                return; // the server stops
            }
        }
    }

    /// <summary>What waits, and who is silent.</summary>
    private async Task JudgeAsync(CancellationToken ct)
    {
        for (var taken = 0; taken < RuleLimits.MaxWaiting && _watcher?.Messages.TryRead(out var message) == true; taken++)
        {
            if (await DeviceAsync(message.DeviceId, ct) is { } device) _judge.Stored(device, message);
            Judged++;
        }
        if (_watcher?.Missed is { } missed && missed > _missed)
        {
            FleetLog.RulesMissed(_log, missed - _missed);
            _missed = missed;
            await JudgeNewestAsync(ct);
        }
        var now = _clock.GetUtcNow();
        if (now >= _silentFrom)
        {
            foreach (var device in _devices.Values.Where(device => device.Active)) _judge.Silent(device, EpochTime.ToMicroseconds(now));
        }
        await WriteAsync(ct);
    }

    private async Task WriteAsync(CancellationToken ct)
    {
        if (_judge.TakeChanges() is { Count: > 0 } changes) await _alerts.ApplyAsync(changes, ct);
        if (_judge.Unseen == _unseen) return;
        FleetLog.RulesUnseen(_log, _judge.Unseen - _unseen);
        _unseen = _judge.Unseen;
    }

    /// <summary>One that the last look did not find, or found away, may have come since.</summary>
    private async ValueTask<WatchedDevice?> DeviceAsync(string id, CancellationToken ct)
    {
        if (_devices.TryGetValue(id, out var known) && known.Active) return known;
        await using var db = await _databases.CreateDbContextAsync(ct);
        var found = await Rows(db.Devices.Where(device => device.Id == id)).SingleOrDefaultAsync(ct);
        return found is null ? null : Take(found);
    }

    private async Task LookAsync(CancellationToken ct)
    {
        await using var db = await _databases.CreateDbContextAsync(ct);
        var rules = await db.Rules.AsNoTracking().OrderBy(rule => rule.Id).ToListAsync(ct);
        if (!rules.Select(Version).SequenceEqual(_rules.Select(Version))) (_rules, _book, _judgeNewest) = (rules, new RuleBook(rules), true);
        var open = await db.Alerts.AsNoTracking().Where(alert => alert.OpenKey != null).Select(alert => new OpenAlert(alert.Id, alert.RuleId, alert.DeviceId, alert.Since)).ToListAsync(ct);
        if (_book.IsEmpty) Forget();
        else await LookAtDevicesAsync(db, ct);
        if (_devices.Count > 0 || open.Count > 0) await TakeAlertsAsync(open, ct);
        if (_judgeNewest && !_book.IsEmpty) await JudgeNewestAsync(ct);
        (_judgeNewest, _lookAt) = (false, _clock.GetUtcNow() + LookEvery);
        Looks++;
    }

    private static (string, DateTimeOffset, bool) Version(Rule rule) => (rule.Id, rule.ChangedAt, rule.Enabled);

    private void Forget()
    {
        foreach (var device in _devices.Values) _judge.Forget(device);
        _devices.Clear();
        _watcher?.Dispose();
        (_watcher, _more, _missed) = (null, Task.FromResult(true), 0);
    }

    private async Task LookAtDevicesAsync(FleetDbContext db, CancellationToken ct)
    {
        _watcher ??= _feed.Watch(_capacity); // before anything is read, so that nothing is between
        var heard = await _reader.HeardAsync(ct);
        var rows = await Rows(db.Devices).ToListAsync(ct);
        foreach (var gone in _devices.Keys.Except(rows.Select(row => row.Id)).ToList())
        {
            _judge.Forget(_devices[gone]);
            _devices.Remove(gone);
        }
        foreach (var row in rows)
        {
            var device = Take(row);
            if (heard.TryGetValue(row.Id, out var last)) device.HeardUs = Math.Max(device.HeardUs, last);
        }
    }

    /// <summary>A device that is not active is watched by no rule.</summary>
    private WatchedDevice Take(DeviceRow row)
    {
        if (!_devices.TryGetValue(row.Id, out var device)) _devices[row.Id] = device = new WatchedDevice(row.Id);
        var active = row.State == DeviceState.Active;
        if (active && !device.Active) device.HeardUs = Math.Max(device.HeardUs, EpochTime.ToMicroseconds(row.Since)); // it could not be heard before
        (device.Group, device.Active) = (row.Group ?? EnrolmentGroup.DefaultId, active);
        _judge.Follow(device, active ? _book.Of(row.Id, device.Group) : RuleSet.None);
        return device;
    }

    /// <summary>The database's alerts are the ones there are: an operator may have closed some, and a write may have failed.</summary>
    private async Task TakeAlertsAsync(List<OpenAlert> open, CancellationToken ct)
    {
        var known = open.ToDictionary(alert => Alert.KeyOf(alert.RuleId, alert.DeviceId), StringComparer.Ordinal);
        foreach (var device in _devices.Values)
        {
            foreach (var (rule, standing) in device.Standings)
            {
                if (standing.AlertId is not { } id || known.ContainsKey(Alert.KeyOf(rule.Rule.Id, device.Id))) continue;
                standing.AlertId = null;
                if (id != Standing.Pending) (standing.SinceUs, standing.SeenUs) = (Standing.Never, rule.IsSilence ? RuleJudge.HeardUs(device, rule, standing) : standing.SeenUs);
            }
        }
        var unwatched = open.Where(alert => !_judge.TakeOpen(_devices.GetValueOrDefault(alert.DeviceId), alert)).ToList();
        _judge.Open = open.Count - unwatched.Count;
        if (unwatched.Count > 0) await CloseUnwatchedAsync(unwatched, ct);
    }

    private async Task CloseUnwatchedAsync(List<OpenAlert> alerts, CancellationToken ct)
    {
        foreach (var ofRule in alerts.GroupBy(alert => alert.RuleId, StringComparer.Ordinal))
        {
            var devices = ofRule.Select(alert => alert.DeviceId).ToHashSet(StringComparer.Ordinal);
            await _writer.RunAsync(async (db, token) =>
            {
                var rule = await db.Rules.AsNoTracking().SingleOrDefaultAsync(rule => rule.Id == ofRule.Key, token);
                await AlertChanges.CloseAllAsync(db, ofRule.Key, rule, devices.Contains, "system", _clock, token);
                return true;
            }, ct);
        }
        _signals.DeliveriesWait();
    }

    private async Task JudgeNewestAsync(CancellationToken ct)
    {
        foreach (var some in _devices.Values.Where(device => device.Active && device.Set.Rules.Length > 0).Chunk(1_000))
        {
            foreach (var latest in await _reader.LatestAsync([.. some.Select(device => device.Id)], ct)) _judge.Newest(_devices[latest.DeviceId], latest);
            await WriteAsync(ct);
        }
    }

    private static IQueryable<DeviceRow> Rows(IQueryable<Device> devices) =>
        devices.AsNoTracking().Select(device => new DeviceRow(device.Id, device.GroupId, device.State, device.StateChangedAt));

    private sealed record DeviceRow(string Id, string? Group, DeviceState State, DateTimeOffset Since);
}

/// <summary>An alert of the database that is not closed.</summary>
internal sealed record OpenAlert(string Id, string RuleId, string DeviceId, DateTimeOffset Since);
