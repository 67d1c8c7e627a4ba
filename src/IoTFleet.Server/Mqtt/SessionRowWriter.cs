using System.Data.Common;
using IoTFleet.Broker.Sessions;
using IoTFleet.Fleet;
using IoTFleet.Fleet.Sessions;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Server.Mqtt;

/// <summary>Changes of sessions as SQL that every database understands: prepared once, on a connection of its own. Used by one thread.</summary>
internal sealed class SessionRowWriter : IDisposable
{
    private readonly SessionsDbContext _db;
    private readonly DbConnection _connection;
    private readonly Dictionary<string, DbCommand> _commands = new(StringComparer.Ordinal);
    private DbTransaction? _transaction;

    public SessionRowWriter(SessionsDbContext db)
    {
        _db = db;
        db.Database.OpenConnection();
        _connection = db.Database.GetDbConnection();
    }

    /// <summary>All of them in one transaction.</summary>
    public void Write(IEnumerable<StoreChange> changes)
    {
        using var transaction = _connection.BeginTransaction();
        _transaction = transaction;
        foreach (var change in changes) Write(change);
        transaction.Commit();
    }

    public void Dispose()
    {
        foreach (var command in _commands.Values) command.Dispose();
        _db.Dispose();
    }

    private void Write(StoreChange change)
    {
        switch (change)
        {
            case StoreChange.SessionOpened opened: Open(opened); break;
            case StoreChange.SessionDisconnected gone:
                Run("UPDATE Sessions SET ExpiryUs = @p1, ExpiresAtUs = @p2, SentUpTo = @p3 WHERE Number = @p0",
                    gone.Session, Microseconds(gone.Expiry), EpochTime.ToMicroseconds(gone.ExpiresAt), gone.SentUpTo);
                break;
            case StoreChange.SessionEnded ended: End(ended.Session); break;
            case StoreChange.SubscriptionSet set: Set(set); break;
            case StoreChange.SubscriptionRemoved removed: Run("DELETE FROM Subscriptions WHERE Session = @p0 AND Filter = @p1", removed.Session, removed.Filter.Value); break;
            case StoreChange.DeliveryQueued queued: Queue(queued); break;
            case StoreChange.DeliveryReleased released: Run("UPDATE Deliveries SET Released = @p2 WHERE Session = @p0 AND Position = @p1", released.Session, released.Order, true); break;
            case StoreChange.DeliveryDone done: Run("DELETE FROM Deliveries WHERE Session = @p0 AND Position = @p1", done.Session, done.Order); break;
            case StoreChange.InboundHeld held: Hold(held); break;
            case StoreChange.InboundReleased released: Run("DELETE FROM Inbound WHERE Session = @p0 AND PacketId = @p1", released.Session, (int)released.PacketId); break;
            case StoreChange.WillKept kept: Keep(kept); break;
            case StoreChange.WillDelayed delayed: Run("UPDATE Wills SET DueAtUs = @p1 WHERE Number = @p0", delayed.Will, EpochTime.ToMicroseconds(delayed.DueAt)); break;
            case StoreChange.WillRemoved removed: Run("DELETE FROM Wills WHERE Number = @p0", removed.Will); break;
            case StoreChange.RetainedSet set: Retain(set); break;
            case StoreChange.RetainedRemoved removed: Run("DELETE FROM Retained WHERE Topic = @p0", removed.Topic.Value); break;
            default: throw new InvalidOperationException($"Unknown change {change}.");
        }
    }

    private void Open(StoreChange.SessionOpened opened)
    {
        if (Run("UPDATE Sessions SET ExpiryUs = @p1, ExpiresAtUs = NULL WHERE Number = @p0", opened.Session, Microseconds(opened.Expiry)) > 0) return;
        Run("INSERT INTO Sessions (Number, ClientId, ExpiryUs, ExpiresAtUs, SentUpTo) VALUES (@p0, @p1, @p2, NULL, 0)",
            opened.Session, opened.ClientId, Microseconds(opened.Expiry));
    }

    private void End(long session)
    {
        Run("DELETE FROM Deliveries WHERE Session = @p0", session);
        Run("DELETE FROM Subscriptions WHERE Session = @p0", session);
        Run("DELETE FROM Inbound WHERE Session = @p0", session);
        Run("DELETE FROM Sessions WHERE Number = @p0", session);
    }

    private void Set(StoreChange.SubscriptionSet set)
    {
        var (filter, qos, noLocal, retainAsPublished, retainHandling) = set.Request;
        Run("DELETE FROM Subscriptions WHERE Session = @p0 AND Filter = @p1", set.Session, filter.Value);
        Run("INSERT INTO Subscriptions (Session, Filter, Qos, NoLocal, RetainAsPublished, RetainHandling, Identifier) VALUES (@p0, @p1, @p2, @p3, @p4, @p5, @p6)",
            set.Session, filter.Value, (byte)qos, noLocal, retainAsPublished, (byte)retainHandling, (long?)set.Identifier);
    }

    private void Queue(StoreChange.DeliveryQueued queued)
    {
        var (message, delivery) = (queued.Message, queued.Delivery);
        Run("""
            INSERT INTO Deliveries (Session, Position, PacketId, Released, Shared, Packet, PublishedQos, PublishedRetain, Publisher, ReceivedAtUs)
            VALUES (@p0, @p1, @p2, @p3, @p4, @p5, @p6, @p7, @p8, @p9)
            """,
            queued.Session, queued.Order, (int)queued.PacketId, false, delivery.Shared?.Value, StoredMessage.Write(message, delivery, queued.PacketId),
            (byte)message.Qos, message.Retain, message.Publisher, EpochTime.ToMicroseconds(message.ReceivedAt));
    }

    private void Hold(StoreChange.InboundHeld held)
    {
        Run("DELETE FROM Inbound WHERE Session = @p0 AND PacketId = @p1", held.Session, (int)held.PacketId);
        Run("INSERT INTO Inbound (Session, PacketId) VALUES (@p0, @p1)", held.Session, (int)held.PacketId);
    }

    private void Keep(StoreChange.WillKept kept) =>
        Run("INSERT INTO Wills (Number, Session, ClientId, DelayUs, DueAtUs, Packet, ReceivedAtUs) VALUES (@p0, @p1, @p2, @p3, NULL, @p4, @p5)",
            kept.Will, kept.Session, kept.ClientId, Microseconds(kept.Delay), StoredMessage.Write(kept.Message), EpochTime.ToMicroseconds(kept.Message.ReceivedAt));

    private void Retain(StoreChange.RetainedSet set)
    {
        var message = set.Message;
        Run("DELETE FROM Retained WHERE Topic = @p0", message.Topic.Value);
        Run("INSERT INTO Retained (Topic, Packet, Publisher, ReceivedAtUs) VALUES (@p0, @p1, @p2, @p3)",
            message.Topic.Value, StoredMessage.Write(message), message.Publisher, EpochTime.ToMicroseconds(message.ReceivedAt));
    }

    private int Run(string sql, params object?[] values)
    {
        if (!_commands.TryGetValue(sql, out var command)) _commands[sql] = command = Prepare(sql, values.Length);
        command.Transaction = _transaction;
        for (var i = 0; i < values.Length; i++) command.Parameters[i].Value = values[i] ?? DBNull.Value;
        return command.ExecuteNonQuery();
    }

    private DbCommand Prepare(string sql, int parameters)
    {
        var command = _connection.CreateCommand();
        command.CommandText = sql;
        for (var i = 0; i < parameters; i++)
        {
            var parameter = command.CreateParameter();
            parameter.ParameterName = $"@p{i}";
            command.Parameters.Add(parameter);
        }

        return command;
    }

    private static long Microseconds(TimeSpan span) => span.Ticks / TimeSpan.TicksPerMicrosecond;
}
