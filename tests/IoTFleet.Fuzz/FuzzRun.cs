namespace IoTFleet.Fuzz;

/// <summary>
/// Cases in batches, each batch on a broker of its own, the batches on as many lanes as there are processors. Ends with an exception at the first
/// case that the broker did not stand.
/// </summary>
internal sealed class FuzzRun(int seed, long from, long cases)
{
    public const long BatchSize = 5_000;
    private const int BetweenChecks = 250;
    private const long MemoryBound = 16 * 1024 * 1024;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly List<WeakReference> _watched = [];
    private readonly Lock _gate = new();
    private long _done;

    public long Done => Interlocked.Read(ref _done);

    public async Task RunAsync(int lanes)
    {
        await BatchAsync(new Range(0, BetweenChecks));          // what is made once is made before the memory is looked at
        Interlocked.Exchange(ref _done, 0);
        var before = GC.GetTotalMemory(forceFullCollection: true);
        await Parallel.ForEachAsync(Batches(), new ParallelOptions { MaxDegreeOfParallelism = lanes }, async (batch, _) => await BatchAsync(batch));
        RequireMemoryBack(before, lanes);
    }

    private IEnumerable<Range> Batches()
    {
        for (var at = from; at < from + cases; at = (at / BatchSize + 1) * BatchSize)
        {
            yield return new Range(at, Math.Min(from + cases, (at / BatchSize + 1) * BatchSize));
        }
    }

    private async Task BatchAsync(Range batch)
    {
        using var broker = new FuzzBroker(batch.From / BatchSize);
        var healthy = new HealthyClient(broker);
        await healthy.ConnectAsync();
        for (var number = batch.From; number < batch.To; number++)
        {
            var one = CaseMaker.Make(seed, number);
            await RunAsync(broker, one);
            if ((number + 1) % BetweenChecks == 0) await CheckAsync(broker, healthy, one);
            Interlocked.Increment(ref _done);
        }

        await healthy.LeaveAsync();
        var last = CaseMaker.Make(seed, batch.To - 1);
        RequireClean(broker, last);
        if (broker.Remains() is { } remains) throw new FuzzFailure(last, seed, remains);
        lock (_gate) _watched.Add(new WeakReference(broker.Broker));
    }

    private async Task RunAsync(FuzzBroker broker, FuzzCase one)
    {
        var running = new HostileClient(broker, one, seed).RunAsync();
        try
        {
            await (running.IsCompleted ? running : running.WaitAsync(Patience));
        }
        catch (TimeoutException)
        {
            throw new FuzzFailure(one, seed, "The connection has neither ended nor answered a PINGREQ.");
        }
    }

    /// <summary>Now and then time passes, and the healthy client must be served.</summary>
    private async Task CheckAsync(FuzzBroker broker, HealthyClient healthy, FuzzCase one)
    {
        broker.Clock.Advance(TimeSpan.FromSeconds(one.Number % 90));
        try
        {
            await healthy.CheckAsync(one.Number).WaitAsync(Patience);
        }
        catch (Exception problem) when (problem is InvalidOperationException or TimeoutException)
        {
            throw new FuzzFailure(one, seed, $"After one of the last {BetweenChecks} cases: {problem.Message}");
        }

        RequireClean(broker, one);
    }

    private void RequireClean(FuzzBroker broker, FuzzCase one)
    {
        if (broker.Log.Lines is [var line, ..]) throw new FuzzFailure(one, seed, $"In the log, after one of the last {BetweenChecks} cases: {line}");
    }

    private void RequireMemoryBack(long before, int lanes)
    {
        var after = GC.GetTotalMemory(forceFullCollection: true);
        if (after - before > MemoryBound) throw new InvalidOperationException($"{after - before:N0} bytes are held after the run, {MemoryBound:N0} are allowed.");
        GC.WaitForPendingFinalizers();
        GC.Collect();
        // A thread may still hold the last one it worked for.
        var alive = _watched.Count(broker => broker.IsAlive);
        if (alive > lanes) throw new InvalidOperationException($"{alive} of {_watched.Count} brokers are still reachable after the run.");
    }

    private readonly record struct Range(long From, long To);
}
