using IoTFleet.Mqtt;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Broker;

internal static partial class BrokerLog
{
    [LoggerMessage(1001, LogLevel.Information, "Refused at {Door}: {Reason} (client {ClientId}, address {Address}): {Detail}")]
    public static partial void Refused(this ILogger logger, RefusalDoor door, string reason, string clientId, string address, string detail);

    [LoggerMessage(1002, LogLevel.Debug, "Client {ClientId} connected from {Address} with MQTT {Version}, session {Session}")]
    public static partial void Connected(this ILogger logger, string clientId, string address, ProtocolVersion version, string session);

    [LoggerMessage(1003, LogLevel.Debug, "Client {ClientId} disconnected: {Reason}, {Detail}")]
    public static partial void Disconnected(this ILogger logger, string clientId, ReasonCode reason, string detail);

    [LoggerMessage(1004, LogLevel.Error, "Connection of client {ClientId} ended by an unexpected error")]
    public static partial void ConnectionFailed(this ILogger logger, Exception error, string clientId);

    [LoggerMessage(1005, LogLevel.Error, "A message of client {ClientId} on {Topic} could not be stored; it was not acknowledged and the connection is closed so that the client sends it again")]
    public static partial void CommitFailed(this ILogger logger, Exception error, string clientId, string topic);

    [LoggerMessage(1006, LogLevel.Error, "The sweep of idle connections and expired sessions failed; it runs again in a second")]
    public static partial void SweepFailed(this ILogger logger, Exception error);

    [LoggerMessage(1007, LogLevel.Information, "Closing {Count} connections: {Reason}")]
    public static partial void ClosingAll(this ILogger logger, int count, ReasonCode reason);

    [LoggerMessage(1008, LogLevel.Error, "A packet for connection {ConnectionId} could not be written; the connection is cut so that the client comes back for what it misses")]
    public static partial void PacketNotWritten(this ILogger logger, Exception error, string connectionId);

    [LoggerMessage(1009, LogLevel.Error, "A message of client {ClientId} on {Topic} was stored and acknowledged but could not be handed to its subscribers")]
    public static partial void RoutingFailed(this ILogger logger, Exception error, string clientId, string topic);

    [LoggerMessage(1010, LogLevel.Error, "The will of client {ClientId} on {Topic} could not be published")]
    public static partial void WillFailed(this ILogger logger, Exception error, string clientId, string topic);

    [LoggerMessage(1011, LogLevel.Error, "The client at {Address} was not let in because the access policy failed")]
    public static partial void AdmissionFailed(this ILogger logger, Exception error, string address);

    [LoggerMessage(1012, LogLevel.Information, "{Count} more refusals in one second were counted and not logged")]
    public static partial void RefusalsNotLogged(this ILogger logger, int count);

    [LoggerMessage(1020, LogLevel.Information, "{Sessions} sessions with {Messages} messages, and {Retained} retained messages taken over from the store")]
    public static partial void SessionsRestored(this ILogger logger, int sessions, int messages, int retained);

    [LoggerMessage(1021, LogLevel.Error, "What client {ClientId} asked for could not be stored; the connection is closed so that the client asks again")]
    public static partial void AnswerNotStored(this ILogger logger, Exception error, string clientId);
}
