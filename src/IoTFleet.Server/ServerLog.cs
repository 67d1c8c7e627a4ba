namespace IoTFleet.Server;

internal static partial class ServerLog
{
    [LoggerMessage(3080, LogLevel.Error, "Alerts could not be delivered; they wait in the database and are tried again. Check the database")]
    public static partial void AlertsNotDelivered(this ILogger logger, Exception error);

    [LoggerMessage(3081, LogLevel.Warning, "Delivery {Delivery} to {Receiver} was given up after {Attempts} attempts: {Problem} Replay it with 'iotfleet webhook replay' once the receiver is well")]
    public static partial void DeliveryDead(this ILogger logger, string delivery, string receiver, int attempts, string problem);

    [LoggerMessage(3001, LogLevel.Error, "The revocation feed could not be read; trying again in {Seconds} s")]
    public static partial void RevocationFeedUnread(this ILogger logger, Exception error, double seconds);

    [LoggerMessage(3039, LogLevel.Error, "The newest revocation is in force, but its number could not be written down; trying again at each look. Until then the next start would not see that the database is an older copy")]
    public static partial void RevocationSequenceNotKept(this ILogger logger, Exception error);

    [LoggerMessage(3040, LogLevel.Information, "The revocation feed can be read again")]
    public static partial void RevocationFeedReadAgain(this ILogger logger);

    [LoggerMessage(3041, LogLevel.Critical, "The database is an older copy of itself: revocations up to number {InForce} are in force here, and it ends at {Found}. No new sessions are taken. Restore a newer copy, or stop, start once with IoTFleet:AcceptOlderRevocations=true and revoke again whom it has forgotten")]
    public static partial void RevocationsRolledBack(this ILogger logger, long inForce, long found);

    [LoggerMessage(3042, LogLevel.Warning, "Started on a database that is an older copy of itself, as IoTFleet:AcceptOlderRevocations says: revocation {InForce} was in force, it ends at {Found}. Revoke again whom it has forgotten, and remove the setting")]
    public static partial void OlderRevocationsAccepted(this ILogger logger, long inForce, long found);

    [LoggerMessage(3043, LogLevel.Warning, "How far this node has come could not be written down; trying again in {Seconds} s: {Problem}")]
    public static partial void NodeNotReported(this ILogger logger, double seconds, string problem);

    [LoggerMessage(3044, LogLevel.Error, "Port {Port} for revocation lists and OCSP cannot be opened; everything else runs on, and this is tried again in {Seconds} s: {Problem}")]
    public static partial void NoStatusPort(this ILogger logger, int port, double seconds, string problem);

    [LoggerMessage(3045, LogLevel.Error, "A question about revocations failed")]
    public static partial void StatusFailed(this ILogger logger, Exception error);

    [LoggerMessage(3046, LogLevel.Warning, "Revocation lists could not be published; trying again in {Seconds} s. Devices do not need them, others may")]
    public static partial void CrlsNotPublished(this ILogger logger, Exception error, double seconds);

    [LoggerMessage(3047, LogLevel.Error, "{Count} revocation lists have more than half of their life behind them and were not made anew; the first ends at {End}. Look for event 3046")]
    public static partial void CrlsLate(this ILogger logger, int count, DateTimeOffset end);

    [LoggerMessage(3002, LogLevel.Information, "Closed the session of {Who}: {Why}")]
    public static partial void SessionSwept(this ILogger logger, string who, string why);

    [LoggerMessage(3003, LogLevel.Information, "Stopping: telling clients, committing what was accepted")]
    public static partial void Stopping(this ILogger logger);

    [LoggerMessage(3004, LogLevel.Warning, "Some connections did not end in time and are cut")]
    public static partial void StopTookTooLong(this ILogger logger);

    [LoggerMessage(3005, LogLevel.Information, "The server's certificate was renewed; the new one is valid until {End}")]
    public static partial void ServerCertificateRenewed(this ILogger logger, DateTimeOffset end);

    [LoggerMessage(3006, LogLevel.Error, "The server's certificate could not be renewed or recorded; the present one is valid until {End}, and this is tried again in an hour")]
    public static partial void ServerCertificateNotRenewed(this ILogger logger, Exception error, DateTimeOffset end);

    [LoggerMessage(3010, LogLevel.Warning, "{Network} has sent {Tokens} unknown enrolment tokens in a minute; no token from there is looked at for a while")]
    public static partial void TokensGuessed(this ILogger logger, string network, int tokens);

    [LoggerMessage(3011, LogLevel.Warning, "Old requests for approval could not be deleted; this is tried again in an hour")]
    public static partial void ApprovalsNotForgotten(this ILogger logger, Exception error);

    [LoggerMessage(3012, LogLevel.Warning, "Who among the devices that are away is shut out could not be found out; their sessions stay until the next revocation")]
    public static partial void AbsentNotSwept(this ILogger logger, Exception error);

    [LoggerMessage(3048, LogLevel.Information, "Another node has changed the authorities; this one has taken it in")]
    public static partial void AuthoritiesReadAgain(this ILogger logger);

    [LoggerMessage(3049, LogLevel.Warning, "Whether another node has changed the authorities could not be read; trying again in {Seconds} s, what is known stays in force")]
    public static partial void AuthoritiesUnread(this ILogger logger, Exception error, double seconds);

    [LoggerMessage(3050, LogLevel.Warning, "How many renewals the fleet needs could not be found out; their pace stays as it is")]
    public static partial void RenewalPaceUnknown(this ILogger logger, Exception error);

    [LoggerMessage(3051, LogLevel.Warning, "That device {DeviceId} seems to exist twice could not be written down")]
    public static partial void CloneNotNoted(this ILogger logger, Exception error, string deviceId);

    [LoggerMessage(3060, LogLevel.Warning, "Commands could not be looked at; their deadlines wait, and it is tried again")]
    public static partial void CommandsNotWatched(this ILogger logger, Exception error);

    [LoggerMessage(3061, LogLevel.Warning, "How far {Count} commands have come could not be stored; some may be sent once more, which their ids make harmless")]
    public static partial void CommandStepsNotStored(this ILogger logger, Exception error, int count);

    [LoggerMessage(3062, LogLevel.Warning, "Open commands of device {DeviceId} could not be sent; what has reached nobody is tried again")]
    public static partial void CommandsNotSentAgain(this ILogger logger, Exception error, string deviceId);

    [LoggerMessage(3020, LogLevel.Error, "{Count} changes of sessions could not be stored; what waited for them is not acknowledged, and their clients are cut off and ask again. Check the disk")]
    public static partial void SessionsNotStored(this ILogger logger, Exception error, int count);

    [LoggerMessage(3021, LogLevel.Warning, "Storing sessions is tried again ({Attempt} of {Times}): {Problem}")]
    public static partial void SessionsRetried(this ILogger logger, int attempt, int times, string problem);

    [LoggerMessage(3030, LogLevel.Information, "Takes {Connections} MQTT connections at most, not {Configured}: this process may open {Files} files; raise that limit for more")]
    public static partial void FewerConnections(this ILogger logger, int connections, int configured, int files);

    [LoggerMessage(3090, LogLevel.Error, "Device {DeviceId} could not be told what is wanted of it; it asks again. Look at the database")]
    public static partial void TwinNotTold(this ILogger logger, Exception error, string deviceId);
}
