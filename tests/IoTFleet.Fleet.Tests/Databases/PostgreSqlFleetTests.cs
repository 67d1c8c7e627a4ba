using IoTFleet.Fleet.Devices;
using IoTFleet.Fleet.PostgreSql;
using IoTFleet.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace IoTFleet.Fleet.Tests.Databases;

[RunsOn(DatabaseName.PostgreSql)]
public sealed class PostgreSqlFleetTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task The_migrations_make_what_the_model_says()
    {
        await using var fleet = await TestFleet.StartAsync();
        await using var db = await fleet.Databases.CreateDbContextAsync();

        Assert.False(db.Database.HasPendingModelChanges(), "Run: dotnet ef migrations add NAME --project src/IoTFleet.Fleet.PostgreSql --context FleetDbContext");
    }

    [Fact]
    public async Task Of_nodes_that_start_at_once_on_a_new_database_exactly_one_makes_its_tables()
    {
        var cluster = await PostgreSqlCluster.SharedAsync();
        var database = await cluster.CreateDatabaseAsync();
        var log = new StrictLog();
        await using var services = new ServiceCollection().AddLogging(logging => logging.AddProvider(log)).AddPostgreSqlFleet(cluster.ConnectionString(database)).BuildServiceProvider();

        var nodes = Enumerable.Range(0, 6).Select(_ => Task.Run(() => services.GetRequiredService<FleetDatabase>().MigrateAsync(default)));
        await Task.WhenAll(nodes).WaitAsync(Deadline);

        Assert.Equal(1, log.Count("DatabaseMigrated"));
        log.AssertClean();
    }

    [Fact]
    public async Task Ids_are_in_the_order_of_their_bytes_whatever_the_databases_language()
    {
        await using var fleet = await TestFleet.StartAsync();
        foreach (var id in (string[])["b", "a_b", "a-c", "a.d", "a0"]) await fleet.Get<RegisterDevice>().RunAsync(TestFleet.Admin, new(id), default);

        var page = Assert.IsType<FindDevicesResult.Page>(await fleet.Get<FindDevices>().RunAsync(TestFleet.Admin, new(), default));

        Assert.Equal(["a-c", "a.d", "a0", "a_b", "b"], page.Devices.Select(device => device.Id));
    }

    [Fact]
    public async Task A_transaction_waits_for_the_one_before_it_and_sees_what_it_wrote()
    {
        await using var fleet = await TestFleet.StartAsync();
        await using var first = await fleet.Databases.CreateDbContextAsync();
        await using var transaction = await first.Database.BeginTransactionAsync();

        var second = fleet.Get<RegisterDevice>().RunAsync(TestFleet.Admin, new("pump-1"), default);
        await first.Database.ExecuteSqlAsync($"""INSERT INTO "Devices" ("Id", "State", "RegisteredAtUs", "StateChangedAtUs", "Tags") VALUES ('pump-1', 'Registered', 0, 0, array[]::text[])""");
        Assert.False(second.IsCompleted);
        await transaction.CommitAsync();

        Assert.IsType<RegisterDeviceResult.AlreadyKnown>(await second.WaitAsync(Deadline));
    }

    [Fact]
    public async Task A_node_that_lost_its_connection_is_answered_busy_and_finds_its_way_back()
    {
        await using var fleet = await TestFleet.StartAsync();
        var database = fleet.Get<FleetDatabase>();
        await using var db = await fleet.Databases.CreateDbContextAsync();
        await db.Database.OpenConnectionAsync();
        var name = db.Database.GetDbConnection().Database;

        await (await PostgreSqlCluster.SharedAsync()).ExecuteAsync($"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");

        var lost = await Assert.ThrowsAnyAsync<Exception>(() => db.Devices.CountAsync());
        Assert.True(database.IsAway(lost), lost.ToString());
        await Eventually.TrueAsync(async () => await fleet.Get<RegisterDevice>().RunAsync(TestFleet.Admin, new("pump-1"), default) is RegisterDeviceResult.Registered or RegisterDeviceResult.AlreadyKnown);
    }

    [Fact]
    public async Task A_broken_rule_is_no_reason_to_come_again()
    {
        await using var fleet = await TestFleet.StartAsync();

        var broken = await Assert.ThrowsAsync<PostgresException>(() => fleet.SqlAsync("INSERT INTO Groups (Id) VALUES ('x')"));

        Assert.False(fleet.Get<FleetDatabase>().IsAway(broken));
    }

    [Fact]
    public async Task A_user_who_may_not_make_tables_is_told_so()
    {
        var cluster = await PostgreSqlCluster.SharedAsync();
        var database = await cluster.CreateDatabaseAsync();
        await cluster.ExecuteAsync($"CREATE ROLE guest_{database} LOGIN PASSWORD 'guest'; REVOKE CREATE ON SCHEMA public FROM PUBLIC", database);
        var guest = new NpgsqlConnectionStringBuilder(cluster.ConnectionString(database, "guest")) { Username = $"guest_{database}" }.ToString();
        await using var services = new ServiceCollection().AddLogging().AddPostgreSqlFleet(guest).BuildServiceProvider();

        var told = await Assert.ThrowsAsync<DatabaseUnusableException>(() => services.GetRequiredService<FleetDatabase>().MigrateAsync(default));

        Assert.Contains("may not make tables", told.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_database_that_confirms_before_it_stores_is_not_used()
    {
        var cluster = await PostgreSqlCluster.SharedAsync();
        var database = await cluster.CreateDatabaseAsync();
        await cluster.ExecuteAsync($"ALTER DATABASE {database} SET synchronous_commit = off");
        await using var services = new ServiceCollection().AddLogging().AddPostgreSqlFleet(cluster.ConnectionString(database)).BuildServiceProvider();

        var told = await Assert.ThrowsAsync<DatabaseUnusableException>(() => services.GetRequiredService<FleetDatabase>().MigrateAsync(default));

        Assert.Contains("synchronous_commit", told.Message, StringComparison.Ordinal);
    }
}
