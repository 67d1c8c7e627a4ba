namespace IoTFleet.Server.Est;

/// <summary>
/// How often an address may name a token that does not exist. Each try is counted before its token is looked at and given back when the token is known,
/// so that guesses made side by side count like guesses one after the other. Whoever finds all tries taken by others of its address that are not decided
/// yet waits for them: a site of many devices behind one address loses nothing but that moment. Those who wait are bounded by the requests under way.
/// </summary>
internal sealed class TokenGuesses(int perMinute, TimeProvider clock)
{
    private readonly Lock _gate = new();
    private readonly RateBuckets _left = new(perMinute, clock);
    private readonly Dictionary<string, Undecided> _undecided = new(StringComparer.Ordinal);

    /// <returns>A try that must be settled; or how long until there is one.</returns>
    public async Task<(Try? Try, TimeSpan Wait)> TakeAsync(string network, CancellationToken ct)
    {
        while (true)
        {
            Task decided;
            lock (_gate)
            {
                var known = _undecided.TryGetValue(network, out var others);
                if (_left.Take(network) is not { } wait)
                {
                    if (!known) _undecided[network] = others = new Undecided();
                    others!.Count++;
                    return (new Try(this, network), default);
                }
                if (!known) return (null, wait);
                decided = others!.OneDecided.Task;
            }
            await decided.WaitAsync(ct);
        }
    }

    /// <returns>Whether the address has no try left.</returns>
    private bool Settle(string network, bool isWrong)
    {
        lock (_gate)
        {
            var others = _undecided[network];
            if (!isWrong) _left.GiveBack(network);
            if (--others.Count == 0) _undecided.Remove(network);
            var waiting = others.OneDecided;
            others.OneDecided = NewSignal();
            waiting.SetResult();
            return _left.Peek(network) is not null;
        }
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private sealed class Undecided
    {
        internal int Count { get; set; }
        internal TaskCompletionSource OneDecided { get; set; } = NewSignal();
    }

    /// <summary>Stays counted unless the token turned out to be known.</summary>
    internal sealed class Try(TokenGuesses guesses, string network) : IDisposable
    {
        private bool _settled;

        /// <returns>Whether this was the last one of the address for now.</returns>
        public bool Settle(bool isWrong)
        {
            if (_settled) return false;
            _settled = true;
            return guesses.Settle(network, isWrong);
        }

        /// <summary>It was never decided whether the token is known, so it was no guess that told anybody anything.</summary>
        public void Dispose() => Settle(isWrong: false);
    }
}
