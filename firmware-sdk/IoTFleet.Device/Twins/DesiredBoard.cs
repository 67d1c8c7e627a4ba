using System.Runtime.CompilerServices;
using System.Text.Json;

namespace IoTFleet.Device.Twins;

/// <summary>
/// What the application has applied, and the newest that the server has told. Between the two the application is given one change, however many there were.
/// </summary>
internal sealed class DesiredBoard(DesiredDocument applied)
{
    private readonly Lock _gate = new();
    private TaskCompletionSource _changed = NewSignal();
    private DesiredDocument _applied = applied;
    private DesiredDocument _newest = applied;
    private bool _reading;
    private bool _closed;

    public DesiredDocument Applied
    {
        get
        {
            lock (_gate)
                return _applied;
        }
    }

    public long NewestVersion
    {
        get
        {
            lock (_gate)
                return _newest.Version;
        }
    }

    /// <summary>Takes what the server has sent; true when it does not fit on what is held, and the server is to be asked.</summary>
    /// <exception cref="JsonException">It is not what the server sends.</exception>
    public bool Take(ReadOnlyMemory<byte> payload)
    {
        using var news = JsonDocument.Parse(payload);
        var root = news.RootElement;
        var version = Number(root, "version") ?? throw new JsonException("It has no version.");
        lock (_gate)
        {
            if (version <= _newest.Version)
                return false;                                  // sent again, or late
            if (root.TryGetProperty("desired", out var whole) && whole.ValueKind == JsonValueKind.Object)
                _newest = new DesiredDocument(version, whole.GetRawText());
            else if (root.TryGetProperty("patch", out var patch) && patch.ValueKind == JsonValueKind.Object && Number(root, "from") is { } from)
            {
                if (from != _newest.Version)
                    return true;
                _newest = new DesiredDocument(version, MergePatch.Apply(_newest.Json, patch));
            }
            else
                throw new JsonException("It has neither a document nor a patch.");
            Signal_NeedsGate();
            return false;
        }
    }

    /// <param name="keep">Makes it last, and tells the server; before that it does not count as applied.</param>
    /// <param name="cancellation">Ends the reading.</param>
    public async IAsyncEnumerable<DesiredChange> ChangesAsync(Func<DesiredDocument, CancellationToken, Task> keep, [EnumeratorCancellation] CancellationToken cancellation)
    {
        BeginReading();
        try
        {
            while (await NextAsync(cancellation) is { } next)
            {
                var delta = MergePatch.Between(Applied.Json, next.Json);
                if (delta != MergePatch.Nothing)               // changed and changed back while the device was away
                    yield return new DesiredChange(next.Version, MergePatch.Parse(delta), MergePatch.Parse(next.Json));
                await keep(next, cancellation);
                lock (_gate)
                    _applied = next;
            }
        }
        finally
        {
            lock (_gate)
                _reading = false;
        }
    }

    public void Close()
    {
        lock (_gate)
        {
            _closed = true;
            Signal_NeedsGate();
        }
    }

    private static long? Number(JsonElement news, string name) =>
        news.ValueKind == JsonValueKind.Object && news.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) ? number : null;

    private void BeginReading()
    {
        lock (_gate)
        {
            if (_reading)
                throw new InvalidOperationException("Somebody reads the desired changes already: what one has applied the other would not hear of.");
            _reading = true;
        }
    }

    private async Task<DesiredDocument?> NextAsync(CancellationToken cancellation)
    {
        while (true)
        {
            Task changed;
            lock (_gate)
            {
                if (_closed)
                    return null;
                if (_newest.Version > _applied.Version)
                    return _newest;
                changed = _changed.Task;
            }

            await changed.WaitAsync(cancellation);
        }
    }

    private void Signal_NeedsGate()
    {
        _changed.TrySetResult();
        _changed = NewSignal();
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
