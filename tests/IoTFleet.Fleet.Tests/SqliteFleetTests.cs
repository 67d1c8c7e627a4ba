using IoTFleet.Fleet.Sqlite;
using IoTFleet.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace IoTFleet.Fleet.Tests;

public sealed class SqliteFleetTests
{
    [Fact]
    public async Task The_migrations_make_what_the_model_says()
    {
        await using var fleet = await TestFleet.StartAsync();
        await using var db = await fleet.Databases.CreateDbContextAsync();

        Assert.False(db.Database.HasPendingModelChanges(), "Run: dotnet ef migrations add NAME --project src/IoTFleet.Fleet.Sqlite");
    }

    [Theory]
    [InlineData("journal_mode", "wal")]
    [InlineData("synchronous", "2")]
    [InlineData("foreign_keys", "1")]
    [InlineData("busy_timeout", "10000")]
    public async Task Every_connection_is_durable_and_patient(string setting, string expected)
    {
        await using var fleet = await TestFleet.StartAsync();
        await using var db = await fleet.Databases.CreateDbContextAsync();
        await db.Database.OpenConnectionAsync();
        await using var command = db.Database.GetDbConnection().CreateCommand();
        command.CommandText = $"PRAGMA {setting}";

        Assert.Equal(expected, Convert.ToString(await command.ExecuteScalarAsync()));
    }

    [Fact]
    public async Task The_library_is_the_operating_systems()
    {
        await using var fleet = await TestFleet.StartAsync();

        var version = await fleet.ReadAsync(db => db.Database.SqlQuery<string>($"SELECT sqlite_version() AS Value").SingleAsync());

        Assert.True(Version.Parse(version) >= new Version(3, 37), $"SQLite {version}");
        if (OperatingSystem.IsLinux()) Assert.Contains("libsqlite3.so.0", await File.ReadAllTextAsync("/proc/self/maps"));
    }

    [Fact]
    public async Task A_start_that_was_killed_while_migrating_does_not_lock_out_the_next()
    {
        using var database = new SqliteDatabase();
        await using var services = new ServiceCollection().AddLogging().AddSqliteFleet(database.File).BuildServiceProvider();
        await using (var db = await services.GetRequiredService<IDbContextFactory<FleetDbContext>>().CreateDbContextAsync())
        {
            await db.Database.ExecuteSqlAsync($"""CREATE TABLE "__EFMigrationsLock" ("Id" INTEGER NOT NULL PRIMARY KEY, "Timestamp" TEXT NOT NULL)""");
            await db.Database.ExecuteSqlAsync($"""INSERT INTO "__EFMigrationsLock" VALUES (1, '2026-01-01')""");
        }

        await services.GetRequiredService<FleetDatabase>().MigrateAsync(default).WaitAsync(TimeSpan.FromSeconds(30));
    }
}
