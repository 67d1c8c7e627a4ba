using IoTFleet.Fleet.Devices;
using IoTFleet.Fleet.Telemetry;
using IoTFleet.Testing.Contracts;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Tests.Telemetry;

public sealed class SqliteTelemetryWriterTests : TelemetryWriterContract, IAsyncLifetime
{
    private TestFleet _fleet = null!;

    protected override ITelemetryWriter Writer => _fleet.Get<ITelemetryWriter>();

    protected override IDbContextFactory<FleetDbContext> Databases => _fleet.Databases;

    public async ValueTask InitializeAsync() => _fleet = await TestFleet.StartAsync();

    public ValueTask DisposeAsync() => _fleet.DisposeAsync();

    [Fact]
    public void Only_another_writer_in_the_way_is_transient()
    {
        Assert.True(Writer.IsTransient(new SqliteException("database is locked", 5)));
        Assert.False(Writer.IsTransient(new SqliteException("disk I/O error", 10)));
        Assert.False(Writer.IsTransient(new SqliteException("database or disk is full", 13)));
    }

    [Fact]
    public async Task Batches_and_use_cases_share_the_file_without_getting_in_each_others_way()
    {
        const int Rounds = 50;
        var batches = Task.Run(async () =>
        {
            for (var i = 0; i < Rounds; i++) await Writer.WriteAsync([Point("pump-1"), Point("pump-2")], default);
        });
        var registrations = Enumerable.Range(0, 4).Select(worker => Task.Run(async () =>
        {
            for (var i = 0; i < Rounds / 4; i++) await _fleet.Get<RegisterDevice>().RunAsync(TestFleet.Admin, new($"fan-{worker}-{i}"), default);
        }));

        await Task.WhenAll([batches, .. registrations]);

        Assert.Equal(2 * Rounds, await _fleet.ReadAsync(db => db.Telemetry.CountAsync()));
        Assert.Equal(48, await _fleet.ReadAsync(db => db.Devices.CountAsync()));
    }
}
