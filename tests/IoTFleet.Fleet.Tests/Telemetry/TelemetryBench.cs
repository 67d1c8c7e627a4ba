using System.Collections.Concurrent;
using System.Text;
using IoTFleet.Fleet.Telemetry;
using IoTFleet.Fleet.Telemetry.Formats;
using IoTFleet.Fleet.Telemetry.Store;
using IoTFleet.Fleet.Tests.Databases;
using IoTFleet.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Fleet.Tests.Telemetry;

/// <summary>Telemetry's part of the fleet over a real database, which outlives it when it is given to the next one, and with a store that the test can hold back.</summary>
internal sealed class TelemetryBench : IAsyncDisposable
{
    internal static readonly DateTimeOffset Noon = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);

    private readonly TestDatabase _database;
    private readonly bool _ownsDatabase;
    private readonly ServiceProvider _services;

    internal TelemetryBench(TelemetryOptions? options = null, TestDatabase? database = null, bool ownsDatabase = true)
    {
        (_database, _ownsDatabase) = (database ?? new SqliteTestDatabase(), ownsDatabase);
        var services = _database.AddTo(new ServiceCollection().AddSingleton(new FleetNode("bench")))
            .AddLogging(logging => logging.AddProvider(Log))
            .AddSingleton<TimeProvider>(Clock)
            .AddSingleton<FleetMetrics>()
            .AddTelemetry(options ?? new TelemetryOptions());
        var real = services.Single(service => service.ServiceType == typeof(ITelemetryStore));
        services.AddSingleton<ITelemetryStore>(provider => Store = new HeldStore((ITelemetryStore)(real.ImplementationInstance ?? real.ImplementationFactory!(provider))));
        _services = services.BuildServiceProvider();
    }

    internal FakeClock Clock { get; } = new(Noon);
    internal StrictLog Log { get; } = new();
    internal HeldStore Store { get; private set; } = null!;
    internal TelemetryIngest Ingest => Get<TelemetryIngest>();
    internal TelemetryReader Reader => Get<TelemetryReader>();

    internal static async Task<TelemetryBench> StartAsync(TelemetryOptions? options = null, TestDatabase? database = null)
    {
        var bench = new TelemetryBench(options, database ?? await TestDatabase.ForThisTestAsync(), ownsDatabase: database is null);
        await bench.Get<TelemetryDatabase>().MigrateAsync(default);
        await bench.Ingest.StartAsync(default);
        return bench;
    }

    internal T Get<T>()
        where T : notnull => _services.GetRequiredService<T>();

    internal static TelemetryMessage Message(string device, string json, int? second = null, long? sequence = null, string stream = "") =>
        new(device, stream, Noon, sequence, null, default, [new Reading(Noon.AddSeconds(second ?? 0), second is not null, Encoding.UTF8.GetBytes(json))]);

    internal async Task<Task> AcceptAsync(TelemetryMessage message) => await Ingest.AcceptAsync(message, default);

    internal async Task StoreAsync(params TelemetryMessage[] messages)
    {
        foreach (var message in messages) await await AcceptAsync(message);
    }

    internal async Task MergeAsync() => await Get<TelemetryMerger>().MergeNowAsync(default);

    internal async Task<List<string>> BodiesAsync(string device) =>
        await Reader.ReadAsync(new ReadingRange(device), default).Select(reading => Encoding.UTF8.GetString(reading.Body.Span)).ToListAsync();

    internal Task<int> RowsAsync() => InDatabaseAsync(db => db.Readings.CountAsync());

    internal async Task<T> InDatabaseAsync<T>(Func<TelemetryDbContext, Task<T>> read)
    {
        await using var db = await Get<IDbContextFactory<TelemetryDbContext>>().CreateDbContextAsync();
        return await read(db);
    }

    /// <summary>As a process that is killed: nothing more is stored or merged.</summary>
    internal void Kill() => Store.Kill();

    public async ValueTask DisposeAsync()
    {
        await using (var db = await Get<IDbContextFactory<TelemetryDbContext>>().CreateDbContextAsync()) await _database.CloseAsync(db);
        await _services.DisposeAsync();
        if (_ownsDatabase) await _database.DisposeAsync();
    }
}

/// <summary>A store under the test's thumb: it holds appends and merges back while told so, and fails as told.</summary>
internal sealed class HeldStore(ITelemetryStore real) : ITelemetryStore, IDisposable
{
    private readonly ConcurrentQueue<Exception> _appendFaults = new();
    private TaskCompletionSource _open = Opened();
    private bool _killed;
    private int _mergesLeft = int.MaxValue;

    internal ConcurrentQueue<Exception> MergeFaults { get; } = new();

    internal int Appends { get; private set; }

    internal void FailAppend(Exception error) => _appendFaults.Enqueue(error);

    internal void Hold() => _open = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    internal void Release() => _open.TrySetResult();

    internal void Kill() => _killed = true;

    internal void KillAfterMerges(int merges) => _mergesLeft = merges;

    public async Task AppendAsync(LogEntry entry, CancellationToken ct)
    {
        await _open.Task.WaitAsync(ct);
        Appends++;
        if (_killed) throw new InvalidDataException("killed");
        var faulty = _appendFaults.TryDequeue(out var fault);
        if (!faulty || fault is IOException) await real.AppendAsync(entry, ct); // IOException: stored, and the answer was lost
        if (faulty) throw fault!;
    }

    public Task<IReadOnlyList<LogEntry>> ReadLogAsync(long beyond, int limit, CancellationToken ct) => real.ReadLogAsync(beyond, limit, ct);

    public Task ForgetLogAsync(long upTo, CancellationToken ct) => _killed ? throw new InvalidDataException("killed") : real.ForgetLogAsync(upTo, ct);

    public async Task MergeAsync(MergeSlice slice, CancellationToken ct)
    {
        if (_mergesLeft-- == 0) _killed = true;
        if (_killed) throw new InvalidDataException("killed");
        if (MergeFaults.TryDequeue(out var fault)) throw fault;
        await real.MergeAsync(slice, ct);
    }

    public Task<DroppedReadings> DropBeforeAsync(long timeUs, CancellationToken ct) => real.DropBeforeAsync(timeUs, ct);

    public void Dispose() => (real as IDisposable)?.Dispose();

    private static TaskCompletionSource Opened()
    {
        var open = new TaskCompletionSource();
        open.SetResult();
        return open;
    }
}
