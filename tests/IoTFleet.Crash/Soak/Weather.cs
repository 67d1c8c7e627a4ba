namespace IoTFleet.Crash.Soak;

/// <summary>What befalls the server and the way to it, one thing after the other in shuffled rounds, so that a short run has some of each.</summary>
internal sealed class Weather(MortalServer server, RoughRoad road, Random random, TextWriter output)
{
    private readonly Queue<(string What, Func<CancellationToken, Task> Happen)> _next = [];

    public int Events { get; private set; }

    /// <param name="meanPause">Between two events.</param>
    /// <param name="over">Whatever happens then is brought to its end: the server is up and connections are taken.</param>
    /// <param name="ct">Ends the run.</param>
    public async Task RageAsync(TimeSpan meanPause, CancellationToken over, CancellationToken ct)
    {
        while (!over.IsCancellationRequested)
        {
            await PauseAsync(-meanPause.TotalSeconds * Math.Log(1 - 0.95 * random.NextDouble()), over);
            if (over.IsCancellationRequested) return;
            if (_next.Count == 0) Shuffle();
            var (what, happen) = _next.Dequeue();
            var began = TimeProvider.System.GetTimestamp();
            Events++;
            await happen(ct);
            await output.WriteLineAsync($"  weather: {what}, {TimeProvider.System.GetElapsedTime(began).TotalSeconds:0.0} s");
        }
    }

    private void Shuffle()
    {
        (string, Func<CancellationToken, Task>)[] all =
        [
            ("server restarted", RestartAsync), ("server killed and started again", KillAsync), ("server frozen", FreezeAsync),
            ("connections refused", RefuseAsync), ("server killed and away", ct => AwayAsync(ct)),
        ];
        random.Shuffle(all);
        foreach (var one in all) _next.Enqueue(one);
    }

    private async Task RestartAsync(CancellationToken ct)
    {
        var told = TimeProvider.System.GetTimestamp();
        await server.StopAsync(ct);
        await output.WriteLineAsync($"  weather: server stopped, {TimeProvider.System.GetElapsedTime(told).TotalSeconds:0.0} s after it was told to");
        server.Start();
        await server.ReadyAsync(ct);
    }

    private async Task KillAsync(CancellationToken ct)
    {
        await server.KillAsync();
        server.Start();
        await server.ReadyAsync(ct);
    }

    private async Task AwayAsync(CancellationToken ct)
    {
        await server.KillAsync();
        await PauseAsync(2 + 8 * random.NextDouble(), ct);
        server.Start();
        await server.ReadyAsync(ct);
    }

    private async Task FreezeAsync(CancellationToken ct)
    {
        server.Freeze();
        await PauseAsync(2 + 13 * random.NextDouble(), ct);    // at times longer than a device waits for an answer
        server.Thaw();
    }

    private async Task RefuseAsync(CancellationToken ct)
    {
        await road.StopTakingAsync();
        await PauseAsync(1 + 5 * random.NextDouble(), ct);
        road.Start();
    }

    private static async Task PauseAsync(double seconds, CancellationToken over)
    {
        try
        {
            await Task.Delay(TimeSpan.FromSeconds(seconds), TimeProvider.System, over);
        }
        catch (OperationCanceledException)
        {
            // Looked at by the caller.
        }
    }
}
