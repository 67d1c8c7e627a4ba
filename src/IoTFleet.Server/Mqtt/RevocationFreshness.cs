using IoTFleet.Broker.Connections;
using IoTFleet.Mqtt;

namespace IoTFleet.Server.Mqtt;

/// <summary>
/// Whether this node knows who is shut out. A node that has not read the feed for half a minute may be letting in somebody revoked elsewhere, so it takes
/// no new sessions (running ones stay, else a lost database would be a lost fleet); one whose database is an older copy of itself takes none until it is mended.
/// Written by the watch of the feed, read at each CONNECT.
/// </summary>
internal sealed class RevocationFreshness(ServerOptions options, TimeProvider clock)
{
    public static readonly TimeSpan MaxAge = TimeSpan.FromSeconds(30);

    private long _readAt = clock.GetTimestamp();
    private bool _rolledBack;

    /// <summary>The feed was read to its end.</summary>
    public void Confirm()
    {
        Volatile.Write(ref _readAt, clock.GetTimestamp());
        Volatile.Write(ref _rolledBack, false);
    }

    /// <returns>False when that was known before.</returns>
    public bool RollBack() => !Interlocked.Exchange(ref _rolledBack, true);

    public bool IsRolledBack => Volatile.Read(ref _rolledBack);

    public bool IsStale => clock.GetElapsedTime(Volatile.Read(ref _readAt)) > MaxAge;

    /// <summary>Why nobody is let in just now; null when somebody may be.</summary>
    public Admission.Refused? FindRefusal()
    {
        if (IsRolledBack)
        {
            return new(ReasonCode.ServerUnavailable, "revocations-rolled-back",
                "The database is an older copy of itself, in which devices revoked since are welcome; see the server's log for what to do.");
        }

        return IsStale && !options.AcceptsStaleRevocations
            ? new(ReasonCode.ServerUnavailable, "revocations-stale", $"The revocation feed could not be read for {MaxAge.TotalSeconds:0} s; new sessions are taken again when it can. Check the database.")
            : null;
    }
}
