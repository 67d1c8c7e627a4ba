using System.Text;
using IoTFleet.Fleet.Twins;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Tests.Twins;

public class ReportedTests
{
    [Fact]
    public async Task Reports_are_merged_and_counted()
    {
        await using var fleet = await TwinFleet.StartAsync("pump-1");

        await fleet.ReportAsync("pump-1", """{"firmware":"1.0","disk":{"free":10,"total":20}}""");
        var second = await fleet.ReportAsync("pump-1", """{"disk":{"free":9}}""");

        Assert.Equal(new StoreReportedResult.Stored(2, HasChanged: true), second);
        Assert.Equal("""{"firmware":"1.0","disk":{"free":9,"total":20}}""", (await fleet.TwinAsync("pump-1")).Reported);
    }

    [Fact]
    public async Task A_report_that_says_nothing_new_writes_nothing()
    {
        await using var fleet = await TwinFleet.StartAsync("pump-1");
        await fleet.ReportAsync("pump-1", """{"firmware":"1.0","$version":0}""");
        var before = await fleet.TwinAsync("pump-1");
        fleet.Fleet.Clock.Advance(TimeSpan.FromMinutes(1));

        var again = await fleet.ReportAsync("pump-1", """{"firmware":"1.0","$version":0,"gone":null}""");

        var after = await fleet.TwinAsync("pump-1");
        Assert.Equal(new StoreReportedResult.Stored(1, HasChanged: false), again);
        Assert.Equal((before.Revision, before.ReportedAt), (after.Revision, after.ReportedAt));
    }

    [Fact]
    public async Task A_twin_is_in_sync_when_the_device_says_that_it_has_applied_the_desired_version()
    {
        await using var fleet = await TwinFleet.StartAsync("pump-1", "pump-2");
        await fleet.ChangedAsync("pump-1", """{"a":1}""");
        await fleet.ChangedAsync("pump-2", """{"a":1}""");

        await fleet.ReportAsync("pump-1", """{"$version":1}""");

        Assert.Equal(["pump-2"], await fleet.NotInSyncAsync());
        await fleet.ChangedAsync("pump-1", """{"a":2}""");
        Assert.Equal(["pump-1", "pump-2"], await fleet.NotInSyncAsync());
        Assert.Equal((1, 2, 0), await Figures(fleet));
    }

    [Fact]
    public async Task A_refused_report_harms_neither_the_document_nor_the_reports_beside_it()
    {
        await using var fleet = await TwinFleet.StartAsync("pump-1", "pump-2");
        await fleet.ReportAsync("pump-1", $$"""{"a":"{{new string('x', 20_000)}}"}""");

        var all = await Task.WhenAll(
            fleet.ReportAsync("pump-1", """{"b":1}"""), fleet.ReportAsync("pump-1", $$"""{"c":"{{new string('x', 20_000)}}"}"""), fleet.ReportAsync("pump-2", """{"b":1}"""), fleet.ReportAsync("pump-1", """{"d":1}"""));

        Assert.Equal("twin-too-large", Assert.IsType<StoreReportedResult.Refused>(all[1]).Problem.Code);
        Assert.Equal([2L, 1L, 3L], all.OfType<StoreReportedResult.Stored>().Select(stored => stored.Version));
    }

    [Fact]
    public async Task Reports_of_many_devices_share_commits()
    {
        var devices = Enumerable.Range(0, 60).Select(i => $"pump-{i}").ToArray();
        await using var fleet = await TwinFleet.StartAsync(devices);
        var before = fleet.Fleet.Get<FleetWriter>().Commits;

        await Task.WhenAll(devices.Select(device => fleet.ReportAsync(device, """{"firmware":"1.0"}""")));

        Assert.InRange(fleet.Fleet.Get<FleetWriter>().Commits - before, 1, 30);
        Assert.Equal(60, await fleet.Fleet.ReadAsync(db => db.Twins.CountAsync(twin => twin.ReportedVersion == 1)));
    }

    [Fact]
    public async Task What_another_node_wrote_meanwhile_is_not_overwritten()
    {
        await using var fleet = await TwinFleet.StartAsync("pump-1");
        await fleet.ReportAsync("pump-1", """{"a":1}""");
        await using var slow = await fleet.Fleet.Databases.CreateDbContextAsync();
        var seen = await slow.Twins.SingleAsync();
        await fleet.ReportAsync("pump-1", """{"b":1}""");

        seen.Report("""{"c":1}""", null, fleet.Fleet.Clock.GetUtcNow());

        await Assert.ThrowsAsync<DbUpdateConcurrencyException>(() => slow.SaveChangesAsync());
    }

    private static async Task<(long Applied, long Desired, long Reported)> Figures(TwinFleet fleet)
    {
        var twin = await fleet.TwinAsync("pump-1");
        return (twin.AppliedVersion, twin.DesiredVersion, twin.ReportedVersion);
    }
}
