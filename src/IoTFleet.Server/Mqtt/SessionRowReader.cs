using IoTFleet.Broker.Sessions;
using IoTFleet.Fleet;
using IoTFleet.Fleet.Sessions;
using IoTFleet.Mqtt;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Mqtt.Topics;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Server.Mqtt;

/// <summary>The sessions' database read whole, at the start.</summary>
internal static class SessionRowReader
{
    public static async Task<StoredBroker> ReadAsync(SessionsDbContext db, CancellationToken ct)
    {
        await RemoveOrphansAsync(db, ct);
        var subscriptions = (await db.Subscriptions.AsNoTracking().ToListAsync(ct)).ToLookup(row => row.Session, Subscription);
        var deliveries = (await db.Deliveries.AsNoTracking().OrderBy(row => row.Position).ToListAsync(ct)).ToLookup(row => row.Session, Delivery);
        var inbound = (await db.Inbound.AsNoTracking().ToListAsync(ct)).ToLookup(row => row.Session, row => (ushort)row.PacketId);
        var sessions = await db.Sessions.AsNoTracking().OrderBy(row => row.Number).ToListAsync(ct);
        var wills = await db.Wills.AsNoTracking().OrderBy(row => row.Number).ToListAsync(ct);
        var retained = await db.Retained.AsNoTracking().ToListAsync(ct);
        return new StoredBroker(
            sessions.ConvertAll(row => new StoredSession(
                row.Number, row.ClientId, Span(row.ExpiryUs), Time(row.ExpiresAtUs), row.SentUpTo,
                [.. subscriptions[row.Number]], [.. deliveries[row.Number]], [.. inbound[row.Number]])),
            wills.ConvertAll(Will),
            retained.ConvertAll(row => StoredMessage.Read(row.Packet, row.Publisher, EpochTime.FromMicroseconds(row.ReceivedAtUs)).Message));
    }

    /// <summary>A message may be queued for a session in the moment in which it ends; its row then has nobody to belong to, and its number may be given again.</summary>
    private static async Task RemoveOrphansAsync(SessionsDbContext db, CancellationToken ct)
    {
        await db.Deliveries.Where(row => !db.Sessions.Any(session => session.Number == row.Session)).ExecuteDeleteAsync(ct);
        await db.Subscriptions.Where(row => !db.Sessions.Any(session => session.Number == row.Session)).ExecuteDeleteAsync(ct);
        await db.Inbound.Where(row => !db.Sessions.Any(session => session.Number == row.Session)).ExecuteDeleteAsync(ct);
    }

    private static StoredSubscription Subscription(SubscriptionRow row) => new(
        new SubscriptionRequest(TopicFilter.Parse(row.Filter), (QualityOfService)row.Qos, row.NoLocal, row.RetainAsPublished, (RetainHandling)row.RetainHandling),
        (uint?)row.Identifier);

    private static StoredDelivery Delivery(DeliveryRow row)
    {
        var (message, delivery) = StoredMessage.Read(row.Packet, row.Publisher, EpochTime.FromMicroseconds(row.ReceivedAtUs));
        message = message with { Qos = (QualityOfService)row.PublishedQos, Retain = row.PublishedRetain };
        delivery = delivery with { Shared = row.Shared is null ? null : TopicFilter.Parse(row.Shared) };
        return new StoredDelivery(row.Position, (ushort)row.PacketId, delivery, message, row.Released);
    }

    private static StoredWill Will(WillRow row) => new(
        row.Number, row.Session, row.ClientId,
        StoredMessage.Read(row.Packet, row.ClientId, EpochTime.FromMicroseconds(row.ReceivedAtUs)).Message,
        Span(row.DelayUs), Time(row.DueAtUs));

    private static TimeSpan Span(long microseconds) => TimeSpan.FromTicks(microseconds * TimeSpan.TicksPerMicrosecond);

    private static DateTimeOffset? Time(long? microseconds) => microseconds is { } us ? EpochTime.FromMicroseconds(us) : null;
}
