namespace IoTFleet.Device.Identity;

/// <summary>
/// The identity in use and, while a renewal is under way, the next one. A connection is made with the next one as soon as there is one;
/// the old one is given up when the server has let the new one in, and not before.
/// <para>
/// Back to the old one goes only who was told in so many words that the new one is not wanted. A lost connection is no such word: the server may have let the
/// new one in before the connection was lost, and to it the old one would then be a thief's.
/// </para>
/// </summary>
internal sealed class IdentitySlots(IKeyStore store, DeviceIdentity current, DeviceIdentity? next) : IDisposable
{
    private readonly Lock _gate = new();
    private DeviceIdentity _current = current;
    private DeviceIdentity? _next = next;
    private DeviceIdentity? _retired;                          // a request may still be using it
    private bool _nextRefused;
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

    /// <summary>The server has let this one in.</summary>
    /// <returns>True when it was the next one, which is in use from now on.</returns>
    public async ValueTask<bool> ConfirmAsync(DeviceIdentity used, CancellationToken cancellation)
    {
        lock (_gate)
        {
            if (!ReferenceEquals(used, _next))
                return false;
        }

        await store.PromoteNextAsync(cancellation);
        lock (_gate)
        {
            _retired?.Dispose();
            (_retired, _current, _next, _nextRefused) = (_current, used, null, false);
        }

        Interlocked.Increment(ref _promotions);
        return true;
    }

    /// <summary>The server said that it does not want this one.</summary>
    public void Refuse(DeviceIdentity used)
    {
        lock (_gate)
            _nextRefused |= ReferenceEquals(used, _next);
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
