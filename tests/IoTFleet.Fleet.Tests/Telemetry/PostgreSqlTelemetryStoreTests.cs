using IoTFleet.Fleet.Telemetry.Store;
using IoTFleet.Fleet.Tests.Databases;
using IoTFleet.Testing.Contracts;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace IoTFleet.Fleet.Tests.Telemetry;

[RunsOn(DatabaseName.PostgreSql)]
public sealed class PostgreSqlTelemetryStoreTests : TelemetryStoreContract, IAsyncLifetime
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

    [Fact]
    public async Task Nodes_share_the_log_and_see_their_own()
    {
        long first = TelemetryNode.BeforeIdsOf(1), second = TelemetryNode.BeforeIdsOf(2);
        foreach (var id in (long[])[first + 1, second + 1, second + 2]) await Store.AppendAsync(new LogEntry(id, 1, new byte[] { 1 }), default);

        await Store.ForgetLogAsync(second + 1, default);

        Assert.Equal([first + 1], (await Store.ReadLogAsync(first, 10, default)).Select(entry => entry.Id));
        Assert.Equal([second + 2], (await Store.ReadLogAsync(second, 10, default)).Select(entry => entry.Id));
    }
}
