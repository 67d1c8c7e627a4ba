namespace IoTFleet.Simulator;

/// <summary>Which devices a scenario has, and what each of them sends.</summary>
internal sealed class Load : IDisposable
{
    private readonly Scenario _scenario;
    private readonly Replay? _replay;
    private readonly Dictionary<string, int> _numbers = [];

    private Load(Scenario scenario, Replay? replay)
    {
        (_scenario, _replay) = (scenario, replay);
        DeviceIds = replay?.DeviceIds ?? [.. Enumerable.Range(1, scenario.Devices).Select(number => $"sim-{number:D5}")];
        for (var number = 0; number < DeviceIds.Count; number++) _numbers[DeviceIds[number]] = number;
    }

    public IReadOnlyList<string> DeviceIds { get; }

    public long? Rows => _replay?.Rows;

    public long? Values => _replay?.Values;

    /// <summary>How many messages of one device may be outstanding.</summary>
    public int Window => IsFlatOut ? VirtualDevice.FlatOutWindow : VirtualDevice.ScheduledWindow;

    public string Description => _replay is null
        ? $"{DeviceIds.Count:N0} devices, each sending {Rate:0.###} a second"
        : $"{Path.GetFileName(_scenario.Replay!.File)}: {DeviceIds.Count:N0} devices, {Rows:N0} rows, {Pace}";

    private bool IsFlatOut => _replay is not null && _scenario.Rate is null && _scenario.Replay!.Speed is null;

    private double Rate => _scenario.Rate ?? Scenario.DefaultRate;

    private string Pace => _scenario switch
    {
        { Rate: { } rate } => $"{rate:0.###} rows a second each",
        { Replay.Speed: { } speed } => $"at {speed:0.###} times their own pace",
        _ => "as fast as the server acknowledges",
    };

    /// <exception cref="ReplayException">The file cannot be replayed.</exception>
    public static Load Of(Scenario scenario) => new(scenario, scenario.Replay is { } options ? Replay.Open(options) : null);

    public IEnumerable<Measurement> MessagesOf(string deviceId)
    {
        var number = _numbers[deviceId];
        var schedule = new Schedule(Rate, (double)number / DeviceIds.Count);
        return _replay?.Read(deviceId, _scenario.Rate is null ? null : schedule) ?? Signals.Of(number, schedule);
    }

    public void Dispose() => _replay?.Dispose();
}
