using Microsoft.Extensions.Logging;

namespace IoTFleet.Broker;

/// <summary>Where somebody was turned away.</summary>
public enum RefusalDoor
{
    Handshake,
    Connect,
    Publish,
    Subscribe,
    Protocol,
    Enrolment,
}

/// <summary>One refusal: machine-readable reason, who as far as known, and the detail an operator needs.</summary>
public sealed record Refusal(DateTimeOffset At, RefusalDoor Door, string Reason, string? ClientId, string? Address, string Detail);

/// <summary>Every refusal passes here once: it is logged, counted by reason, and the latest are kept for the console.</summary>
public sealed class RefusalLog(TimeProvider clock, BrokerMetrics metrics, ILogger<RefusalLog> logger)
{
    private const int Kept = 100;

    private readonly Lock _gate = new();
    private readonly Queue<Refusal> _recent = new(Kept);

    public void Record(RefusalDoor door, string reason, string? clientId, string? address, string detail)
    {
        metrics.Refused(door, reason);
        logger.Refused(door, reason, clientId ?? "-", address ?? "-", detail);
        lock (_gate)
        {
            if (_recent.Count == Kept) _recent.Dequeue();
            _recent.Enqueue(new Refusal(clock.GetUtcNow(), door, reason, clientId, address, detail));
        }
    }

    /// <summary>The latest refusals, newest first.</summary>
    public IReadOnlyList<Refusal> Recent()
    {
        lock (_gate) return [.. _recent.Reverse()];
    }
}
