using IoTFleet.Broker.Sessions;

namespace IoTFleet.Testing;

/// <summary>A store whose units become durable, or fail, when the test says so; until then they are durable at once. Knows what a crash would leave after each.</summary>
public sealed class ScriptedStore : IBrokerStore
{
    private readonly Lock _gate = new();
    private readonly List<IReadOnlyList<StoreChange>> _durable = [];
    private readonly Queue<(IReadOnlyList<StoreChange> Changes, TaskCompletionSource Done)> _held = new();

    public ScriptedStore(params IReadOnlyList<StoreChange>[] durable) => _durable.AddRange(durable);

    /// <summary>From now on units wait for <see cref="CommitAsync"/>.</summary>
    public bool Holds { get; set; }

    /// <summary>Units that are durable, in order.</summary>
    public IReadOnlyList<IReadOnlyList<StoreChange>> Durable
    {
        get
        {
            lock (_gate) return [.. _durable];
        }
    }

    public int Held
    {
        get
        {
            lock (_gate) return _held.Count;
        }
    }

    /// <summary>What another process would find if this one died after so many units.</summary>
    public ScriptedStore After(int units) => new([.. Durable.Take(units)]);

    public async Task<StoredBroker> LoadAsync(CancellationToken cancellationToken)
    {
        var state = new InMemoryBrokerStore();
        foreach (var unit in Durable) await state.AppendAsync(unit);
        return await state.LoadAsync(cancellationToken);
    }

    public Task AppendAsync(IReadOnlyList<StoreChange> changes)
    {
        lock (_gate)
        {
            if (Holds) return Hold_NeedsGate(changes);
            _durable.Add([.. changes]);
            return Task.CompletedTask;
        }
    }

    /// <summary>The oldest unit that waits, as soon as there is one, becomes durable.</summary>
    public async Task CommitAsync()
    {
        await InMemoryBroker.UntilAsync(() => Held > 0);
        lock (_gate)
        {
            var (changes, done) = _held.Dequeue();
            _durable.Add([.. changes]);
            done.SetResult();
        }
    }

    /// <summary>The oldest unit that waits, as soon as there is one, cannot be stored.</summary>
    public async Task FailAsync()
    {
        await InMemoryBroker.UntilAsync(() => Held > 0);
        lock (_gate) _held.Dequeue().Done.SetException(new IOException("disk full"));
    }

    /// <summary>All that waits becomes durable, and whatever comes.</summary>
    public void CommitAll()
    {
        lock (_gate)
        {
            Holds = false;
            while (_held.TryDequeue(out var unit))
            {
                _durable.Add([.. unit.Changes]);
                unit.Done.SetResult();
            }
        }
    }

    private Task Hold_NeedsGate(IReadOnlyList<StoreChange> changes)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _held.Enqueue((changes, done));
        return done.Task;
    }
}
