using IoTFleet.Fleet.Certificates;
using IoTFleet.Fleet.Devices;

namespace IoTFleet.Fleet.Tests.Certificates;

public class RevocationFeedTests
{
    /// <summary>On a database with many writers, entry 7 can be committed after entry 9 was read.</summary>
    [Fact]
    public async Task A_feed_reader_overlaps()
    {
        await using var fleet = await TestFleet.StartAsync();
        var reader = await fleet.Get<RevokedSet>().LoadAsync(default);
        await AppendAsync(fleet, 9);
        Assert.Equal([9], await ReadIdsAsync(reader));

        await AppendAsync(fleet, 7);

        Assert.Equal([7], await ReadIdsAsync(reader));
    }

    [Fact]
    public async Task A_reader_that_starts_late_overlaps_too()
    {
        await using var fleet = await TestFleet.StartAsync();
        await AppendAsync(fleet, 9);
        var reader = await fleet.Get<RevokedSet>().LoadAsync(default);
        await AppendAsync(fleet, 7);

        Assert.Contains(7, await ReadIdsAsync(reader));
    }

    [Fact]
    public async Task Nothing_is_yielded_twice_however_far_the_feed_has_gone()
    {
        await using var fleet = await TestFleet.StartAsync();
        var reader = await fleet.Get<RevokedSet>().LoadAsync(default);
        long[] ids = [1, 2, RevocationReader.Overlap, RevocationReader.Overlap + 2, 3 * RevocationReader.Overlap];

        var yielded = new List<long>();
        foreach (var id in ids)
        {
            await AppendAsync(fleet, id);
            yielded.AddRange(await ReadIdsAsync(reader));
        }

        Assert.Equal(ids, yielded);
        Assert.Empty(await ReadIdsAsync(reader));
    }

    [Fact]
    public async Task An_announcement_ends_the_wait_even_if_it_came_while_reading()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.EnrolAsync("pump-1");
        var reader = await fleet.Get<RevokedSet>().LoadAsync(default);
        await reader.ReadAsync(default);

        await fleet.Get<SuspendDevice>().RunAsync(TestFleet.Admin, new("pump-1"), default);

        await reader.WaitAsync(Timeout.InfiniteTimeSpan, default).WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Single(await reader.ReadAsync(default));
    }

    [Fact]
    public async Task Without_an_announcement_the_wait_ends_when_it_is_time_to_poll()
    {
        await using var fleet = await TestFleet.StartAsync();
        var reader = await fleet.Get<RevokedSet>().LoadAsync(default);
        var wait = reader.WaitAsync(TimeSpan.FromSeconds(5), default);

        fleet.Clock.Advance(TimeSpan.FromSeconds(4.9));
        Assert.False(wait.IsCompleted);

        fleet.Clock.Advance(TimeSpan.FromSeconds(0.1));
        await wait.WaitAsync(TimeSpan.FromSeconds(30));
    }

    private static async Task AppendAsync(TestFleet fleet, long id)
    {
        await using var db = await fleet.Databases.CreateDbContextAsync();
        db.Add(new RevocationEntry { Id = id, At = fleet.Clock.GetUtcNow(), Kind = RevocationKind.DeviceRevoked, Subject = $"pump-{id}" });
        await db.SaveChangesAsync();
    }

    private static async Task<IEnumerable<long>> ReadIdsAsync(RevocationReader reader) =>
        (await reader.ReadAsync(default)).Select(entry => entry.Id);
}
