using System.Globalization;
using System.Text;
using IoTFleet.Fleet;
using IoTFleet.Fleet.Devices;
using IoTFleet.Fleet.Sqlite;
using IoTFleet.Fleet.Telemetry;
using IoTFleet.Fleet.Telemetry.Formats;
using IoTFleet.Fleet.Telemetry.Rules;
using IoTFleet.Fleet.Telemetry.Store;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace IoTFleet.Benchmarks;

/// <summary>
/// The watch at its bounds, as docs/limits.md has them: 100 rules on 1,000 devices, then 20 of them apply to all at once, which is 20,000 open alerts, and a 21st that finds no room.
/// On SQLite with its notices, one by MQTT for each change; nobody delivers them. CPU is the whole process's.
/// </summary>
internal sealed class RuleBounds : IAsyncDisposable
{
    private const int Devices = 1_000;
    private const int Rules = 100;
    private const int Applying = RuleLimits.MaxOpenAlerts / Devices;
    private static readonly TimeSpan Idle = TimeSpan.FromSeconds(10);

    private readonly string _folder = Directory.CreateTempSubdirectory("iotfleet-rules-").FullName;
    private readonly ServiceProvider _services;
    private long _sent;

    private RuleBounds() => _services = new ServiceCollection().AddLogging().AddSingleton(TimeProvider.System).AddSingleton<FleetMetrics>().AddSingleton(new FleetNode("bench"))
        .AddTelemetry(new TelemetryOptions())
        .AddSqliteFleet(Path.Combine(_folder, "fleet.db"))
        .AddSqliteTelemetry(Path.Combine(_folder, "telemetry.db"), Path.Combine(_folder, "telemetry-log.db"))
        .AddSingleton<FleetWriter>().AddSingleton<RuleSignals>()
        .BuildServiceProvider();

    private TelemetryFeed Feed => _services.GetRequiredService<TelemetryFeed>();

    private IDbContextFactory<FleetDbContext> Databases => _services.GetRequiredService<IDbContextFactory<FleetDbContext>>();

    internal static async Task<int> RunAsync()
    {
        await using var bounds = new RuleBounds();
        await bounds.PrepareAsync();
        Console.WriteLine(Machine.Describe());
        Console.WriteLine();
        Console.WriteLine("| | CPU | time | memory more |");
        Console.WriteLine("|---|---|---|---|");
        await bounds.MeasureAsync();
        return 0;
    }

    private async Task MeasureAsync()
    {
        await using var watch = new RuleWatch(
            Databases, Feed, _services.GetRequiredService<TelemetryReader>(), _services.GetRequiredService<FleetWriter>(), _services.GetRequiredService<RuleSignals>(),
            TimeProvider.System, NullLogger<RuleWatch>.Instance);
        await RowAsync("a start: rules and devices read", 1, "", async () =>
        {
            watch.Start();
            await UntilAsync(() => watch.Looks > 0);
        });
        await RowAsync("each rule and device seen for the first time", Devices * Rules, "standing", () => SendAsync(watch, 1, 0));
        await RowAsync("messages, each judged by 100 rules", 20 * Devices, "message", () => SendAsync(watch, 20, 0));
        await RowAsync("20,000 alerts open with their notices", RuleLimits.MaxOpenAlerts, "alert", async () =>
        {
            await SendAsync(watch, 1, Applying + 1);
            await UntilAsync(async () => await OpenAsync() == RuleLimits.MaxOpenAlerts);
        });
        await RowAsync("messages while they are open", 20 * Devices, "message", () => SendAsync(watch, 20, Applying + 1));
        if (await OpenAsync() != RuleLimits.MaxOpenAlerts) throw new InvalidOperationException($"{await OpenAsync()} alerts are open.");
        await RowAsync("a look, as each minute", 10, "look", async () =>
        {
            for (var look = 0; look < 10; look++)
            {
                var looks = watch.Looks;
                _services.GetRequiredService<RuleSignals>().RulesChanged();
                await UntilAsync(() => watch.Looks > looks);
            }
        });
        await RowAsync("nothing, for 10 s", (int)Idle.TotalSeconds, "second", () => Task.Delay(Idle, TimeProvider.System));
        await RowAsync("they close", RuleLimits.MaxOpenAlerts, "alert", async () =>
        {
            await SendAsync(watch, 1, 0);
            await UntilAsync(async () => await OpenAsync() == 0);
        });
    }

    /// <summary>One row of the table: all of it, and what comes of it for each.</summary>
    private static async Task RowAsync(string what, int count, string each, Func<Task> run)
    {
        var memory = GC.GetTotalMemory(forceFullCollection: true);
        var (cpu, started) = (Environment.CpuUsage.TotalTime, TimeProvider.System.GetTimestamp());
        await run();
        var (spent, took) = (Environment.CpuUsage.TotalTime - cpu, TimeProvider.System.GetElapsedTime(started));
        var more = GC.GetTotalMemory(forceFullCollection: true) - memory;
        var one = count == 1 ? "" : string.Create(CultureInfo.InvariantCulture, $", {spent.TotalMicroseconds / count:0.0} µs a {each}");
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {what} | {spent.TotalMilliseconds:0} ms{one} | {took.TotalSeconds:0.0} s | {more / 1e6:0.0} MB{(count == 1 ? "" : $", {more / count} bytes a {each}")} |"));
    }

    private async Task PrepareAsync()
    {
        await _services.GetRequiredService<FleetDatabase>().MigrateAsync(default);
        await _services.GetRequiredService<TelemetryDatabase>().MigrateAsync(default);
        var now = TimeProvider.System.GetUtcNow();
        await using var db = await Databases.CreateDbContextAsync();
        db.Devices.AddRange(Enumerable.Range(0, Devices).Select(n => new Device { Id = Name(n), State = Fleet.Devices.DeviceState.Active, RegisteredAt = now, StateChangedAt = now }));
        db.Rules.AddRange(Enumerable.Range(0, Rules).Select(n => new RuleSettings { Metric = $"m{n}", Limit = 80, ClearLimit = 70 }.ApplyTo($"rule-{n}", now, now)));
        await db.SaveChangesAsync();
    }

    /// <summary>So many messages of each device, of a value for each rule; those of the first rules are beyond their limits. Returns when all are judged.</summary>
    private async Task SendAsync(RuleWatch watch, int times, int beyond)
    {
        var body = Encoding.UTF8.GetBytes("{" + string.Join(',', Enumerable.Range(0, Rules).Select(n => $"\"m{n}\":{(n < beyond ? 90 : 10)}")) + "}");
        for (var time = 0; time < times; time++)
        {
            var now = TimeProvider.System.GetUtcNow();
            Feed.Publish([.. Enumerable.Range(0, Devices).Select(n => new TelemetryMessage(Name(n), "", now, null, null, body, [new Reading(now, true, body)]))]);
            _sent += Devices;
            await UntilAsync(() => watch.Judged >= _sent);
        }
    }

    private async Task<int> OpenAsync()
    {
        await using var db = await Databases.CreateDbContextAsync();
        return await db.Alerts.CountAsync(alert => alert.OpenKey != null);
    }

    private static Task UntilAsync(Func<bool> done) => UntilAsync(() => Task.FromResult(done()));

    private static async Task UntilAsync(Func<Task<bool>> done)
    {
        while (!await done()) await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System);
    }

    private static string Name(int number) => string.Create(CultureInfo.InvariantCulture, $"device-{number:0000}");

    public async ValueTask DisposeAsync()
    {
        await _services.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }
}
