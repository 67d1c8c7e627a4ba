namespace IoTFleet.Device.Identity;

/// <summary>
/// What time it is at least. A device without a battery for its clock starts in 1970; but it knows when its firmware was built, and what its fleet has signed since:
/// its own certificate, the trust bundle. None of that can lie in the future, so a clock before it is wrong, and the latest of it is taken for the time instead.
/// </summary>
internal sealed class DeviceTime(TimeProvider clock, DateTimeOffset builtAt)
{
    private readonly Lock _gate = new();
    private DateTimeOffset _floor = builtAt;
    private long _raisedAt = clock.GetTimestamp();

    /// <summary>The clock's time, or the latest that is known to have been, and what has passed since it became known.</summary>
    public DateTimeOffset Now
    {
        get
        {
            lock (_gate)
            {
                var (told, known) = (clock.GetUtcNow(), _floor + clock.GetElapsedTime(_raisedAt));
                return told >= _floor ? told : known;
            }
        }
    }

    /// <summary>The clock is wrong: how late it really is, is not known.</summary>
    public bool IsUnsure
    {
        get
        {
            lock (_gate)
                return clock.GetUtcNow() < _floor;
        }
    }

    /// <summary>Something was signed then by whom this device believes.</summary>
    public void AtLeast(DateTimeOffset signedAt)
    {
        lock (_gate)
        {
            if (signedAt > _floor + clock.GetElapsedTime(_raisedAt))
                (_floor, _raisedAt) = (signedAt, clock.GetTimestamp());
        }
    }
}
