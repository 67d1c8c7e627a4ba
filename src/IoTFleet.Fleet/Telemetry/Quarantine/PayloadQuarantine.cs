using System.Threading.Channels;
using IoTFleet.Fleet.Telemetry.Formats;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Fleet.Telemetry.Quarantine;

/// <summary>
/// Keeps what could not be read, apart from the path of what can: a queue of its own that nobody waits for, one transaction a second,
/// and a bound for each device and for all. Runs from its making until it is stopped.
/// </summary>
public sealed class PayloadQuarantine : IAsyncDisposable
{
    /// <summary>Payloads waiting to be written; when full the oldest is dropped and counted.</summary>
    internal const int MaxWaiting = 256;

    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    private readonly Channel<QuarantinedPayload> _waiting;
    private readonly FleetWriter _writer;
    private readonly FormatOptions _options;
    private readonly FleetMetrics _metrics;
    private readonly TimeProvider _clock;
    private readonly ILogger<PayloadQuarantine> _log;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Task _loop;

    public PayloadQuarantine(FleetWriter writer, FormatOptions options, FleetMetrics metrics, TimeProvider clock, ILogger<PayloadQuarantine> log)
    {
        (_writer, _options, _metrics, _clock, _log) = (writer, options, metrics, clock, log);
        _waiting = Channel.CreateBounded<QuarantinedPayload>(
            new BoundedChannelOptions(MaxWaiting) { SingleReader = true, FullMode = BoundedChannelFullMode.DropOldest }, _ => metrics.CountQuarantineDropped());
        _loop = Task.Run(RunAsync);
    }

    /// <summary>Counts it, and keeps it if the bounds allow. Never waits.</summary>
    public void Add(in Arrival arrival, Unreadable problem)
    {
        _metrics.CountTelemetryUnreadable(problem.Code);
        if (_options.MaxQuarantined > 0) _waiting.Writer.TryWrite(QuarantinedPayload.Of(arrival, problem));
    }

    /// <summary>What is waiting is still written.</summary>
    public async Task StopAsync()
    {
        _waiting.Writer.TryComplete();
        await _stopping.CancelAsync();
        await _loop;
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _stopping.Dispose();
    }

    private async Task RunAsync()
    {
        var batch = new List<QuarantinedPayload>(MaxWaiting);
        while (await _waiting.Reader.WaitToReadAsync())
        {
            while (batch.Count < MaxWaiting && _waiting.Reader.TryRead(out var payload)) batch.Add(payload);
            await StoreAsync(batch);
            batch.Clear();
            await PauseAsync();
        }
    }

    private async Task StoreAsync(List<QuarantinedPayload> batch)
    {
        try
        {
            await _writer.RunAsync((db, ct) => WriteAsync(db, batch, ct), CancellationToken.None);
        }
        catch (Exception error) // Whatever the database said: they were refused and counted, and the next ones have their own chance.
        {
            _metrics.CountQuarantineDropped(batch.Count);
            FleetLog.QuarantineNotStored(_log, batch.Count, error);
        }
    }

    private async Task<bool> WriteAsync(FleetDbContext db, List<QuarantinedPayload> batch, CancellationToken ct)
    {
        db.TelemetryQuarantine.AddRange(batch);
        await db.SaveChangesAsync(ct);
        db.ChangeTracker.Clear();
        foreach (var device in batch.Select(payload => payload.DeviceId).Distinct(StringComparer.Ordinal))
            await ForgetAsync(db.TelemetryQuarantine.Where(payload => payload.DeviceId == device), _options.MaxQuarantinedPerDevice, ct);
        await ForgetAsync(db.TelemetryQuarantine, _options.MaxQuarantined, ct);
        return true;
    }

    /// <summary>All but the newest.</summary>
    private static async Task ForgetAsync(IQueryable<QuarantinedPayload> payloads, int keep, CancellationToken ct)
    {
        var newest = await payloads.OrderByDescending(payload => payload.Id).Skip(keep).Select(payload => payload.Id).FirstOrDefaultAsync(ct);
        if (newest > 0) await payloads.Where(payload => payload.Id <= newest).ExecuteDeleteAsync(ct);
    }

    /// <summary>Who sends nothing but nonsense, as fast as it can, costs the database one transaction a second.</summary>
    private async Task PauseAsync()
    {
        try
        {
            await Task.Delay(Pause, _clock, _stopping.Token);
        }
        catch (OperationCanceledException)
        {
            // The rest is written now.
        }
    }
}
