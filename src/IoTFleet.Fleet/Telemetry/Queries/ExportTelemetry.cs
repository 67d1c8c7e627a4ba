using System.IO.Pipelines;

namespace IoTFleet.Fleet.Telemetry.Queries;

public enum ExportFormat { Csv, Ndjson }

/// <param name="Devices">Whose readings; one device after the other.</param>
/// <param name="Metrics">Which. With metrics named, each is a column of its own and readings without any of them are left out; otherwise the whole reading is one.</param>
/// <param name="Format">Of the file.</param>
/// <param name="From">The first time inside.</param>
/// <param name="To">The first time outside.</param>
public sealed record ExportTelemetryRequest(
    DeviceFilter Devices, MetricSelection Metrics, ExportFormat Format, DateTimeOffset? From = null, DateTimeOffset? To = null);

public abstract record ExportTelemetryResult
{
    private ExportTelemetryResult() { }

    /// <param name="WriteAsync">Writes the file.</param>
    public sealed record Ready(Func<PipeWriter, CancellationToken, Task> WriteAsync) : ExportTelemetryResult;

    public sealed record UnknownDevice : ExportTelemetryResult;
    public sealed record Forbidden : ExportTelemetryResult;
}

/// <summary>
/// Readings as a file, of any size in the same memory: a page is read and written, then the database is let go of while the reader's network takes
/// it. So a slow reader holds neither rows nor a transaction, which would keep SQLite's log from being emptied.
/// </summary>
public sealed class ExportTelemetry(TelemetryReader reader, DeviceDirectory directory)
{
    private const int DevicesAtOnce = 1_000;

    private const int PageBytes = 256 * 1024;

    public async Task<ExportTelemetryResult> RunAsync(Actor actor, ExportTelemetryRequest request, CancellationToken ct)
    {
        if (!actor.May(Permission.ReadFleet)) return new ExportTelemetryResult.Forbidden();
        if (request.Devices.IsOneDevice && !await directory.IsKnownAsync(request.Devices.Ids[0], ct)) return new ExportTelemetryResult.UnknownDevice();
        return new ExportTelemetryResult.Ready((output, cancelled) => WriteAsync(request, output, cancelled));
    }

    private async Task WriteAsync(ExportTelemetryRequest request, PipeWriter output, CancellationToken ct)
    {
        using var lines = new ExportLines(request.Format, request.Metrics, output);
        lines.WriteHeader();
        string? last = null;
        do
        {
            var devices = await directory.PageAsync(request.Devices, last, DevicesAtOnce, ct);
            foreach (var device in devices) await WriteDeviceAsync(device, request, lines, output, ct);
            last = devices.Count == DevicesAtOnce ? devices[^1] : null;
        }
        while (last is not null);
        await output.FlushAsync(ct);
    }

    private async Task WriteDeviceAsync(string device, ExportTelemetryRequest request, ExportLines lines, PipeWriter output, CancellationToken ct)
    {
        var range = new ReadingRange(
            device,
            request.From is { } from ? EpochTime.ToMicroseconds(from) : long.MinValue,
            request.To is { } to ? EpochTime.ToMicroseconds(to) : long.MaxValue);
        for (ReadingRange? next = range; next is not null; await output.FlushAsync(ct)) next = await WritePageAsync(next, request.Metrics, lines, output, ct);
    }

    /// <returns>What is left.</returns>
    private async Task<ReadingRange?> WritePageAsync(ReadingRange range, MetricSelection metrics, ExportLines lines, PipeWriter output, CancellationToken ct)
    {
        var left = output.UnflushedBytes + PageBytes;
        await foreach (var reading in reader.ReadAsync(range, ct))
        {
            if (ReadingValues.HasAny(reading, metrics)) lines.Write(reading);
            if (output.UnflushedBytes >= left) return range with { After = (reading.TimeUs, reading.Id) };
        }
        return null;
    }
}
