using IoTFleet.Fleet.Telemetry;
using IoTFleet.Fleet.Telemetry.Store;
using IoTFleet.Testing;
using static IoTFleet.Fleet.Tests.Telemetry.TelemetryBench;

namespace IoTFleet.Fleet.Tests.Telemetry;

public class TelemetryIngestTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(120);

    [Fact]
    public async Task Nothing_is_complete_before_its_commit()
    {
        await using var bench = await StartAsync();
        bench.Store.Hold();
        var stored = await bench.AcceptAsync(Message("pump-1", "{}"));
        await Eventually.TrueAsync(() => Task.FromResult(bench.Ingest.Accepted == 1));

        Assert.False(stored.IsCompleted);
        Assert.Empty(await bench.BodiesAsync("pump-1"));

        bench.Store.Release();
        await stored.WaitAsync(Deadline);
        Assert.Single(await bench.BodiesAsync("pump-1"));
    }

    [Fact]
    public async Task What_gathers_during_a_commit_is_the_next_one()
    {
        await using var bench = await StartAsync();
        bench.Store.Hold();
        var all = new List<Task> { await bench.AcceptAsync(Message("a", "{}")) };
        for (var i = 0; i < 5; i++) all.Add(await bench.AcceptAsync(Message("b", "{}")));

        bench.Store.Release();
        await Task.WhenAll(all).WaitAsync(Deadline);

        Assert.InRange(bench.Store.Appends, 1, 2); // the first alone or with some of the others, depending on who was faster
        Assert.Equal((6, 6, 0), (bench.Ingest.Accepted, bench.Ingest.Stored, bench.Ingest.Failed));
    }

    [Fact]
    public async Task A_full_ingest_makes_the_next_one_wait_and_drops_what_nobody_waits_for()
    {
        await using var bench = await StartAsync(new TelemetryOptions { Capacity = 2, MaxBatch = 1 });
        bench.Store.Hold();
        var first = await bench.AcceptAsync(Message("a", "{}"));
        await Eventually.TrueAsync(() => Task.FromResult(bench.Ingest.TryAccept(Message("b", "{}")))); // the first has left the queue for its commit
        await Eventually.TrueAsync(() => Task.FromResult(!bench.Ingest.TryAccept(Message("b", "{}"))));
        var waiting = bench.AcceptAsync(Message("c", "{}"));

        Assert.False(waiting.IsCompleted);
        Assert.True(bench.Get<FleetMetrics>().TelemetryDropped > 0);

        bench.Store.Release();
        await first.WaitAsync(Deadline);
        await (await waiting.WaitAsync(Deadline)).WaitAsync(Deadline);
    }

    [Fact]
    public async Task Whoever_gives_up_waiting_for_room_leaves_nothing_behind()
    {
        await using var bench = await StartAsync(new TelemetryOptions { Capacity = 1, MaxBatch = 1 });
        bench.Store.Hold();
        await bench.AcceptAsync(Message("a", "{}"));
        var second = await bench.AcceptAsync(Message("b", "{}"));
        using var closing = new CancellationTokenSource();
        var waiting = bench.Ingest.AcceptAsync(Message("c", "{}"), closing.Token).AsTask();
        await closing.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        bench.Store.Release();
        await second.WaitAsync(Deadline);
        Assert.Empty(await bench.BodiesAsync("c"));
    }

    [Fact]
    public async Task While_the_database_is_away_messages_wait_and_health_says_since_when()
    {
        await using var bench = await StartAsync();
        for (var i = 0; i < 4; i++) bench.Store.FailAppend(new TimeoutException("the database is away"));
        var stored = await bench.AcceptAsync(Message("a", "{}"));
        await Eventually.TrueAsync(() => Task.FromResult(bench.Get<TelemetryHealth>().Faults.Count == 1));

        Assert.Equal(("log", Noon, "the database is away"), bench.Get<TelemetryHealth>().Faults.Select(fault => (fault.What, fault.Since, fault.Problem)).Single());
        await AdvanceUntilAsync(bench, stored);
        Assert.Empty(bench.Get<TelemetryHealth>().Faults);
        Assert.Equal(["{}"], await bench.BodiesAsync("a"));
    }

    [Fact]
    public async Task A_commit_whose_answer_got_lost_is_repeated_and_stored_once()
    {
        await using var bench = await StartAsync();
        bench.Store.FailAppend(new IOException("connection reset"));

        await AdvanceUntilAsync(bench, await bench.AcceptAsync(Message("a", """{"n":1}""")));
        await bench.MergeAsync();

        Assert.Equal(2, bench.Store.Appends);
        Assert.Equal(1, await bench.RowsAsync());
    }

    [Fact]
    public async Task An_error_that_is_not_tried_again_is_told_to_health_until_something_is_stored()
    {
        await using var bench = await StartAsync();
        bench.Store.FailAppend(new InvalidDataException("damaged"));

        await Assert.ThrowsAsync<TelemetryNotStoredException>(async () => await await bench.AcceptAsync(Message("a", "1")));
        Assert.Equal(("log", "InvalidData", "damaged"), bench.Get<TelemetryHealth>().Faults.Select(fault => (fault.What, fault.Code, fault.Problem)).Single());
        await bench.StoreAsync(Message("a", "2"));

        Assert.Empty(bench.Get<TelemetryHealth>().Faults);
        bench.Log.AssertClean("TelemetryNotStored");
    }

    [Fact]
    public async Task A_merge_that_cannot_succeed_is_told_to_health_and_tried_at_each_tick()
    {
        await using var bench = await StartAsync();
        await bench.StoreAsync(Message("a", "1"));
        bench.Store.MergeFaults.Enqueue(new InvalidDataException("damaged"));

        await Assert.ThrowsAsync<InvalidDataException>(bench.MergeAsync);
        Assert.Equal(("merge", "damaged"), bench.Get<TelemetryHealth>().Faults.Select(fault => (fault.What, fault.Problem)).Single());
        await bench.MergeAsync();

        Assert.Empty(bench.Get<TelemetryHealth>().Faults);
        Assert.Equal(1, await bench.RowsAsync());
    }

    [Fact]
    public async Task A_stop_without_a_database_gives_up_after_some_seconds_and_takes_no_more()
    {
        await using var bench = await StartAsync();
        for (var i = 0; i < 1_000; i++) bench.Store.FailAppend(new TimeoutException("the database is away"));
        var lost = await bench.AcceptAsync(Message("a", "{}"));

        var stopping = bench.Ingest.StopAsync();
        var late = await bench.AcceptAsync(Message("b", "{}"));
        await AdvanceUntilAsync(bench, stopping);

        await Assert.ThrowsAsync<TelemetryNotStoredException>(() => lost);
        await Assert.ThrowsAsync<TelemetryNotStoredException>(() => late);
        Assert.Equal(1, bench.Ingest.Failed);
        bench.Log.AssertClean("TelemetryNotStored", "TelemetryRetried");
    }

    [Fact]
    public async Task Stopping_stores_and_merges_everything_accepted()
    {
        await using var bench = await StartAsync(new TelemetryOptions { MaxBatch = 1 });
        Task[] accepted = [await bench.AcceptAsync(Message("a", "{}")), await bench.AcceptAsync(Message("b", "{}"))];

        await bench.Ingest.StopAsync().WaitAsync(Deadline);

        Assert.All(accepted, one => Assert.True(one.IsCompletedSuccessfully));
        Assert.Equal(2, await bench.RowsAsync());
        Assert.Empty(await bench.Store.ReadLogAsync(0, 10, default));
    }

    [Fact]
    public async Task What_awaits_a_message_does_not_run_on_the_writers_thread()
    {
        await using var bench = await StartAsync();
        bench.Store.Hold();
        var stored = await bench.AcceptAsync(Message("a", "{}"));
        using var release = new ManualResetEventSlim();
        var blocked = stored.ContinueWith(_ => release.Wait(), TaskContinuationOptions.ExecuteSynchronously);
        bench.Store.Release();

        await (await bench.AcceptAsync(Message("b", "{}"))).WaitAsync(Deadline); // comes only if the writer's thread is free
        release.Set();
        await blocked.WaitAsync(Deadline);
    }

    [Fact]
    public async Task A_batch_larger_than_an_entry_of_the_log_takes_several()
    {
        await using var bench = await StartAsync();
        bench.Store.Hold();
        var text = new string('x', 1_000_000);
        var all = new List<Task>();
        for (var i = 0; i < 9; i++) all.Add(await bench.AcceptAsync(Message("a", $$"""{"n":{{i}},"text":"{{text}}"}""", second: i)));
        bench.Store.Release();
        await Task.WhenAll(all).WaitAsync(Deadline);

        await bench.MergeAsync();
        Assert.True(bench.Store.Appends >= 2);
        Assert.Equal(9, await bench.RowsAsync());
    }

    [Theory]
    [InlineData(0, 1, 1, "Telemetry:Capacity")]
    [InlineData(10, 11, 1, "Telemetry:MaxBatch")]
    [InlineData(10, 10, 0, "Telemetry:RepeatWindow")]
    public void Settings_out_of_range_are_named(int capacity, int maxBatch, int repeatWindow, string setting)
    {
        var options = new TelemetryOptions { Capacity = capacity, MaxBatch = maxBatch, RepeatWindow = repeatWindow };

        Assert.Contains(setting + " must be between", Assert.Throws<ArgumentException>(options.Validate).Message);
    }

    private static async Task AdvanceUntilAsync(TelemetryBench bench, Task done)
    {
        while (!done.IsCompleted)
        {
            bench.Clock.Advance(TimeSpan.FromSeconds(1));
            await Task.Yield();
        }
        await done;
    }
}
