using IoTFleet.Fleet.Telemetry;
using IoTFleet.Fleet.Telemetry.Queries;
using IoTFleet.Fleet.Telemetry.Rollups;
using IoTFleet.Fleet.Telemetry.Store;
using IoTFleet.Testing;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Tests.Telemetry.Queries;

public class RollupTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Buckets_are_what_a_plain_computation_gives_whatever_is_merged_and_rolled_up(int seed)
    {
        await using var fleet = await TestFleet.StartAsync();
        var sums = await PlainSums.StartAsync(fleet, seed);
        await sums.StoreAsync(200);
        await CheckAllAsync(sums);
        await sums.MergeAsync();
        await CheckAllAsync(sums);
        await sums.RollUpAsync();
        await CheckAllAsync(sums);
        await sums.StoreAsync(100); // late: into hours that are rolled up
        await CheckAllAsync(sums);
        await sums.MergeAsync();
        await CheckAllAsync(sums);
        await sums.StoreAsync(50); // some hours now have all three: rolled up, merged, waiting
        await CheckAllAsync(sums);
        await sums.MergeAsync();
        await sums.RollUpAsync();
        await CheckAllAsync(sums);
        Assert.Equal(0, await MarksAsync(fleet));
    }

    [Fact]
    public async Task A_month_s_rollups_stay_right_when_the_readings_they_were_made_of_are_gone_and_late_ones_come()
    {
        await using var fleet = await TestFleet.StartAsync();
        var sums = await PlainSums.StartAsync(fleet, 4, hours: 30 * 24);
        await sums.StoreAsync(200);
        await sums.MergeAsync();
        await sums.RollUpAsync();
        await using (var db = await Databases(fleet).CreateDbContextAsync()) await db.Readings.ExecuteDeleteAsync();
        await CheckRolledAsync(sums);
        await sums.StoreAsync(100);
        await CheckRolledAsync(sums);
        await sums.MergeAsync();
        await CheckRolledAsync(sums);
        await sums.RollUpAsync();

        await CheckRolledAsync(sums);
    }

    [Fact]
    public async Task A_rollup_that_is_killed_between_any_two_steps_is_taken_up_again()
    {
        await using var fleet = await TestFleet.StartAsync();
        var sums = await PlainSums.StartAsync(fleet, 5);
        for (var kill = 1; kill < 100; kill++)
        {
            var from = kill * 12;
            await sums.StoreAsync("pump-1", "", [.. Enumerable.Range(0, 3).Select(hour => PlainSums.Start.AddHours(from).AddMinutes(61 * hour))]);
            await sums.MergeAsync();
            await sums.RollUpAsync();
            await sums.StoreAsync("pump-1", "", [.. Enumerable.Range(0, 5).Select(hour => PlainSums.Start.AddHours(from).AddMinutes(63 * hour))]);
            await sums.MergeAsync();
            var steps = 0;
            using var life = new CancellationTokenSource();
            var killed = Rollup(fleet, (step, _) => (steps = step) == kill ? KillAsync(life) : Task.CompletedTask);
            var death = await Record.ExceptionAsync(() => killed.PassAsync(all: true, life.Token));

            await sums.CheckAsync("1h", fromHours: from, toHours: from + 12);
            await sums.RollUpAsync();
            await sums.CheckAsync("1h", fromHours: from, toHours: from + 12);
            await sums.CheckAsync("5m", fromHours: from, toHours: from + 12);
            if (steps >= kill) Assert.NotNull(death);
            else
            {
                Assert.InRange(kill, 7, 100); // there were steps to be killed at: before, in and after the transaction
                return;
            }
        }
        Assert.Fail("A rollup has no end.");
    }

    [Fact]
    public async Task A_merge_in_the_middle_of_a_rollup_is_not_forgotten()
    {
        await using var fleet = await TestFleet.StartAsync();
        var sums = await PlainSums.StartAsync(fleet, 6);
        for (var at = 1; at < 8; at++)
        {
            var from = PlainSums.Start.AddHours(at);
            await sums.StoreAsync("pump-1", "", [.. Enumerable.Range(0, 5).Select(part => from.AddSeconds(part * 700))]);
            await sums.MergeAsync();
            var merged = false;
            var rollup = Rollup(fleet, async (step, inTransaction) =>
            {
                if (step < at || inTransaction || merged) return; // in its transaction the merge would have to wait for its end
                merged = true;
                await sums.StoreAsync("pump-1", "", from.AddSeconds(30));
                await sums.MergeAsync();
            });
            await rollup.PassAsync(all: true, default);

            await sums.CheckAsync("1h");
            await sums.RollUpAsync();
            await sums.CheckAsync("1h");
            Assert.Equal(0, await MarksAsync(fleet));
        }
    }

    [Fact]
    public async Task A_merge_by_another_node_whose_ids_are_smaller_is_not_forgotten_either()
    {
        await using var fleet = await TestFleet.StartAsync();
        var sums = await PlainSums.StartAsync(fleet, 9);
        for (var at = 1; at < 8; at++)
        {
            var hour = PlainSums.Start.AddHours(at);
            await sums.StoreAsync("pump-1", "", hour);
            await sums.MergeAsync();
            var merged = false;
            var rollup = Rollup(fleet, async (step, inTransaction) =>
            {
                if (step < at || inTransaction || merged) return;
                merged = true;
                await fleet.Get<ITelemetryStore>().MergeAsync(await OfAnotherNodeAsync(fleet, hour.AddSeconds(30), id: at), default);
            });
            await rollup.PassAsync(all: true, default);
            await sums.RollUpAsync();

            var found = await sums.AskAsync(new ReadBucketsRequest(new DeviceFilter(["pump-1"]), MetricSelection.All, hour, hour.AddHours(1), new BucketWidth(Hours.HourUs, 0), hour));
            Assert.Equal(merged ? 2 : 1, Assert.Single(Assert.Single(found.Series, series => series.Metric == "t").Buckets).Count);
            Assert.Equal(0, await MarksAsync(fleet));
        }
    }

    [Fact]
    public async Task An_hour_that_goes_on_is_rolled_up_once_it_is_quiet_and_an_ended_one_at_once()
    {
        await using var fleet = await TestFleet.StartAsync();
        var sums = await PlainSums.StartAsync(fleet, 7);
        await sums.StoreAsync("pump-1", "", fleet.Clock.GetUtcNow());
        await sums.StoreAsync("pump-1", "", fleet.Clock.GetUtcNow().AddHours(-1));
        await sums.MergeAsync();
        var rollup = fleet.Get<TelemetryRollup>();

        await rollup.PassAsync(all: false, default);
        Assert.Equal(1, await MarksAsync(fleet));
        fleet.Clock.Advance(TimeSpan.FromMinutes(4));
        await sums.StoreAsync("pump-1", "", fleet.Clock.GetUtcNow().AddMinutes(-4));
        await sums.MergeAsync();
        await rollup.PassAsync(all: false, default);
        fleet.Clock.Advance(TimeSpan.FromMinutes(4));
        await rollup.PassAsync(all: false, default);
        Assert.Equal(1, await MarksAsync(fleet)); // it was not quiet for long enough
        fleet.Clock.Advance(TimeSpan.FromMinutes(1));
        await rollup.PassAsync(all: false, default);

        Assert.Equal(0, await MarksAsync(fleet));
    }

    [Fact]
    public void A_quantile_of_a_sketch_is_off_by_a_hundredth_at_most_whatever_the_values_are()
    {
        var random = new Random(8);
        double[] values = [.. Enumerable.Range(0, 5_000).Select(_ => (random.Next(2) * 2 - 1) * Math.Pow(10, random.Next(-307, 308)) * random.NextDouble()), 0, double.MaxValue, double.MinValue, double.Epsilon];
        var (whole, half) = (new QuantileSketch(), new QuantileSketch());
        for (var i = 0; i < values.Length; i++) (i % 2 == 0 ? whole : half).Add(values[i]);
        whole.Add(half);
        Array.Sort(values);

        for (var at = 0.0; at <= 1; at += 0.001)
        {
            var exact = values[Math.Max(0, (int)Math.Ceiling(at * values.Length) - 1)];
            Assert.InRange(Math.Abs(whole.At(at) - exact), 0, Math.Max(Math.Abs(exact) * 0.0100001, double.Epsilon * 2));
        }
    }

    private static async Task KillAsync(CancellationTokenSource life)
    {
        await life.CancelAsync();
        life.Token.ThrowIfCancellationRequested();
    }

    private static TelemetryRollup Rollup(TestFleet fleet, Func<int, bool, Task> onStep) => new(
        WatchedContexts.Of(fleet, onStep), fleet.Get<TelemetryOptions>(), fleet.Get<StorePatience>(), fleet.Clock);

    private static async Task<MergeSlice> OfAnotherNodeAsync(TestFleet fleet, DateTimeOffset time, long id)
    {
        await using var db = await Databases(fleet).CreateDbContextAsync();
        var (device, timeUs) = (await db.Devices.Where(device => device.DeviceId == "pump-1").Select(device => device.Number).SingleAsync(), EpochTime.ToMicroseconds(time));
        var row = new TelemetryRow { Device = device, TimeUs = timeUs, Id = id, ReceivedUs = timeUs, Stream = "", Body = """{"t":1}"""u8.ToArray() };
        return new MergeSlice([row], [], [new StaleHour { Device = device, Hour = Hours.Of(timeUs), Version = id }], null);
    }

    private static IDbContextFactory<TelemetryDbContext> Databases(TestFleet fleet) => fleet.Get<IDbContextFactory<TelemetryDbContext>>();

    private static async Task<int> MarksAsync(TestFleet fleet)
    {
        await using var db = await Databases(fleet).CreateDbContextAsync();
        return await db.StaleHours.CountAsync();
    }

    private static async Task CheckAllAsync(PlainSums sums)
    {
        await CheckRolledAsync(sums);
        await sums.CheckAsync("90s", "pump-2", 20, 25);
        await sums.CheckAsync("7m", fromHours: 3.3337, toHours: 20.001);
        await sums.CheckAsync("1h", quantiles: true, fromHours: 1.001, toHours: 20);
        await sums.CheckAsync("5m", quantiles: true);
    }

    /// <summary>Questions that rollups alone can answer.</summary>
    private static async Task CheckRolledAsync(PlainSums sums)
    {
        await sums.CheckAsync("1h");
        await sums.CheckAsync("1d", "pump-1");
        await sums.CheckAsync("6h", quantiles: true);
        await sums.CheckAsync("1d", quantiles: true);
        await sums.CheckAsync("10m");
        await sums.CheckAsync("1h", fromHours: 3 + 7 / 60.0, toHours: 28 + 1 / 60.0);
    }
}
