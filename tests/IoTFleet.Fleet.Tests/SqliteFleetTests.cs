using IoTFleet.Fleet.Certificates;
using IoTFleet.Fleet.Devices;
using IoTFleet.Fleet.Sqlite;
using IoTFleet.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Microsoft.Extensions.DependencyInjection;

namespace IoTFleet.Fleet.Tests;

public sealed class SqliteFleetTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task The_migrations_make_what_the_model_says()
    {
        await using var fleet = await TestFleet.StartAsync();
        await using var db = await fleet.Databases.CreateDbContextAsync();

        Assert.False(db.Database.HasPendingModelChanges(), "Run: dotnet ef migrations add NAME --project src/IoTFleet.Fleet.Sqlite");
    }

    [Fact]
    public async Task A_database_from_before_there_were_services_keeps_its_revocations()
    {
        await using var fleet = await TestFleet.StartAsync();
        await using var db = await fleet.Databases.CreateDbContextAsync();
        var migrator = db.GetService<IMigrator>();
        await migrator.MigrateAsync("Initial");
        await db.Database.ExecuteSqlRawAsync("INSERT INTO Revocations (AtUs, Kind, DeviceId) VALUES (1, 'DeviceRevoked', 'pump-1')");

        await migrator.MigrateAsync();

        var entry = await db.Revocations.SingleAsync();
        Assert.Equal((RevocationKind.DeviceRevoked, "pump-1"), (entry.Kind, entry.Subject));
    }

    [Theory]
    [InlineData("journal_mode", "wal")]
    [InlineData("synchronous", "2")]
    [InlineData("foreign_keys", "1")]
    [InlineData("busy_timeout", "10000")]
    [InlineData("wal_autocheckpoint", "4000")]
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
    public async Task A_use_case_waits_for_its_turn_to_write()
    {
        await using var fleet = await TestFleet.StartAsync();
        var turns = fleet.Get<WriteTurns>();
        turns.Take();

        var registering = fleet.Get<RegisterDevice>().RunAsync(TestFleet.Admin, new("pump-1"), default);
        Assert.False(registering.IsCompleted);

        turns.GiveBack();
        Assert.IsType<RegisterDeviceResult.Registered>(await registering.WaitAsync(Deadline));
    }

    [Fact]
    public async Task A_use_case_of_its_own_and_the_writer_take_turns()
    {
        await using var fleet = await TestFleet.StartAsync();
        var turns = fleet.Get<WriteTurns>();
        turns.Take();

        var writing = fleet.Get<FleetWriter>().RunAsync((_, _) => Task.FromResult("a"), default);
        Assert.False(writing.IsCompleted);

        turns.GiveBack();
        Assert.Equal("a", await writing.WaitAsync(Deadline));
    }

    [Fact]
    public async Task A_transaction_holds_the_turn_only_until_it_has_begun()
    {
        await using var fleet = await TestFleet.StartAsync();
        await using var db = await fleet.Databases.CreateDbContextAsync();
        await using var transaction = await db.Database.BeginTransactionAsync();

        await Task.Run(fleet.Get<WriteTurns>().Take).WaitAsync(Deadline);
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

        await services.GetRequiredService<FleetDatabase>().MigrateAsync(default).WaitAsync(Deadline);
    }
}
