using IoTFleet.Fleet.Telemetry.Formats;
using IoTFleet.Fleet.Telemetry.Quarantine;
using IoTFleet.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;

namespace IoTFleet.Fleet.Tests.Telemetry.Quarantine;

public class PayloadQuarantineTests
{
    [Fact]
    public async Task What_could_not_be_read_is_kept_with_its_reason()
    {
        await using var fleet = await TestFleet.StartAsync();
        await KeepAsync(fleet, new FormatOptions(), Arrival("pump-1", [1, 2, 3], "plc/1", "a/b"));

        var page = await FoundAsync(fleet, new());
        var one = Assert.IsType<FindQuarantinedResult.One>(await fleet.Get<FindQuarantined>().RunAsync(TestFleet.Viewer, page.Payloads[0].Id, default)).Payload;

        Assert.Empty(page.Payloads[0].Body);
        Assert.Equal([1, 2, 3], one.Body);
        Assert.Equal(("pump-1", "devices/pump-1/telemetry/plc/1", "payload-not-cbor", "why", "a/b", 3), (one.DeviceId, one.Topic, one.Code, one.Detail, one.ContentType, one.Length));
    }

    [Fact]
    public async Task Of_a_large_payload_the_beginning_is_kept()
    {
        await using var fleet = await TestFleet.StartAsync();
        await KeepAsync(fleet, new FormatOptions(), Arrival("pump-1", new byte[100_000]));

        var kept = await fleet.ReadAsync(db => db.TelemetryQuarantine.SingleAsync());

        Assert.Equal((100_000, QuarantinedPayload.MaxBody), (kept.Length, kept.Body.Length));
    }

    [Fact]
    public async Task The_newest_stay_of_each_device_and_of_all()
    {
        await using var fleet = await TestFleet.StartAsync();
        var options = new FormatOptions { MaxQuarantinedPerDevice = 3, MaxQuarantined = 5 };
        await KeepAsync(fleet, options, [.. Enumerable.Range(1, 10).Select(i => Arrival("pump-1", [(byte)i]))]);
        await KeepAsync(fleet, options, [.. Enumerable.Range(11, 3).Select(i => Arrival("pump-2", [(byte)i])), Arrival("pump-3", [14])]);

        var bodies = await fleet.ReadAsync(db => db.TelemetryQuarantine.OrderBy(p => p.Id).Select(p => p.Body).ToListAsync());

        Assert.Equal([10, 11, 12, 13, 14], bodies.Select(body => body[0]));
    }

    [Fact]
    public async Task When_they_come_faster_than_one_transaction_a_second_takes_the_oldest_are_dropped_and_counted()
    {
        await using var fleet = await TestFleet.StartAsync();
        using var metrics = new FleetMetrics();
        await using var quarantine = new PayloadQuarantine(
            fleet.Get<FleetWriter>(), new FormatOptions { MaxQuarantinedPerDevice = 1_000 }, metrics, fleet.Clock, NullLogger<PayloadQuarantine>.Instance);
        quarantine.Add(Arrival("pump-1", [0]), Problem);
        await Eventually.TrueAsync(async () => await fleet.ReadAsync(db => db.TelemetryQuarantine.CountAsync()) == 1);

        for (var i = 0; i < PayloadQuarantine.MaxWaiting + 20; i++) quarantine.Add(Arrival("pump-1", [1]), Problem);
        await quarantine.StopAsync();

        Assert.Equal((PayloadQuarantine.MaxWaiting + 21L, 20L), (metrics.TelemetryUnreadable, metrics.QuarantineDropped));
        Assert.Equal(PayloadQuarantine.MaxWaiting + 1, await fleet.ReadAsync(db => db.TelemetryQuarantine.CountAsync()));
    }

    [Fact]
    public async Task They_are_found_by_device_and_code_page_by_page()
    {
        await using var fleet = await TestFleet.StartAsync();
        await KeepAsync(fleet, new FormatOptions(), Arrival("pump-1", [1]), Arrival("pump-2", [2]), Arrival("pump-1", [3]));

        var first = await FoundAsync(fleet, new(DeviceId: "pump-1", Limit: 1));
        var second = await FoundAsync(fleet, new(DeviceId: "pump-1", Limit: 1, Cursor: first.Next));

        Assert.True(first.Payloads[0].Id > second.Payloads[0].Id);
        Assert.Null(second.Next);
        Assert.Empty((await FoundAsync(fleet, new(Code: "payload-not-json"))).Payloads);
        Assert.Equal(3, (await FoundAsync(fleet, new(Code: "payload-not-cbor"))).Payloads.Count);
    }

    [Fact]
    public async Task They_are_deleted_by_who_may_and_the_audit_says_so()
    {
        await using var fleet = await TestFleet.StartAsync();
        await KeepAsync(fleet, new FormatOptions(), Arrival("pump-1", [1]), Arrival("pump-2", [2]), Arrival("pump-2", [3]));
        var delete = fleet.Get<DeleteQuarantined>();

        Assert.IsType<DeleteQuarantinedResult.Forbidden>(await delete.RunAsync(TestFleet.Viewer, new(), default));
        Assert.Equal(new DeleteQuarantinedResult.Deleted(2), await delete.RunAsync(TestFleet.Admin, new(DeviceId: "pump-2"), default));
        Assert.Equal(new DeleteQuarantinedResult.Deleted(0), await delete.RunAsync(TestFleet.Admin, new(Code: "payload-not-json"), default));
        Assert.Equal(new DeleteQuarantinedResult.Deleted(1), await delete.RunAsync(TestFleet.Admin, new(), default));

        Assert.Equal(["quarantine.delete"], (await fleet.AuditAsync("pump-2")).Select(entry => entry.Action));
        Assert.IsType<FindQuarantinedResult.Unknown>(await fleet.Get<FindQuarantined>().RunAsync(TestFleet.Viewer, 1, default));
    }

    private static Unreadable Problem { get; } = new("payload-not-cbor", "why");

    private static Arrival Arrival(string device, byte[] body, string stream = "", string? contentType = null) => new(device, stream, body, contentType, DateTimeOffset.UnixEpoch);

    private static async Task KeepAsync(TestFleet fleet, FormatOptions options, params Arrival[] arrivals)
    {
        using var metrics = new FleetMetrics();
        await using var quarantine = new PayloadQuarantine(fleet.Get<FleetWriter>(), options, metrics, fleet.Clock, NullLogger<PayloadQuarantine>.Instance);
        foreach (var arrival in arrivals) quarantine.Add(arrival, Problem);
    }

    private static async Task<FindQuarantinedResult.Page> FoundAsync(TestFleet fleet, FindQuarantinedRequest request) =>
        Assert.IsType<FindQuarantinedResult.Page>(await fleet.Get<FindQuarantined>().RunAsync(TestFleet.Viewer, request, default));
}
