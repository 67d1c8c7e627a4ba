namespace IoTFleet.Fleet.Certificates;

/// <summary>One certificate at a time for each subject: who asks again while the first answer is on its way waits for it, and then finds it. Bounded by the requests under way.</summary>
internal sealed class SubjectTurns
{
    private readonly Dictionary<string, Turn> _turns = new(StringComparer.Ordinal);
    private readonly Lock _gate = new();

    /// <summary>Disposing what it yields ends the turn.</summary>
    internal async Task<IDisposable> TakeAsync(string subject, CancellationToken ct)
    {
        var turn = Join(subject);
        try
        {
            await turn.Free.WaitAsync(ct);
        }
        catch
        {
            Leave(turn);
            throw;
        }
        return turn;
    }

    private Turn Join(string subject)
    {
        lock (_gate)
        {
            if (!_turns.TryGetValue(subject, out var turn)) _turns[subject] = turn = new Turn(this, subject);
            turn.Interested++;
            return turn;
        }
    }

    private void Leave(Turn turn)
    {
        lock (_gate)
        {
            if (--turn.Interested == 0) _turns.Remove(turn.Subject);
        }
    }

    private sealed class Turn(SubjectTurns turns, string subject) : IDisposable
    {
        internal string Subject => subject;
        internal SemaphoreSlim Free { get; } = new(1, 1);
        internal int Interested { get; set; }

        public void Dispose()
        {
            Free.Release();
            turns.Leave(this);
        }
    }
}
