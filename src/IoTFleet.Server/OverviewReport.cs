using IoTFleet.Api;
using IoTFleet.Broker;
using IoTFleet.Fleet;
using IoTFleet.Fleet.Devices;
using IoTFleet.Fleet.Telemetry;
using IoTFleet.Server.Diagnosis;
using IoTFleet.Server.Rest;

namespace IoTFleet.Server;

/// <summary>What an operator sees first: gathered here once, for REST and for the console.</summary>
internal sealed class OverviewReport(
    BrokerMetrics broker, RefusalLog refusals, MessageRate rate, FindDevices devices, QueryTelemetry telemetry, TelemetryIngest ingest, TimeProvider clock)
{
    private const int LastValues = 25;
    private const int LastRefusals = 100;

    private readonly DateTimeOffset _startedAt = clock.GetUtcNow();

    /// <returns>Null when the actor may not see the fleet.</returns>
    public async Task<Overview?> MakeAsync(Actor actor, CancellationToken cancellationToken)
    {
        if (await devices.CountAsync(actor, cancellationToken) is not { } total) return null;
        if (await telemetry.LatestOfManyAsync(actor, LastValues, cancellationToken) is not QueryTelemetryResult.Found latest) return null;
        return new Overview
        {
            StartedAt = _startedAt,
            DevicesTotal = total,
            DevicesConnected = broker.Connections,
            MessagesReceived = broker.MessagesReceived,
            MessagesAcked = broker.MessagesAcked,
            MessagesStored = ingest.Stored,
            MessagesRefused = broker.MessagesRefused,
            ConnectionsRefused = broker.ConnectionsRefused,
            MessagesPerSecond = rate.PerSecond,
            RefusalsByReason = [.. broker.RefusalsByReason().OrderByDescending(reason => reason.Value).Select(reason => new RefusalCount { Reason = reason.Key, Count = reason.Value })],
            RecentRefusals = [.. refusals.Recent().Take(LastRefusals).Select(RefusalsApi.Shown)],
            LastValues = [.. latest.Rows.OrderBy(row => row.DeviceId, StringComparer.Ordinal).Select(Shown)],
        };
    }

    private static LastValue Shown(StoredReading row) => new() { DeviceId = row.DeviceId, Stream = row.Stream, Time = row.Time, Body = TelemetryApi.BodyOf(row) };
}
