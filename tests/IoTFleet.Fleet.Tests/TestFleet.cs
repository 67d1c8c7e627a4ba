using IoTFleet.Fleet.Audit;
using IoTFleet.Fleet.Authorities;
using IoTFleet.Fleet.Enrolment;
using IoTFleet.Fleet.Telemetry;
using IoTFleet.Fleet.Telemetry.Formats;
using IoTFleet.Fleet.Telemetry.Rules;
using IoTFleet.Fleet.Telemetry.Store;
using IoTFleet.Fleet.Tests.Databases;
using IoTFleet.Pki;
using IoTFleet.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Fleet.Tests;

/// <summary>The fleet's use cases over a real database, with a clock that the test moves.</summary>
internal sealed class TestFleet : IAsyncDisposable
{
    internal static readonly Actor Admin = Actor.Operator("ada", Role.Administrator);
    internal static readonly Actor Viewer = Actor.Operator("vic", Role.Viewer);

    private readonly TestDatabase _database;
    private readonly ServiceProvider _services;

    private TestFleet(TestDatabase database, string? caFolder)
    {
        _database = database;
        Pki = new TestPki(Clock);
        Authorities = caFolder is null ? Pki.Authorities : RootCeremony.LoadOrCreate(caFolder, Pki.Names, Clock);
        _services = database.AddTo(new ServiceCollection())
            .AddLogging(logging => logging.AddProvider(Log))
            .AddSingleton<TimeProvider>(Clock)
            .AddSingleton(new IssuancePolicy(Pki.Names))
            .AddSingleton(Authorities)
            .AddSingleton(new WebhookSecrets(bytes => [.. bytes.Select(value => (byte)~value)], bytes => [.. bytes.Select(value => (byte)~value)]))
            .AddSingleton(new WebhookCaller((_, _) => Task.FromResult(new WebhookAnswer(204, null))))
            .AddFleet()
            .BuildServiceProvider();
    }

    internal FakeClock Clock { get; } = new();
    internal StrictLog Log { get; } = new();
    internal TestPki Pki { get; }
    internal FleetAuthorities Authorities { get; }
    internal string DatabaseFile => ((SqliteTestDatabase)_database).File;
    internal IDbContextFactory<FleetDbContext> Databases => Get<IDbContextFactory<FleetDbContext>>();

    /// <param name="caFolder">Where the authorities and their keys are kept; null for authorities in memory, which cannot be rotated.</param>
    internal static async Task<TestFleet> StartAsync(string? caFolder = null)
    {
        var fleet = new TestFleet(await TestDatabase.ForThisTestAsync(), caFolder);
        await fleet.Get<FleetDatabase>().MigrateAsync(default);
        await fleet.Get<TelemetryDatabase>().MigrateAsync(default);
        await fleet.Get<AuthorityDirectory>().LoadAsync(default);
        await fleet.Get<TelemetryIngest>().StartAsync(default);
        return fleet;
    }

    internal T Get<T>()
        where T : notnull => _services.GetRequiredService<T>();

    internal async Task<string> TokenAsync(int uses = 1, string? deviceId = null)
    {
        var request = new CreateTokenRequest("line 1", TimeSpan.FromDays(1), uses, deviceId);
        var created = Assert.IsType<CreateTokenResult.Created>(await Get<CreateToken>().RunAsync(Admin, request, default));
        return created.Secret.Reveal();
    }

    internal Task<EnrolDeviceResult> EnrolAsync(string token, string deviceId, SigningRequest? request = null) =>
        Get<EnrolDevice>().RunAsync(new EnrolDeviceRequest(token, deviceId, request ?? NewRequest(), "10.1.2.3"), default);

    internal async Task<EnrolDeviceResult.Issued> EnrolAsync(string deviceId) =>
        Assert.IsType<EnrolDeviceResult.Issued>(await EnrolAsync(await TokenAsync(), deviceId));

    internal static SigningRequest NewRequest(string? commonName = null)
    {
        Assert.True(SigningRequest.TryParse(TestPki.Request(commonName), out var request, out var problem), problem);
        return request;
    }

    /// <summary>Acknowledged, and not yet in the tables.</summary>
    internal async Task StoreAsync(params TelemetryMessage[] messages)
    {
        foreach (var message in messages) await await Get<TelemetryIngest>().AcceptAsync(message, default);
    }

    internal async Task<T> ReadAsync<T>(Func<FleetDbContext, Task<T>> read)
    {
        await using var db = await Databases.CreateDbContextAsync();
        return await read(db);
    }

    /// <summary>Past the use cases, as whoever has the database can.</summary>
    internal Task<int> SqlAsync(string sql) => ReadAsync(db => db.Database.ExecuteSqlRawAsync(_database.InItsWords(sql)));

    internal Task RefuseInsertsAsync(string table) => ReadAsync(db => db.Database.ExecuteSqlRawAsync(_database.RefuseInserts(table)));

    internal Task AllowInsertsAsync(string table) => ReadAsync(db => db.Database.ExecuteSqlRawAsync(_database.AllowInserts(table)));

    internal Task AfterWritingAsync(string table, string action) => ReadAsync(db => db.Database.ExecuteSqlRawAsync(_database.AfterWriting(table, action)));

    internal Task<List<AuditEntry>> AuditAsync(string subject) =>
        ReadAsync(db => db.Audit.Where(entry => entry.Subject == subject).OrderBy(entry => entry.Id).ToListAsync());

    public async ValueTask DisposeAsync()
    {
        await using (var db = await Databases.CreateDbContextAsync()) await _database.CloseAsync(db);
        await _services.DisposeAsync();
        Pki.Dispose();
        await _database.DisposeAsync();
    }
}
