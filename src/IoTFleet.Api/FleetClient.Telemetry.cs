using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text.Json;

namespace IoTFleet.Api;

public sealed partial class FleetClient
{
    /// <summary>A device's newest values.</summary>
    /// <param name="deviceId">The device.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.DeviceNotFound"/>.</exception>
    public Task<TelemetryValues> GetTelemetryValuesAsync(string deviceId, CancellationToken cancellationToken = default) =>
        GetAsync($"telemetry/{Escape(deviceId)}/values", ApiJson.Default.TelemetryValues, cancellationToken);

    /// <summary>One page of many devices' newest values, ordered by id.</summary>
    /// <param name="devices">Which.</param>
    /// <param name="metrics">Flattened names; null for all.</param>
    /// <param name="cursor"><see cref="Page{T}.Next"/> of the page before; null for the first.</param>
    /// <param name="limit">Devices a page, 1 to <see cref="Page{T}.MaximumLimit"/>; null for <see cref="Page{T}.DefaultLimit"/>.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    public Task<Page<TelemetryValues>> GetTelemetryValuesPageAsync(
        TelemetryDevices devices, IReadOnlyList<string>? metrics = null, string? cursor = null, int? limit = null, CancellationToken cancellationToken = default) =>
        GetAsync("telemetry/-/values" + Query([.. Of(devices), .. Each("metric", metrics), ("cursor", cursor), ("limit", Text(limit))]),
            ApiJson.Default.PageTelemetryValues, cancellationToken);

    /// <summary>One page of a device's readings that have one of the metrics. A page may be short while <see cref="Page{T}.Next"/> says that there is more.</summary>
    /// <param name="deviceId">The device.</param>
    /// <param name="metrics">Flattened names; null for all.</param>
    /// <param name="from">The first time inside; null from the beginning.</param>
    /// <param name="to">The first time outside; null to the end.</param>
    /// <param name="newestFirst">The order.</param>
    /// <param name="cursor"><see cref="Page{T}.Next"/> of the page before; null for the first.</param>
    /// <param name="limit">Readings a page, 1 to <see cref="Page{T}.MaximumLimit"/>; null for <see cref="Page{T}.DefaultLimit"/>.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.DeviceNotFound"/>.</exception>
    public Task<Page<TelemetryReading>> GetTelemetryHistoryPageAsync(
        string deviceId, IReadOnlyList<string>? metrics = null, DateTimeOffset? from = null, DateTimeOffset? to = null,
        bool newestFirst = false, string? cursor = null, int? limit = null, CancellationToken cancellationToken = default) =>
        GetAsync($"telemetry/{Escape(deviceId)}/history" + Query(
            [.. Each("metric", metrics), ("from", Text(from)), ("to", Text(to)), ("order", newestFirst ? "desc" : null), ("cursor", cursor), ("limit", Text(limit))]),
            ApiJson.Default.PageTelemetryReading, cancellationToken);

    /// <summary>A device's readings that have one of the metrics, page after page, oldest first.</summary>
    /// <param name="deviceId">The device.</param>
    /// <param name="metrics">Flattened names; null for all.</param>
    /// <param name="from">The first time inside; null from the beginning.</param>
    /// <param name="to">The first time outside; null to the end.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.DeviceNotFound"/>.</exception>
    public IAsyncEnumerable<TelemetryReading> GetTelemetryHistoryAsync(
        string deviceId, IReadOnlyList<string>? metrics = null, DateTimeOffset? from = null, DateTimeOffset? to = null, CancellationToken cancellationToken = default) =>
        AllAsync(cursor => GetTelemetryHistoryPageAsync(deviceId, metrics, from, to, false, cursor, Page<TelemetryReading>.MaximumLimit, cancellationToken), cancellationToken);

    /// <summary>Values gathered in buckets of time.</summary>
    /// <param name="request">Whose, which, from when to when, how wide.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.DeviceNotFound"/>, <see cref="ProblemCodes.InvalidRequest"/>.</exception>
    public Task<TelemetryBuckets> GetTelemetryBucketsAsync(TelemetryBucketsQuery request, CancellationToken cancellationToken = default) =>
        GetAsync("telemetry/-/buckets" + Query(
            [
                .. Of(request.Devices), .. Each("metric", request.Metrics), ("stream", request.Stream), ("from", Text(request.From)), ("to", Text(request.To)),
                ("bucket", request.Bucket), ("origin", Text(request.Origin)), ("gaps", request.Gaps),
                ("aggregates", request.Aggregates.Count == 0 ? null : string.Join(',', request.Aggregates)),
            ]),
            ApiJson.Default.TelemetryBuckets, cancellationToken);

    /// <summary>Readings as a file, one device after the other, copied as it comes: it may be larger than the memory.</summary>
    /// <param name="devices">Whose.</param>
    /// <param name="format"><c>csv</c> or <c>ndjson</c>.</param>
    /// <param name="destination">Where to.</param>
    /// <param name="metrics">Flattened names, each a column of its own; null for the whole body.</param>
    /// <param name="from">The first time inside; null from the beginning.</param>
    /// <param name="to">The first time outside; null to the end.</param>
    /// <param name="cancellationToken">Ends the copying.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.DeviceNotFound"/>.</exception>
    public async Task ExportTelemetryAsync(
        TelemetryDevices devices, string format, Stream destination, IReadOnlyList<string>? metrics = null,
        DateTimeOffset? from = null, DateTimeOffset? to = null, CancellationToken cancellationToken = default)
    {
        var path = "telemetry/-/export" + Query([.. Of(devices), ("format", format), .. Each("metric", metrics), ("from", Text(from)), ("to", Text(to))]);
        using var response = await OpenAsync(path, cancellationToken);
        await response.Content.CopyToAsync(destination, cancellationToken);
    }

    /// <summary>What is stored, as it is stored, until the key is revoked or the server stops.</summary>
    /// <param name="devices">Whose.</param>
    /// <param name="metrics">Flattened names; readings without any of them do not come. Null for all.</param>
    /// <param name="cancellationToken">Ends the watching.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.DeviceNotFound"/>, <see cref="ProblemCodes.Unavailable"/>: as many watch already as may.</exception>
    public async IAsyncEnumerable<LiveTelemetry> WatchTelemetryAsync(
        TelemetryDevices devices, IReadOnlyList<string>? metrics = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        using var response = await OpenAsync("telemetry/-/live" + Query([.. Of(devices), .. Each("metric", metrics)]), cancellationToken);
        await using var stream = await response.Content.ReadAsStreamAsync(cancellationToken);
        var events = SseParser.Create(stream, (_, data) => JsonSerializer.Deserialize(data, ApiJson.Default.LiveTelemetry)!);
        await foreach (var one in events.EnumerateAsync(cancellationToken)) yield return one.Data;
    }

    /// <summary>An answer that is read while it comes.</summary>
    private async Task<HttpResponseMessage> OpenAsync(string path, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, Root + path);
        return await SendAsync(request, cancellationToken, HttpCompletionOption.ResponseHeadersRead);
    }

    private static IEnumerable<(string Name, string? Value)> Of(TelemetryDevices devices) =>
        [.. Each("device", devices.Ids), ("group", devices.Group), ("tag", devices.Tag)];

    private static IEnumerable<(string Name, string? Value)> Each(string name, IReadOnlyList<string>? values) => (values ?? []).Select(value => (name, (string?)value));
}
