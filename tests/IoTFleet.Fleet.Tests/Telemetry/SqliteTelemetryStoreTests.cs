using IoTFleet.Fleet.Telemetry.Store;
using IoTFleet.Testing.Contracts;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Tests.Telemetry;

public sealed class SqliteTelemetryStoreTests : TelemetryStoreContract, IAsyncLifetime
{
    private readonly TelemetryBench _bench = new();

    protected override ITelemetryStore Store => _bench.Get<ITelemetryStore>();

    protected override IDbContextFactory<TelemetryDbContext> Databases => _bench.Get<IDbContextFactory<TelemetryDbContext>>();

    public async ValueTask InitializeAsync() => await _bench.Get<TelemetryDatabase>().MigrateAsync(default);

    public ValueTask DisposeAsync() => _bench.DisposeAsync();

    [Fact]
    public async Task A_json_body_is_text_to_SQLites_own_functions()
    {
        await using var db = await Databases.CreateDbContextAsync();
        await db.Database.ExecuteSqlAsync($"INSERT INTO TelemetryDevices (Number, DeviceId, LastReceivedUs, Latest, Recent) VALUES (1, 'a', 0, x'', x'')");
        var row = new TelemetryRow { Device = 1, TimeUs = 1, Id = 1, ReceivedUs = 1, Stream = "", Body = """{"t":20.5}"""u8.ToArray() };

        await Store.MergeAsync(new MergeSlice([row], [], [], null), default);

        Assert.Equal(20.5, await db.Database.SqlQuery<double>($"SELECT json_extract(Body, '$.t') AS Value FROM Telemetry").SingleAsync());
    }
}
