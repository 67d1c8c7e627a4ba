using System.Collections.Concurrent;
using IoTFleet.Fleet.Telemetry;

namespace IoTFleet.Fleet.Tests.Telemetry;

/// <summary>A database under the test's thumb: each batch is announced, and commits or fails when the test says so.</summary>
internal sealed class HeldWriter : ITelemetryWriter
{
    private readonly BlockingCollection<Commit> _arrived = [];

    public Task WriteAsync(IReadOnlyList<TelemetryPoint> batch, CancellationToken ct)
    {
        var commit = new Commit([.. batch.Select(point => point.DeviceId)]);
        _arrived.Add(commit, ct);
        return commit.Task;
    }

    public bool IsTransient(Exception error) => error is TimeoutException;

    internal Task<Commit> NextAsync() => Task.Run(() =>
        _arrived.TryTake(out var commit, TimeSpan.FromSeconds(30)) ? commit : throw new InvalidOperationException("No batch was written."));

    internal sealed class Commit(IReadOnlyList<string> devices) : TaskCompletionSource
    {
        internal IReadOnlyList<string> Devices => devices;
    }
}
