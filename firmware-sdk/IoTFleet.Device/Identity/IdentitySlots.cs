namespace IoTFleet.Device.Identity;

/// <summary>
/// The identity in use and, while a renewal is under way, the next one. A connection is made with the next one as soon as there is one;
/// the old one is given up when the server has let the new one in, and not before.
/// <para>
/// Back to the old one goes only who was told in so many words that the new one is not wanted. A lost connection is no such word: the server may have let the
/// new one in before the connection was lost, and to it the old one would then be a thief's.
/// </para>
/// </summary>
internal sealed class IdentitySlots(IKeyStore store, DeviceIdentity current, DeviceIdentity? next, Action<DeviceException> tell) : IDisposable
{
    private readonly Lock _gate = new();
    private readonly SemaphoreSlim _finishing = new(1);
    private DeviceIdentity _current = current;
    private DeviceIdentity? _next = next;
    private DeviceIdentity? _retired;                          // a request may still be using it
    private bool _nextRefused;
    private bool _letIn;                                       // the next one, and the store does not know it yet
    private long _promotions;

    /// <summary>How often a next one took its place.</summary>
    public long Promotions => Volatile.Read(ref _promotions);

    public DeviceIdentity Current
    {
        get
        {
            lock (_gate)
                return _current;
        }
    }

    public bool HasNext
    {
        get
        {
            lock (_gate)
                return _next is not null;
        }
    }

    /// <summary>The next one was refused: it is of no use.</summary>
    public bool NextIsRefused
    {
        get
        {
            lock (_gate)
                return _next is not null && _nextRefused;
        }
    }

    public DeviceIdentity ForConnection()
    {
        lock (_gate)
            return _next is not null && !_nextRefused ? _next : _current;
    }

    /// <summary>A renewal brought it, and the store has it.</summary>
    public void SetNext(DeviceIdentity identity)
    {
        lock (_gate)
            (_next, _nextRefused) = (identity, false);
    }

    /// <summary>The server has let this one in. If it is the next one, it takes the place of the one in use.</summary>
    /// <remarks>
    /// A store that cannot be written keeps nobody from working: the next one is in it, and is tried first after a restart, too. What was left undone is tried again
    /// by <see cref="FinishAsync"/>.
    /// </remarks>
    public async ValueTask ConfirmAsync(DeviceIdentity used, CancellationToken cancellation)
    {
        lock (_gate)
        {
            if (!ReferenceEquals(used, _next))
                return;
            _letIn = true;
        }

        await FinishAsync(cancellation);
    }

    /// <summary>Puts a next one that was let in into its place, in the store and here.</summary>
    public async ValueTask FinishAsync(CancellationToken cancellation)
    {
        await _finishing.WaitAsync(cancellation);              // the connection's loop and the renewal's both come here
        try
        {
            lock (_gate)
            {
                if (!_letIn)
                    return;
            }

            await store.PromoteNextAsync(cancellation);
            lock (_gate)
            {
                _retired?.Dispose();
                (_retired, _current, _next, _nextRefused, _letIn) = (_current, _next!, null, false, false);
            }

            Interlocked.Increment(ref _promotions);
        }
        catch (DeviceException trouble)
        {
            tell(trouble);
        }
        finally
        {
            _finishing.Release();
        }
    }

    /// <summary>The server said that it does not want this one.</summary>
    public void Refuse(DeviceIdentity used)
    {
        lock (_gate)
            _nextRefused |= ReferenceEquals(used, _next) && !_letIn;
    }

    /// <summary>Forgets a next one that was refused; the following renewal makes a new key.</summary>
    public async ValueTask DiscardNextAsync(CancellationToken cancellation)
    {
        await store.DiscardNextAsync(cancellation);
        lock (_gate)
        {
            _retired?.Dispose();
            (_retired, _next, _nextRefused) = (_next, null, false);
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _current.Dispose();
            _next?.Dispose();
            _retired?.Dispose();
        }
    }
}
