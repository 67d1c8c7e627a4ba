using IoTFleet.Fleet.Certificates;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Fleet;

internal static partial class FleetLog
{
    [LoggerMessage(2001, LogLevel.Error, "{Count} telemetry messages were not stored and stay unacknowledged; their devices will send them again. Check the database.")]
    internal static partial void TelemetryNotStored(ILogger log, int count, Exception error);

    [LoggerMessage(2008, LogLevel.Error, "Telemetry could not be brought from the log to the tables; it stays in the log, is found by readers, and is tried again. Check the database.")]
    internal static partial void TelemetryNotMerged(ILogger log, Exception error);

    [LoggerMessage(2004, LogLevel.Error, "Telemetry could not be rolled up; it is tried again, and charts are slower meanwhile. Check the database.")]
    internal static partial void TelemetryNotRolledUp(ILogger log, Exception error);

    [LoggerMessage(2005, LogLevel.Error, "Telemetry older than is to be kept could not be deleted; it is tried again. Check the database.")]
    internal static partial void TelemetryNotPruned(ILogger log, Exception error);

    [LoggerMessage(2006, LogLevel.Information, "{Readings} telemetry readings were deleted, being older or more than is to be kept.")]
    internal static partial void TelemetryPruned(ILogger log, long readings);

    [LoggerMessage(2002, LogLevel.Warning, "The telemetry store's {Work} is tried again (attempt {Attempt}); devices wait meanwhile: {Problem}")]
    internal static partial void TelemetryRetried(ILogger log, string work, int attempt, string problem);

    [LoggerMessage(2070, LogLevel.Warning, "{Payloads} unreadable payloads were refused and counted, and could not be kept in the quarantine. Check the database.")]
    internal static partial void QuarantineNotStored(ILogger log, int payloads, Exception error);

    [LoggerMessage(2080, LogLevel.Error, "Telemetry could not be judged by the rules; it is stored, and its newest values are judged in some seconds. Check the database.")]
    internal static partial void RulesNotJudged(ILogger log, Exception error);

    [LoggerMessage(2081, LogLevel.Warning, "{Messages} telemetry messages came faster than the rules could judge them; of those only the newest values are judged.")]
    internal static partial void RulesMissed(ILogger log, long messages);

    [LoggerMessage(2082, LogLevel.Warning, "{Times} times there was no room for an alert or a device under a rule (docs/limits.md). Close alerts, or narrow the rules.")]
    internal static partial void RulesUnseen(ILogger log, long times);

    [LoggerMessage(2003, LogLevel.Error, "{Units} units of writing were not stored; those who asked for them were told. Check the database.")]
    internal static partial void UnitsNotStored(ILogger log, int units, Exception error);

    [LoggerMessage(2010, LogLevel.Information, "Certificate {Serial} issued to device {DeviceId} by token {TokenId}, valid until {NotAfter}.")]
    internal static partial void CertificateIssued(ILogger log, string serial, string deviceId, string tokenId, DateTimeOffset notAfter);

    [LoggerMessage(2011, LogLevel.Information, "Enrolment of device {DeviceId} refused ({Code}): {Detail}")]
    internal static partial void EnrolmentRefused(ILogger log, string deviceId, string code, string detail);

    [LoggerMessage(2012, LogLevel.Information, "Certificate {Serial} issued to service {ServiceName} by {Actor}, valid until {NotAfter}.")]
    internal static partial void ServiceCertificateIssued(ILogger log, string serial, string serviceName, string actor, DateTimeOffset notAfter);

    [LoggerMessage(2050, LogLevel.Information, "Certificate {Serial} issued to device {DeviceId} in place of {Predecessor}, valid until {NotAfter}.")]
    internal static partial void CertificateRenewed(ILogger log, string serial, string deviceId, string predecessor, DateTimeOffset notAfter);

    [LoggerMessage(2051, LogLevel.Information, "Renewal of certificate {Serial} refused to device {DeviceId} ({Code}).")]
    internal static partial void RenewalRefused(ILogger log, string deviceId, string serial, string code);

    [LoggerMessage(2052, LogLevel.Warning, "Device {DeviceId} showed certificate {Serial} after its successor {Successor} had been used. Two hold its key; it is suspended. Find out which of them is the device.")]
    internal static partial void LineageForked(ILogger log, string deviceId, string serial, string successor);

    [LoggerMessage(2053, LogLevel.Warning, "Device {DeviceId} seems to exist twice: {Detail} (policy {Policy}). Find the clone.")]
    internal static partial void CloneSuspected(ILogger log, string deviceId, string detail, ClonePolicy policy);

    [LoggerMessage(2054, LogLevel.Warning, "The first use of {Certificates} certificates was not written down; it will be at their next connection.")]
    internal static partial void FirstUseNotStored(ILogger log, int certificates, Exception error);
    [LoggerMessage(2013, LogLevel.Warning, "Certificate {Serial} ({Profile}) for {Subject} was to be signed at {At} and has no result: a crash came in between. Nothing was handed out; the same request again completes it.")]
    internal static partial void IntentWithoutResult(ILogger log, string serial, string profile, string subject, DateTimeOffset at);

    [LoggerMessage(2014, LogLevel.Information, "{Count} certificates older than the log of issued certificates were taken into it.")]
    internal static partial void CertificatesAdopted(ILogger log, int count);

    [LoggerMessage(2015, LogLevel.Critical, "The log of issued certificates is damaged: {Problem} It signs nothing more; look into who wrote to the database, and see 'iotfleet log verify'.")]
    internal static partial void LogDamaged(ILogger log, string problem);

    [LoggerMessage(2020, LogLevel.Information, "Device {DeviceId} revoked with {Certificates} certificates, by {Actor}.")]
    internal static partial void DeviceRevoked(ILogger log, string deviceId, int certificates, string actor);

    [LoggerMessage(2021, LogLevel.Information, "{Devices} blocked devices, {Services} revoked services, {Certificates} revoked certificates and {Keys} blocked keys loaded, in {Kilobytes} KB.")]
    internal static partial void RevokedSetLoaded(ILogger log, int devices, int services, int certificates, int keys, long kilobytes);

    [LoggerMessage(2022, LogLevel.Information, "Service {ServiceName} revoked with {Certificates} certificates, by {Actor}.")]
    internal static partial void ServiceRevoked(ILogger log, string serviceName, int certificates, string actor);

    [LoggerMessage(2023, LogLevel.Information, "Certificate {Serial} of {Holder} revoked ({Reason}), by {Actor}.")]
    internal static partial void CertificateRevoked(ILogger log, string serial, string holder, Pki.RevocationReason reason, string actor);

    [LoggerMessage(2024, LogLevel.Information, "Key {Fingerprint} blocked for good with {Certificates} certificates, by {Actor}.")]
    internal static partial void KeyBlocked(ILogger log, string fingerprint, int certificates, string actor);

    [LoggerMessage(2025, LogLevel.Information, "Claim batch {Batch}: {Change}, {Certificates} claim certificates revoked, by {Actor}.")]
    internal static partial void BatchChanged(ILogger log, string batch, Certificates.BatchChange change, int certificates, string actor);

    [LoggerMessage(2026, LogLevel.Information, "{Action}: {Count} devices ({Target}), by {Actor}.")]
    internal static partial void ManyChanged(ILogger log, Certificates.ManyAction action, int count, string target, string actor);

    [LoggerMessage(2027, LogLevel.Information, "Revocation {Order} of {Count} devices ({Target}) asked for by {Actor}; it waits for a second operator.")]
    internal static partial void RevocationOrdered(ILogger log, string order, int count, string target, string actor);

    [LoggerMessage(2028, LogLevel.Warning, "Authority {Authority} ({Purpose}, generation {Generation}) revoked, and {Certificates} certificates with it, by {Actor}.")]
    internal static partial void AuthorityRevoked(ILogger log, string authority, Pki.AuthorityPurpose purpose, int generation, int certificates, string actor);

    [LoggerMessage(2060, LogLevel.Information, "{Lists} revocation lists of {Purpose} generation {Generation} published; {Entries} certificates are on that authority's lists.")]
    internal static partial void CrlsPublished(ILogger log, int lists, Pki.AuthorityPurpose purpose, int generation, int entries);

    [LoggerMessage(2061, LogLevel.Warning, "An OCSP question could not be answered, and its asker told to try later: {Problem}")]
    internal static partial void OcspFailed(ILogger log, string problem);

    [LoggerMessage(2030, LogLevel.Information, "Database brought up to date with {Migrations} migrations, the last {Last}.")]
    internal static partial void DatabaseMigrated(ILogger log, int migrations, string last);

    [LoggerMessage(2040, LogLevel.Information, "{Count} authorities taken in from the CA folder: {Purposes}.")]
    internal static partial void AuthoritiesImported(ILogger log, int count, string purposes);

    [LoggerMessage(2041, LogLevel.Information, "Authority {Purpose} generation {Generation} is now {State}, by {Actor}.")]
    internal static partial void AuthorityChanged(ILogger log, Pki.AuthorityPurpose purpose, int generation, Authorities.AuthorityState state, string actor);

    [LoggerMessage(2042, LogLevel.Error, "When {Count} devices were last connected could not be stored; it is tried again. Check the database.")]
    internal static partial void SightingsNotStored(ILogger log, int count, Exception error);
}
