using IoTFleet.Fleet.Telemetry.Store;
using IoTFleet.Fleet.Tests.Databases;
using IoTFleet.Testing.Contracts;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace IoTFleet.Fleet.Tests.Telemetry;

[RunsOn(DatabaseName.SqlServer)]
public sealed class SqlServerTelemetryStoreTests : TelemetryStoreContract, IAsyncLifetime
{
    private TestDatabase _database = null!;
    private ServiceProvider _services = null!;

    protected override ITelemetryStore Store => _services.GetRequiredService<ITelemetryStore>();

    protected override IDbContextFactory<TelemetryDbContext> Databases => _services.GetRequiredService<IDbContextFactory<TelemetryDbContext>>();

    public async ValueTask InitializeAsync()
    {
        _database = await TestDatabase.ForThisTestAsync();
        _services = _database.AddTo(new ServiceCollection()).AddLogging().BuildServiceProvider();
        await _services.GetRequiredService<TelemetryDatabase>().MigrateAsync(default);
    }

    public async ValueTask DisposeAsync()
    {
        await using (var db = await Databases.CreateDbContextAsync()) await _database.CloseAsync(db);
        await _services.DisposeAsync();
        await _database.DisposeAsync();
    }
}
