using System.Text;
using IoTFleet.Fleet.Telemetry.Store;
using Microsoft.EntityFrameworkCore;
using Xunit;

namespace IoTFleet.Testing.Contracts;

/// <summary>What every database's telemetry store must do.</summary>
public abstract class TelemetryStoreContract
{
    private static readonly CancellationToken None = CancellationToken.None;

    protected abstract ITelemetryStore Store { get; }

    protected abstract IDbContextFactory<TelemetryDbContext> Databases { get; }

    [Fact]
    public async Task The_log_is_read_in_the_order_of_its_ids_from_where_the_reader_is()
    {
        foreach (var id in (long[])[1, 4, 9]) await Store.AppendAsync(Entry(id), None);

        var all = await Store.ReadLogAsync(0, 10, None);
        Assert.Equal([1L, 4, 9], all.Select(entry => entry.Id));
        Assert.Equal(Entry(4).Data.ToArray(), all[1].Data.ToArray());
        Assert.Equal(Entry(4).Count, all[1].Count);
        Assert.Equal([4L], (await Store.ReadLogAsync(1, 1, None)).Select(entry => entry.Id));
    }

    [Fact]
    public async Task Appending_the_same_again_changes_nothing()
    {
        await Store.AppendAsync(Entry(7), None);
        await Store.AppendAsync(Entry(7), None);

        Assert.Equal([7L], (await Store.ReadLogAsync(0, 10, None)).Select(entry => entry.Id));
    }

    [Fact]
    public async Task What_is_merged_is_forgotten_and_nothing_else()
    {
        for (var id = 1; id <= 300; id++) await Store.AppendAsync(Entry(id), None);

        await Store.ForgetLogAsync(298, None);
        await Store.ForgetLogAsync(298, None);

        Assert.Equal([299L, 300], (await Store.ReadLogAsync(0, 100, None)).Select(entry => entry.Id));
    }

    [Fact]
    public async Task A_large_entry_comes_back_whole()
    {
        var data = Enumerable.Range(0, 5_000_000).Select(i => (byte)(i * 7)).ToArray();
        await Store.AppendAsync(new LogEntry(1, 1, data), None);

        Assert.Equal(data, (await Store.ReadLogAsync(0, 1, None))[0].Data.ToArray());
    }

    [Fact]
    public async Task Every_field_of_a_row_is_stored()
    {
        var device = await DeviceAsync("pump-1");
        byte[] raw = [0, 255, 39, 0];
        var json = Row(device, 1) with { Sequence = long.MaxValue, Stream = "vibration", Body = Encoding.UTF8.GetBytes("{ \"name\" :\t\"Kühlung 冷却 🌡\", \"v\": 1.50 }") };
        var other = Row(device, 2) with { TimeUs = -5, ContentType = "image/png", Body = raw };

        await Store.MergeAsync(Slice([other, json]), None);

        var rows = await RowsAsync();
        Assert.Equal([other, json], rows.Select(row => new RowOf(row)));
    }

    [Fact]
    public async Task Merging_the_same_again_changes_nothing()
    {
        var device = await DeviceAsync("pump-1");
        var slice = Slice([Row(device, 1), Row(device, 2)]);

        await Store.MergeAsync(slice, None);
        await Store.MergeAsync(slice, None);
        await Store.MergeAsync(Slice([Row(device, 2), Row(device, 3)]), None);

        Assert.Equal([1L, 2, 3], (await RowsAsync()).Select(row => row.Id));
    }

    [Fact]
    public async Task A_slice_brings_the_state_of_its_devices_with_it()
    {
        var device = await DeviceAsync("pump-1");
        var state = new TelemetryDevice { Number = device, DeviceId = "pump-1", LastReceivedUs = 50, Latest = [1, 2], Recent = [3] };
        await Store.MergeAsync(new MergeSlice([Row(device, 1).Row], [state], [Stale(device, 4, 20)], null), None);
        await Store.MergeAsync(new MergeSlice([], [], [Stale(device, 4, 10), Stale(device, 5, 30)], null), None);

        await using var db = await Databases.CreateDbContextAsync(None);
        var stored = await db.Devices.SingleAsync();
        Assert.Equal((50L, "0102", "03"), (stored.LastReceivedUs, Convert.ToHexString(stored.Latest), Convert.ToHexString(stored.Recent)));
        Assert.Equal([(4, 21L), (5, 30L)], (await db.StaleHours.OrderBy(mark => mark.Hour).ToListAsync()).Select(mark => (mark.Hour, mark.Version)));
    }

    [Fact]
    public async Task Whoever_has_read_a_mark_sees_that_it_was_touched_since_by_whichever_node()
    {
        var device = await DeviceAsync("pump-1");
        await Store.MergeAsync(new MergeSlice([], [], [Stale(device, 4, 20)], null), None);
        var (read, taken) = (await MarkAsync(), new List<bool>());

        foreach (var begin in (long[])[20, 7, 20, 500]) // the same slice again, those of other nodes
        {
            await Store.MergeAsync(new MergeSlice([], [], [Stale(device, 4, begin)], null), None);
            taken.Add(await TakeAsync(read));
            read = await MarkAsync();
        }

        Assert.DoesNotContain(true, taken);
        Assert.True(await TakeAsync(read));
    }

    [Fact]
    public async Task Only_the_last_slice_says_how_far_the_merge_is()
    {
        var device = await DeviceAsync("pump-1");
        var node = await NodeAsync();

        await Store.MergeAsync(Slice([Row(device, 1)]), None);
        Assert.Equal(0, await MergedToAsync());
        await Store.MergeAsync(Slice([Row(device, 2)]) with { Done = new TelemetryNode { Ordinal = node, Node = "a", MergedTo = 2 } }, None);
        Assert.Equal(2, await MergedToAsync());
    }

    [Fact]
    public async Task A_slice_that_fails_halfway_stores_nothing_and_the_next_one_is_stored()
    {
        var device = await DeviceAsync("pump-1");

        await Assert.ThrowsAnyAsync<Exception>(() => Store.MergeAsync(Slice([Row(device, 1), Row(device, 2) with { Stream = null! }]), None));
        Assert.Empty(await RowsAsync());

        await Store.MergeAsync(Slice([Row(device, 3)]), None);
        Assert.Equal([3L], (await RowsAsync()).Select(row => row.Id));
    }

    [Fact]
    public async Task Appending_does_not_wait_for_a_merge()
    {
        var device = await DeviceAsync("pump-1");
        var merging = Task.Run(async () =>
        {
            for (var id = 1; id <= 20_000; id += 1_000) await Store.MergeAsync(Slice([.. Enumerable.Range(id, 1_000).Select(i => Row(device, i))]), None);
        });

        for (var id = 1; id <= 200; id++) await Store.AppendAsync(Entry(id), None);

        await merging;
        Assert.Equal(200, (await Store.ReadLogAsync(0, 1_000, None)).Count);
        Assert.Equal(20_000, (await RowsAsync()).Count);
    }

    private static LogEntry Entry(long id) => new(id, (int)id + 1, Encoding.UTF8.GetBytes($"entry {id}"));

    private static RowOf Row(int device, long id) =>
        new(device, TimeUs: id * 10, id, ReceivedUs: 77, Sequence: null, Stream: "", ContentType: null, "{}"u8.ToArray());

    private static StaleHour Stale(int device, int hour, long version) => new() { Device = device, Hour = hour, Version = version };

    private static MergeSlice Slice(IReadOnlyList<RowOf> rows) => new([.. rows.Select(row => row.Row)], [], [], null);

    private async Task<int> DeviceAsync(string id)
    {
        await using var db = await Databases.CreateDbContextAsync(None);
        var device = new TelemetryDevice { DeviceId = id };
        db.Devices.Add(device);
        await db.SaveChangesAsync(None);
        return device.Number;
    }

    private async Task<int> NodeAsync()
    {
        await using var db = await Databases.CreateDbContextAsync(None);
        var node = new TelemetryNode { Node = "a" };
        db.Nodes.Add(node);
        await db.SaveChangesAsync(None);
        return node.Ordinal;
    }

    private async Task<StaleHour> MarkAsync()
    {
        await using var db = await Databases.CreateDbContextAsync(None);
        return await db.StaleHours.AsNoTracking().SingleAsync(None);
    }

    /// <summary>As the rollups do.</summary>
    private async Task<bool> TakeAsync(StaleHour read)
    {
        await using var db = await Databases.CreateDbContextAsync(None);
        return await db.StaleHours.Where(mark => mark.Device == read.Device && mark.Hour == read.Hour && mark.Version == read.Version).ExecuteDeleteAsync(None) == 1;
    }

    private async Task<long> MergedToAsync()
    {
        await using var db = await Databases.CreateDbContextAsync(None);
        return (await db.Nodes.SingleAsync(None)).MergedTo;
    }

    private async Task<List<TelemetryRow>> RowsAsync()
    {
        await using var db = await Databases.CreateDbContextAsync(None);
        return await db.Readings.AsNoTracking().OrderBy(row => row.Device).ThenBy(row => row.TimeUs).ThenBy(row => row.Id).ToListAsync(None);
    }

    /// <summary>A row that is compared by what it says.</summary>
    private sealed record RowOf(int Device, long TimeUs, long Id, long ReceivedUs, long? Sequence, string Stream, string? ContentType, byte[] Body)
    {
        internal RowOf(TelemetryRow row)
            : this(row.Device, row.TimeUs, row.Id, row.ReceivedUs, row.Sequence, row.Stream, row.ContentType, row.Body)
        {
        }

        internal TelemetryRow Row => new()
        {
            Device = Device,
            TimeUs = TimeUs,
            Id = Id,
            ReceivedUs = ReceivedUs,
            Sequence = Sequence,
            Stream = Stream,
            ContentType = ContentType,
            Body = Body,
        };

        public bool Equals(RowOf? other) => other is not null && (this with { Body = [] }).ToString() == (other with { Body = [] }).ToString() && Body.AsSpan().SequenceEqual(other.Body);

        public override int GetHashCode() => HashCode.Combine(Device, TimeUs, Id);
    }
}
