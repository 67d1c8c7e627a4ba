namespace IoTFleet.Broker.Sessions;

/// <summary>
/// Where the broker keeps what must survive the process: sessions with an expiry above zero and what they hold, their wills, retained messages.
/// The broker's memory is the working copy; the store is only written, and read once, at the start.
/// </summary>
public interface IBrokerStore
{
    /// <summary>All that was stored. Called once, before the first <see cref="AppendAsync"/>.</summary>
    Task<StoredBroker> LoadAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Takes one unit: all of these changes become durable together, or none. Only enqueues and never blocks, so it may be called with a gate
    /// held; units become durable in the order of the calls, many at a time.
    /// </summary>
    /// <returns>Completes when the unit is durable, not before any unit appended earlier; fails when it could not be stored.</returns>
    Task AppendAsync(IReadOnlyList<StoreChange> changes);
}
