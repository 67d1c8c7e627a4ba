using IoTFleet.Api;
using IoTFleet.Device;
using Spectre.Console;

namespace IoTFleet.Simulator;

/// <summary>
/// One run against a server that is there: enrol and connect everybody, send, wait for the last answers, disconnect, read back, judge.
/// </summary>
internal sealed class FleetRun(Scenario scenario, Load load, ServerAddress server, FleetClient fleet, IAnsiConsole console, TimeProvider clock)
{
    private const int StartsAtOnce = 64; // a handshake costs both sides a millisecond; more at once only grows the queue
    private static readonly TimeSpan SettleTimeout = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan StartTimeout = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan BackoffMax = TimeSpan.FromSeconds(10); // an operator watches: come back soon

    private readonly FleetTally _tally = new();
    private readonly Stage _stage = new(console, clock);
    private readonly ServerWatch _watch = new(fleet, clock);
    private List<VirtualDevice> _devices = [];
    private TimeSpan _connecting;
    private TimeSpan _steady;
    private (CpuSample? Server, CpuSample? Simulator) _cpuBefore, _cpuAfter;

    /// <summary>The server's process id, when it runs on this machine: its CPU time goes into the report.</summary>
    public Func<int?> ServerProcessId { get; init; } = () => null;

    /// <summary>Completes when the server is gone for good.</summary>
    public Task<SimulatorException> ServerLost { get; init; } = new TaskCompletionSource<SimulatorException>().Task;

    /// <exception cref="OperationCanceledException">Stopped before anything was sent, or the waiting at the end was given up.</exception>
    public async Task<Report> RunAsync(StopSignal signal)
    {
        var startedAt = clock.GetUtcNow();
        try
        {
            await ConnectAsync(signal.Stop);
            await SendAsync(signal);
        }
        finally { await DisconnectAsync(); }
        if (ServerLost.IsCompleted) throw await ServerLost;
        return ReportOf(startedAt, await JudgeAsync(signal.Abandon));
    }

    private async Task ConnectAsync(CancellationToken stop)
    {
        var enrolment = new Enrolment(fleet, server.Trust, scenario, clock);
        var (welcome, shutOut) = await enrolment.PrepareAsync(load.DeviceIds, stop);
        SayShutOut(shutOut);
        _devices = [.. welcome.Select(id => new VirtualDevice(id, _tally, clock))];
        var started = clock.GetTimestamp();
        await _stage.RunAsync($"Connecting devices ({welcome.Count - enrolment.Enrolled} enrol first)", _devices.Count, async onStep =>
        {
            var options = new ParallelOptions { MaxDegreeOfParallelism = StartsAtOnce, CancellationToken = stop };
            await Parallel.ForEachAsync(_devices, options, async (device, cancel) =>
            {
                await StartAsync(device, enrolment, cancel);
                onStep();
            });
        });
        _connecting = clock.GetElapsedTime(started);
        await enrolment.FinishAsync(stop);
    }

    private async Task StartAsync(VirtualDevice device, Enrolment enrolment, CancellationToken stop)
    {
        using var deadline = new CancellationTokenSource(StartTimeout, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stop, deadline.Token);
        try
        {
            await device.StartAsync(OptionsOf(device.Id, enrolment, await enrolment.TokenForAsync(device.Id, either.Token)), either.Token);
        }
        catch (OperationCanceledException) when (deadline.IsCancellationRequested)
        {
            throw new SimulatorException($"{device.Id} was not connected after {StartTimeout.TotalMinutes:F0} minutes.");
        }
        catch (DeviceException e) { throw new SimulatorException($"{device.Id} cannot start: {e.Message}", e); }
    }

    private DeviceOptions OptionsOf(string id, Enrolment enrolment, string? token) => new()
    {
        DeviceId = id,
        Server = server.Https,
        RootFingerprint = server.Trust.RootFingerprint,
        EnrolmentToken = token,
        BrokerPort = server.MqttPort,
        KeyStore = enrolment.StoreOf(id),
        Outbox = new OutboxOptions { MaxMessages = load.Window },
        BackoffMax = BackoffMax,
        Clock = clock,
    };

    private async Task SendAsync(StopSignal signal)
    {
        using var limit = scenario.Duration is { } duration ? new CancellationTokenSource(duration, clock) : new CancellationTokenSource();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(signal.Stop, limit.Token);
        using var watching = new CancellationTokenSource();
        await _watch.LookAsync(stop.Token);
        Say(scenario.Duration is { } length ? $"Sending for {length.TotalSeconds:0.###} s; Ctrl-C ends it." : "Sending; Ctrl-C ends it.");
        _cpuBefore = SampleCpu();
        var started = clock.GetTimestamp();
        var watch = _watch.RunAsync(watching.Token);
        var run = StreamAsync(started, stop, signal.Abandon);
        await new LiveTable(console, () => Look(started), clock).RunAsync(run);
        await run;
        _steady = clock.GetElapsedTime(started);
        _cpuAfter = SampleCpu();
        await watching.CancelAsync();
        await watch;
    }

    private async Task StreamAsync(long started, CancellationTokenSource stop, CancellationToken abandon)
    {
        var streams = Task.WhenAll(_devices.Select(
            device => Task.Run(() => device.StreamAsync(load.MessagesOf(device.Id), load.Window, started, stop.Token))));
        if (await Task.WhenAny(streams, ServerLost) == ServerLost) await stop.CancelAsync();
        await streams;
        if (ServerLost.IsCompleted) return;
        await SettleAsync(abandon);
        await _watch.LookAsync(abandon); // so that the last line shows what is stored now, not a second ago
    }

    private async Task SettleAsync(CancellationToken abandon)
    {
        // A device that the server turned away meanwhile gets no more answers.
        var answers = Task.WhenAll(_devices.Where(device => !device.IsRefused).Select(device => device.Settled));
        var outstanding = _tally.Sent - _tally.Acked - _tally.Refused;
        if (!answers.IsCompleted) Say($"Sending has ended; waiting for {outstanding:N0} outstanding acks (Ctrl-C gives up).");
        try { await answers.WaitAsync(SettleTimeout, clock, abandon); }
        catch (TimeoutException) { Say($"Gave up after {SettleTimeout.TotalSeconds:F0} s; what has no ack counts as unacked."); }
        catch (OperationCanceledException) when (abandon.IsCancellationRequested) { } // the verdict then says unacked
    }

    private Task DisconnectAsync() => Parallel.ForEachAsync(
        _devices, new ParallelOptions { MaxDegreeOfParallelism = StartsAtOnce }, (device, _) => device.DisposeAsync());

    private async Task<Verdict> JudgeAsync(CancellationToken abandon)
    {
        var verdict = Verdict.Nothing;
        await _stage.RunAsync("Reading back what is stored", _devices.Count,
            async onDevice => verdict = await Verdict.ReachAsync(fleet, _devices, onDevice, abandon));
        return verdict;
    }

    private Snapshot Look(long started) => new()
    {
        Elapsed = clock.GetElapsedTime(started),
        Devices = _devices.Count,
        Connected = _devices.Count(device => device.IsConnected),
        Sent = _tally.Sent,
        Acked = _tally.Acked,
        Refused = _tally.Refused,
        Late = _tally.Late,
        Reconnects = _devices.Sum(device => device.Reconnects),
        AckMedian = _tally.AckLatency.Percentile(0.50),
        AckP99 = _tally.AckLatency.Percentile(0.99),
        ServerAnswers = _watch.Now is not null,
        Stored = _watch.Stored,
        RefusedByServer = _watch.Refused,
    };

    private Report ReportOf(DateTimeOffset startedAt, Verdict verdict) => new()
    {
        Load = load.Description,
        StartedAt = startedAt,
        Devices = _devices.Count,
        RowsInFile = load.Rows,
        ValuesInFile = load.Values,
        ConnectSeconds = _connecting.TotalSeconds,
        SteadySeconds = _steady.TotalSeconds,
        Sent = _tally.Sent,
        Acked = _tally.Acked,
        Refused = _tally.Refused,
        RefusedByServer = _watch.Refused,
        Late = _tally.Late,
        Reconnects = _devices.Sum(device => device.Reconnects),
        AckP50Milliseconds = _tally.AckLatency.Percentile(0.50)?.TotalMilliseconds,
        AckP95Milliseconds = _tally.AckLatency.Percentile(0.95)?.TotalMilliseconds,
        AckP99Milliseconds = _tally.AckLatency.Percentile(0.99)?.TotalMilliseconds,
        ServerCpuSeconds = _cpuAfter.Server?.Since(_cpuBefore.Server)?.TotalSeconds,
        ServerMemoryBytes = _cpuAfter.Server?.MemoryBytes,
        SimulatorCpuSeconds = _cpuAfter.Simulator?.Since(_cpuBefore.Simulator)?.TotalSeconds,
        Verdict = verdict,
    };

    private (CpuSample?, CpuSample?) SampleCpu() => (CpuSample.Take(ServerProcessId()), CpuSample.Take(Environment.ProcessId));

    private void SayShutOut(IReadOnlyList<(string Id, string State)> shutOut)
    {
        if (shutOut.Count == 0) return;
        var names = string.Join(", ", shutOut.Take(5).Select(device => $"{device.Id} is {device.State}"));
        if (scenario.Replay is not null) throw new SimulatorException($"The file needs devices that the server refuses: {names}.");
        Say($"Left out {shutOut.Count} of {load.DeviceIds.Count} devices, which the server refuses: {names}{(shutOut.Count > 5 ? ", ..." : ".")}");
    }

    private void Say(string line) => console.WriteLine(line);
}
