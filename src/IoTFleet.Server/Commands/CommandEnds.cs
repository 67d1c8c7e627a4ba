using IoTFleet.Fleet.Commands;

namespace IoTFleet.Server.Commands;

/// <summary>Who waits for the end of a command. A signal costs nobody a look into the database; whoever is signalled looks once.</summary>
internal sealed class CommandEnds
{
    private const int MaxWaiting = 5_000;

    private readonly Lock _gate = new();
    private readonly Dictionary<CommandKey, List<TaskCompletionSource>> _waiting = [];
    private int _count;

    public bool IsAwaited
    {
        get
        {
            lock (_gate) return _count > 0;
        }
    }

    public IReadOnlyCollection<string> AwaitedDevices()
    {
        lock (_gate) return _waiting.Keys.Select(command => command.DeviceId).ToHashSet(StringComparer.Ordinal);
    }

    /// <summary>To be begun before the command is looked at, so that no end falls between the two.</summary>
    /// <returns>Null when too many wait already.</returns>
    public Turn? Listen(CommandKey command)
    {
        lock (_gate)
        {
            if (_count >= MaxWaiting) return null;
            _count++;
            var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            if (!_waiting.TryGetValue(command, out var turns)) _waiting[command] = turns = [];
            turns.Add(ended);
            return new Turn(this, command, ended);
        }
    }

    public void Ended(CommandKey command)
    {
        lock (_gate)
        {
            if (!_waiting.TryGetValue(command, out var turns)) return;
            foreach (var turn in turns) turn.TrySetResult();
        }
    }

    private void Leave(CommandKey command, TaskCompletionSource ended)
    {
        lock (_gate)
        {
            if (!_waiting.TryGetValue(command, out var turns) || !turns.Remove(ended)) return;
            _count--;
            if (turns.Count == 0) _waiting.Remove(command);
        }
    }

    public sealed class Turn(CommandEnds ends, CommandKey command, TaskCompletionSource ended) : IDisposable
    {
        public Task Ended => ended.Task;

        public void Dispose() => ends.Leave(command, ended);
    }
}
