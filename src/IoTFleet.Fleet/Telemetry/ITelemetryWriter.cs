namespace IoTFleet.Fleet.Telemetry;

/// <summary>How a database takes many messages at once; one implementation for each database.</summary>
public interface ITelemetryWriter
{
    /// <summary>Stores the whole batch durably in one transaction, or throws and has stored none of it. One call at a time.</summary>
    Task WriteAsync(IReadOnlyList<TelemetryPoint> batch, CancellationToken ct);

    /// <summary>Whether the same batch may succeed when tried again soon, and it is certain that none of it is stored.</summary>
    bool IsTransient(Exception error);
}
