using System.Threading.Channels;
using IoTFleet.Broker;
using IoTFleet.Fleet;
using IoTFleet.Fleet.Certificates;
using IoTFleet.Mqtt;

namespace IoTFleet.Server.Mqtt;

/// <summary>
/// Follows the revocation feed: puts each entry into <see cref="RevokedSet"/>, then sweeps the sessions it concerns (invariant 4).
/// Woken by this node's own changes at once, and by its poll for what others did.
/// </summary>
internal sealed class RevocationWatch(
    RevokedSet revoked, MqttBroker broker, FleetAccessPolicy policy, RevocationFreshness freshness, RevocationSequence sequence,
    OverrideRevocations overrides, ServerOptions options, ILogger<RevocationWatch> logger) : BackgroundService
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(250);

    private readonly SemaphoreSlim _oneAtATime = new(1);
    private readonly Channel<bool> _wide = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });   // one word of it is enough
    private RevocationReader? _feed;
    private TaskCompletionSource _applied = NewSignal();
    private bool _unread;
    private bool _unkept;

    /// <summary>The fleet's sequence number as far as it is in force here.</summary>
    public long Applied => _feed?.Newest.Id ?? 0;

    /// <summary>Something was put into force that may shut out devices which it does not name: a key, a batch's devices, an authority.</summary>
    public ChannelReader<bool> WideChanges => _wide.Reader;

    /// <summary>Loads who is shut out; before the first connection is taken (invariant 9).</summary>
    /// <exception cref="StartupException">The database is an older copy of itself.</exception>
    public async Task LoadAsync(CancellationToken cancellationToken)
    {
        var inForce = sequence.Read();
        try
        {
            _feed = await revoked.LoadAsync(cancellationToken, inForce);
        }
        catch (RevocationsRolledBackException older) when (options.AcceptOlderRevocations)
        {
            await overrides.AcceptOlderAsync(Actor.System, older, cancellationToken);
            logger.OlderRevocationsAccepted(older.InForce, older.Found);
            _feed = await revoked.LoadAsync(cancellationToken);
        }
        catch (RevocationsRolledBackException older)
        {
            throw new StartupException(
                $"The database is an older copy of itself: this node has put revocations up to number {older.InForce} into force, and that one is not in it (its newest is {older.Found}). " +
                "Devices revoked since would be let in. Restore a newer copy; or start once with IoTFleet__AcceptOlderRevocations=true in the environment and revoke them again.", older);
        }

        sequence.Write(_feed.Newest);
        freshness.Confirm();
        if (options.AcceptsStaleRevocations) await overrides.AcceptStaleAsync(Actor.System, "setting IoTFleet:StaleRevocations", cancellationToken);
    }

    /// <summary>When this returns, every revocation committed before the call is in force on this node.</summary>
    public async Task CatchUpAsync(CancellationToken cancellationToken)
    {
        await _oneAtATime.WaitAsync(cancellationToken);
        try
        {
            var entries = await _feed!.ReadAsync(cancellationToken);
            freshness.Confirm();
            if (entries.Count > 0)
            {
                revoked.Apply(entries);
                Sweep(entries);
                Interlocked.Exchange(ref _applied, NewSignal()).SetResult();
            }
            KeepSequence(); // at each look: the last time it may have failed
        }
        finally
        {
            _oneAtATime.Release();
        }
    }

    /// <summary>What is in force is in force without the file, which only helps the next start to see an older database: nobody waits for a disk that is full.</summary>
    private void KeepSequence()
    {
        try
        {
            sequence.Write(_feed!.Newest);
            _unkept = false;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            if (!_unkept) logger.RevocationSequenceNotKept(error);
            _unkept = true;
        }
    }

    /// <summary>Until something was put into force.</summary>
    public Task WhenAppliedAsync() => Volatile.Read(ref _applied).Task;

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await _feed!.WaitAsync(Poll, stoppingToken);
                await CatchUpAsync(stoppingToken);
                await ReadAgainAsync(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (RevocationsRolledBackException older)
            {
                if (freshness.RollBack()) logger.RevocationsRolledBack(older.InForce, older.Found);
            }
            catch (Exception error)
            {
                // The database may be away for a while; until it answers, what is known stays in force. CONNECT asks the database itself.
                if (!_unread) logger.RevocationFeedUnread(error, Poll.TotalSeconds);
                _unread = true;
            }
        }
    }

    /// <summary>The feed can be read again. If somebody was let in meanwhile by the setting, that is written down now that it can be.</summary>
    private async Task ReadAgainAsync(CancellationToken cancellationToken)
    {
        if (!_unread) return;
        _unread = false;
        logger.RevocationFeedReadAgain();
        if (options.AcceptsStaleRevocations) await overrides.AcceptStaleAsync(Actor.System, "the feed could not be read for a while", cancellationToken);
    }

    private void Sweep(IReadOnlyList<RevocationEntry> entries)
    {
        var everybody = false;
        foreach (var entry in entries)
        {
            if (entry.Kind is RevocationKind.DeviceRevoked or RevocationKind.DeviceSuspended) SweepDevice(entry);
            else if (entry.Kind == RevocationKind.ServiceRevoked) SweepService(entry.Subject);
            else everybody |= entry.Kind is not (RevocationKind.DeviceResumed or RevocationKind.CertificateResumed or RevocationKind.BatchResumed or RevocationKind.BatchDevicesResumed);
        }

        if (everybody) SweepByFacts();
        if (entries.Any(entry => IsWide(entry.Kind))) _wide.Writer.TryWrite(true);
    }

    private static bool IsWide(RevocationKind kind) =>
        kind is RevocationKind.KeyRevoked or RevocationKind.BatchDevicesRevoked or RevocationKind.BatchDevicesSuspended or RevocationKind.AuthorityRevoked;

    private void SweepDevice(RevocationEntry entry)
    {
        var why = entry.Kind == RevocationKind.DeviceRevoked ? "the device was revoked" : "the device was suspended";
        if (broker.Disconnect(entry.Subject, ReasonCode.AdministrativeAction, why)) logger.SessionSwept(entry.Subject, why);
    }

    private void SweepService(string name)
    {
        const string Why = "the service was revoked";
        if (broker.DisconnectAll(ServicePrincipal.SessionsOf(name), ReasonCode.AdministrativeAction, Why) > 0) logger.SessionSwept(name, Why);
    }

    /// <summary>A certificate, key, batch or authority names no session: each connected client is held against the new set, which takes a microsecond.</summary>
    internal void SweepByFacts()
    {
        Interlocked.MemoryBarrier();        // the other half is in FleetAccessPolicy.StillAdmitted
        foreach (var principal in broker.Connected().Where(policy.IsBlocked))
        {
            const string Why = "its certificate, key, batch or authority was revoked, suspended or removed";
            if (broker.Disconnect(principal.ClientId, ReasonCode.AdministrativeAction, Why)) logger.SessionSwept(principal.ClientId, Why);
        }
    }
}
