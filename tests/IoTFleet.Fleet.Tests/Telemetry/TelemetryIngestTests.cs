using IoTFleet.Fleet.Telemetry;
using IoTFleet.Testing;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Fleet.Tests.Telemetry;

public sealed class TelemetryIngestTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    private readonly HeldWriter _writer = new();
    private readonly FakeClock _clock = new();
    private readonly FleetMetrics _metrics = new();
    private readonly StrictLog _log = new();

    [Fact]
    public async Task Nothing_is_complete_before_its_commit()
    {
        await using var ingest = Start(new TelemetryOptions());
        var stored = await AcceptAsync(ingest, "pump-1");
        var commit = await _writer.NextAsync();

        Assert.False(stored.IsCompleted);

        commit.SetResult();
        await stored.WaitAsync(Deadline);
    }

    [Fact]
    public async Task What_gathers_during_a_commit_is_the_next_batch()
    {
        await using var ingest = Start(new TelemetryOptions { MaxBatch = 3 });
        await AcceptAsync(ingest, "a");
        var first = await _writer.NextAsync();
        foreach (var device in (string[])["b", "c", "d", "e"]) await AcceptAsync(ingest, device);

        first.SetResult();
        var second = await _writer.NextAsync();
        second.SetResult();
        var third = await _writer.NextAsync();
        third.SetResult();

        Assert.Equal(["a", "b c d", "e"], ((HeldWriter.Commit[])[first, second, third]).Select(commit => string.Join(' ', commit.Devices)));
        await ingest.StopAsync();
        Assert.Equal((5, 5, 3, 0), (ingest.Accepted, ingest.Stored, ingest.Batches, ingest.Failed));
    }

    [Fact]
    public async Task A_full_ingest_makes_the_next_one_wait_for_room()
    {
        await using var ingest = Start(new TelemetryOptions { Capacity = 2, MaxBatch = 2 });
        await AcceptAsync(ingest, "a");
        var first = await _writer.NextAsync();
        await AcceptAsync(ingest, "b");
        await AcceptAsync(ingest, "c");

        var waiting = ingest.AcceptAsync(Point("d"), CancellationToken.None).AsTask();
        Assert.False(waiting.IsCompleted);

        first.SetResult();
        (await _writer.NextAsync()).SetResult();
        var stored = await waiting.WaitAsync(Deadline);
        (await _writer.NextAsync()).SetResult();
        await stored.WaitAsync(Deadline);
    }

    [Fact]
    public async Task Whoever_gives_up_waiting_for_room_leaves_nothing_behind()
    {
        await using var ingest = Start(new TelemetryOptions { Capacity = 1, MaxBatch = 1 });
        await AcceptAsync(ingest, "a");
        var first = await _writer.NextAsync();
        await AcceptAsync(ingest, "b");
        using var closing = new CancellationTokenSource();
        var waiting = ingest.AcceptAsync(Point("c"), closing.Token).AsTask();

        await closing.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        first.SetResult();
        var second = await _writer.NextAsync();
        second.SetResult();
        Assert.Equal(["b"], second.Devices);
    }

    [Fact]
    public async Task A_batch_that_fails_takes_only_its_own_messages_with_it()
    {
        await using var ingest = Start(new TelemetryOptions());
        var lost = await AcceptAsync(ingest, "a");
        var first = await _writer.NextAsync();
        var kept = await AcceptAsync(ingest, "b");

        first.SetException(new IOException("disk full"));
        (await _writer.NextAsync()).SetResult();

        var error = await Assert.ThrowsAsync<TelemetryNotStoredException>(() => lost.WaitAsync(Deadline));
        Assert.IsType<IOException>(error.InnerException);
        await kept.WaitAsync(Deadline);
        Assert.Equal((1, 1), (ingest.Failed, ingest.Stored));
        _log.AssertClean("TelemetryNotStored");
    }

    [Fact]
    public async Task A_transient_error_is_retried_with_the_same_batch()
    {
        await using var ingest = Start(new TelemetryOptions());
        var stored = await AcceptAsync(ingest, "a");

        (await _writer.NextAsync()).SetException(new TimeoutException("busy"));
        var second = await AdvanceUntilAsync(_writer.NextAsync());

        Assert.Equal(["a"], second.Devices);
        second.SetResult();
        await stored.WaitAsync(Deadline);
        Assert.Contains(_log.Lines, line => line.Contains("tried again (1 of 5): busy"));
    }

    [Fact]
    public async Task Retries_end()
    {
        await using var ingest = Start(new TelemetryOptions { MaxRetries = 2 });
        var stored = await AcceptAsync(ingest, "a");

        for (var attempt = 0; attempt < 3; attempt++)
            (await AdvanceUntilAsync(_writer.NextAsync())).SetException(new TimeoutException("busy"));

        var error = await Assert.ThrowsAsync<TelemetryNotStoredException>(() => stored.WaitAsync(Deadline));
        Assert.IsType<TimeoutException>(error.InnerException);
    }

    [Fact]
    public async Task Stopping_stores_everything_accepted_and_takes_no_more()
    {
        var ingest = Start(new TelemetryOptions { MaxBatch = 1 });
        Task[] accepted = [await AcceptAsync(ingest, "a"), await AcceptAsync(ingest, "b")];

        var stopping = ingest.StopAsync();
        var late = await AcceptAsync(ingest, "c");
        (await _writer.NextAsync()).SetResult();
        (await _writer.NextAsync()).SetResult();

        await stopping.WaitAsync(Deadline);
        await Task.WhenAll(accepted).WaitAsync(Deadline);
        await Assert.ThrowsAsync<TelemetryNotStoredException>(() => late);
    }

    [Fact]
    public async Task What_awaits_a_message_does_not_run_on_the_writers_thread()
    {
        await using var ingest = Start(new TelemetryOptions());
        var stored = await AcceptAsync(ingest, "a");
        using var release = new ManualResetEventSlim();
        var blocked = stored.ContinueWith(_ => release.Wait(), TaskContinuationOptions.ExecuteSynchronously);

        (await _writer.NextAsync()).SetResult();
        await AcceptAsync(ingest, "b");
        var next = await Record.ExceptionAsync(async () => (await _writer.NextAsync()).SetResult()); // Comes only if the writer's thread is free.

        release.Set();
        await blocked.WaitAsync(Deadline);
        Assert.Null(next);
    }

    [Theory]
    [InlineData(0, 1, 1, "Telemetry:Capacity")]
    [InlineData(10, 11, 1, "Telemetry:MaxBatch")]
    [InlineData(10, 10, 0, "Telemetry:MaxRetries")]
    public void Settings_out_of_range_are_named(int capacity, int maxBatch, int maxRetries, string setting)
    {
        var options = new TelemetryOptions { Capacity = capacity, MaxBatch = maxBatch, MaxRetries = maxRetries };

        Assert.Contains(setting + " must be between", Assert.Throws<ArgumentException>(options.Validate).Message);
    }

    private TelemetryIngest Start(TelemetryOptions options) =>
        new(_writer, options, _metrics, _clock, LoggerFactory.Create(logging => logging.AddProvider(_log)).CreateLogger<TelemetryIngest>());

    private static async Task<Task> AcceptAsync(TelemetryIngest ingest, string device) =>
        await ingest.AcceptAsync(Point(device), CancellationToken.None);

    private static TelemetryPoint Point(string device) =>
        new(device, "", "{}"u8.ToArray(), DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch);

    private async Task<T> AdvanceUntilAsync<T>(Task<T> done)
    {
        while (!done.IsCompleted)
        {
            _clock.Advance(TimeSpan.FromSeconds(1));
            await Task.Yield();
        }
        return await done;
    }
}
