using IoTFleet.Fleet.Telemetry.Store;

namespace IoTFleet.Fleet.Telemetry.Queries;

/// <param name="Devices">Whose.</param>
/// <param name="Metrics">Which.</param>
/// <param name="Cursor">The <c>Next</c> of the page before.</param>
/// <param name="Limit">Devices a page; 1 to 1,000, and what is outside is brought inside.</param>
public sealed record ReadLatestValuesRequest(DeviceFilter Devices, MetricSelection Metrics, string? Cursor = null, int Limit = 1_000);

/// <param name="DeviceId">The device.</param>
/// <param name="LastReceivedAt">When its last message arrived; null when it has sent none.</param>
/// <param name="Values">By stream and metric.</param>
public sealed record DeviceValues(string DeviceId, DateTimeOffset? LastReceivedAt, IReadOnlyList<LatestValue> Values);

public abstract record ReadLatestValuesResult
{
    private ReadLatestValuesResult() { }

    /// <summary>In the order of the devices' ids; <c>Next</c> is null when there is no more.</summary>
    public sealed record Found(IReadOnlyList<DeviceValues> Devices, string? Next) : ReadLatestValuesResult;
    public sealed record UnknownDevice : ReadLatestValuesResult;
    public sealed record Forbidden : ReadLatestValuesResult;
}

/// <summary>The newest value of each metric, which is kept with each device.</summary>
public sealed class ReadLatestValues(TelemetryReader reader, DeviceDirectory directory)
{
    private const int MaxLimit = 1_000;

    public async Task<ReadLatestValuesResult> RunAsync(Actor actor, ReadLatestValuesRequest request, CancellationToken ct)
    {
        if (!actor.May(Permission.ReadFleet)) return new ReadLatestValuesResult.Forbidden();
        var limit = Math.Clamp(request.Limit, 1, MaxLimit);
        var devices = await directory.PageAsync(request.Devices, request.Cursor, limit + 1, ct);
        if (devices.Count == 0 && request.Devices.IsOneDevice && request.Cursor is null) return new ReadLatestValuesResult.UnknownDevice();
        var next = devices.Count > limit ? devices[limit - 1] : null;
        var page = devices.Take(limit).ToList();
        var latest = (await reader.LatestAsync(page, ct)).ToDictionary(device => device.DeviceId, StringComparer.Ordinal);
        return new ReadLatestValuesResult.Found([.. page.Select(id => Values(id, latest.GetValueOrDefault(id), request.Metrics))], next);
    }

    private static DeviceValues Values(string id, DeviceLatest? latest, MetricSelection metrics) => latest is null
        ? new DeviceValues(id, null, [])
        : new DeviceValues(id, EpochTime.FromMicroseconds(latest.LastReceivedUs),
        [
            .. latest.Latest.Values.Where(value => metrics.HasStream(value.Stream) && metrics.HasMetric(value.Name))
                .OrderBy(value => value.Stream, StringComparer.Ordinal).ThenBy(value => value.Name, StringComparer.Ordinal),
        ]);
}
