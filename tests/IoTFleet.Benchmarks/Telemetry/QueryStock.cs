using System.Globalization;
using IoTFleet.Fleet;
using IoTFleet.Fleet.Devices;
using IoTFleet.Fleet.Sqlite;
using IoTFleet.Fleet.Telemetry;
using IoTFleet.Fleet.Telemetry.Rollups;
using IoTFleet.Fleet.Telemetry.Store;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace IoTFleet.Benchmarks.Telemetry;

/// <summary>
/// A fleet's telemetry in a folder: of each device a month, of which the last day is dense (a message each 10 s at full size) and the days before are
/// sparse. Made once, and found there by the next run.
/// </summary>
internal sealed class QueryStock : IAsyncDisposable
{
    internal const int Devices = 1_000;

    private const int Originals = 20;

    internal static readonly DateTimeOffset LastDay = new(2026, 1, 31, 0, 0, 0, TimeSpan.Zero);
    internal static readonly DateTimeOffset Start = LastDay.AddDays(-29);

    private readonly string _folder;
    private readonly ServiceProvider _services;

    private QueryStock(string folder)
    {
        _folder = folder;
        _services = new ServiceCollection().AddLogging().AddSingleton(TimeProvider.System).AddSingleton<FleetMetrics>().AddSingleton(new FleetNode("bench"))
            .AddTelemetry(new TelemetryOptions())
            .AddSqliteFleet(Path.Combine(folder, "fleet.db"))
            .AddSqliteTelemetry(Path.Combine(folder, "telemetry.db"), Path.Combine(folder, "telemetry-log.db"))
            .BuildServiceProvider();
    }

    internal long Bytes => new DirectoryInfo(_folder).EnumerateFiles("telemetry.db*").Sum(file => file.Length);

    internal static string DeviceId(int number) => string.Create(CultureInfo.InvariantCulture, $"device-{number:0000}");

    internal T Get<T>()
        where T : notnull => _services.GetRequiredService<T>();

    internal static async Task<QueryStock> OpenAsync(string folder, int messages)
    {
        Directory.CreateDirectory(folder);
        var stock = new QueryStock(folder);
        var done = Path.Combine(folder, "complete");
        if (File.Exists(done)) return stock;
        await stock.Get<FleetDatabase>().MigrateAsync(default);
        await stock.Get<TelemetryDatabase>().MigrateAsync(default);
        await stock.LoadAsync(messages / Devices);
        await File.WriteAllTextAsync(done, "");
        return stock;
    }

    public ValueTask DisposeAsync() => _services.DisposeAsync();

    /// <summary>
    /// In the order of time, as a fleet sends: six hours of all devices, then the next, so that rows lie on the disk as they do in life.
    /// The first devices' are merged and rolled up as the server does it; the others are copies of them, made by SQLite itself, which takes a tenth of the time.
    /// </summary>
    private async Task LoadAsync(int each)
    {
        var (merge, rollUp, copy, numbers) = (new Spent(), new Spent(), new Spent(), await RegisterAsync());
        var senders = numbers.Take(Originals).Select((number, n) => new StockDevice(number, DeviceId(n), n, each)).ToList();
        using var copies = new StockCopies(Path.Combine(_folder, "telemetry.db"), numbers, Originals);
        for (var from = Start; from < LastDay.AddDays(1); from = from.AddHours(6))
        {
            var to = from.AddHours(6);
            await merge.OnAsync(() => Get<ITelemetryStore>().MergeAsync(StockDevice.Slice(senders.ConvertAll(sender => sender.Until(to))), default));
            await rollUp.OnAsync(() => Get<TelemetryRollup>().PassAsync(all: true, default));
            await copy.OnAsync(() => Task.Run(() => copies.Make(from, to)));
        }
        copies.Finish();
        Console.WriteLine($"merged {each * Originals} messages: {merge}");
        Console.WriteLine($"rolled up {each * Originals} messages of {await HoursAsync() / (Devices / Originals)} device-hours: {rollUp}");
        Console.WriteLine($"copied to {Devices} devices: {copy}");
    }

    private async Task<int> HoursAsync()
    {
        await using var db = await Get<IDbContextFactory<TelemetryDbContext>>().CreateDbContextAsync();
        return await db.Minutes.CountAsync();
    }

    private async Task<List<int>> RegisterAsync()
    {
        await using (var fleet = await Get<IDbContextFactory<FleetDbContext>>().CreateDbContextAsync())
        {
            fleet.Devices.AddRange(Enumerable.Range(0, Devices).Select(n => new Device { Id = DeviceId(n), State = IoTFleet.Fleet.Devices.DeviceState.Active, RegisteredAt = Start, StateChangedAt = Start }));
            await fleet.SaveChangesAsync();
        }
        await using var db = await Get<IDbContextFactory<TelemetryDbContext>>().CreateDbContextAsync();
        var devices = Enumerable.Range(0, Devices).Select(n => new TelemetryDevice { DeviceId = DeviceId(n) }).ToList();
        db.Devices.AddRange(devices);
        await db.SaveChangesAsync();
        return devices.ConvertAll(device => device.Number);
    }

    /// <summary>What a kind of work took, in pieces.</summary>
    private sealed class Spent
    {
        private TimeSpan _time;
        private TimeSpan _cpu;

        internal async Task OnAsync(Func<Task> work)
        {
            var (started, cpu) = (TimeProvider.System.GetTimestamp(), Environment.CpuUsage.TotalTime);
            await work();
            _time += TimeProvider.System.GetElapsedTime(started);
            _cpu += Environment.CpuUsage.TotalTime - cpu;
        }

        public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{_time.TotalSeconds:0} s, {_cpu.TotalSeconds:0} s of CPU");
    }
}
