using System.Text;
using IoTFleet.Fleet;
using IoTFleet.Fleet.Telemetry;
using Microsoft.EntityFrameworkCore;
using Xunit;

namespace IoTFleet.Testing.Contracts;

/// <summary>What every database's bulk writer must do.</summary>
public abstract class TelemetryWriterContract
{
    private static readonly DateTimeOffset Noon = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);

    protected abstract ITelemetryWriter Writer { get; }

    protected abstract IDbContextFactory<FleetDbContext> Databases { get; }

    [Fact]
    public async Task Every_field_of_a_batch_is_stored_in_order()
    {
        var sent = new TelemetryPoint("pump-1", "vibration", Utf8("""{"x":1}"""), Noon.AddMicroseconds(7), Noon.AddSeconds(1), Sequence: 42);

        await Writer.WriteAsync([sent, Point("pump-2")], TestContext.Current.CancellationToken);

        var rows = await StoredAsync();
        Assert.Equal(["pump-1", "pump-2"], rows.Select(row => row.DeviceId));
        Assert.Equal(("vibration", """{"x":1}"""), (rows[0].Stream, rows[0].Body));
        Assert.Equal((sent.Time, sent.ReceivedAt, sent.Sequence), (rows[0].Time, rows[0].ReceivedAt, rows[0].Sequence));
        Assert.Null(rows[1].Sequence);
    }

    [Fact]
    public async Task A_body_is_stored_as_received()
    {
        const string Body = "{ \"name\" :\t\"Kühlung 冷却 🌡\", \"v\": 1.50 }";
        var inALargerBuffer = Encoding.UTF8.GetBytes($"before{Body}after").AsMemory(6..^5);

        await Writer.WriteAsync([Point("pump-1") with { Body = inALargerBuffer }], TestContext.Current.CancellationToken);

        Assert.Equal(Body, Assert.Single(await StoredAsync()).Body);
    }

    [Fact]
    public async Task A_batch_that_fails_halfway_stores_nothing()
    {
        var broken = Point(null!);

        var error = await Record.ExceptionAsync(() => Writer.WriteAsync([Point("pump-1"), broken], TestContext.Current.CancellationToken));

        Assert.NotNull(error);
        Assert.False(Writer.IsTransient(error));
        Assert.Empty(await StoredAsync());
    }

    [Fact]
    public async Task A_writer_goes_on_after_a_batch_that_failed()
    {
        await Record.ExceptionAsync(() => Writer.WriteAsync([Point(null!)], TestContext.Current.CancellationToken));

        await Writer.WriteAsync([Point("pump-1")], TestContext.Current.CancellationToken);

        Assert.Single(await StoredAsync());
    }

    protected static TelemetryPoint Point(string device) => new(device, "", Utf8("""{"t":20.5}"""), Noon, Noon);

    private async Task<List<TelemetryRow>> StoredAsync()
    {
        await using var db = await Databases.CreateDbContextAsync();
        return await db.Telemetry.AsNoTracking().OrderBy(row => row.Id).ToListAsync();
    }

    private static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);
}
