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
    Renewal,
}

/// <summary>One refusal: machine-readable reason, who as far as known, and the detail an operator needs.</summary>
/// <param name="Id">Grows by one with each that is kept.</param>
/// <param name="At">When.</param>
/// <param name="Door">Where.</param>
/// <param name="Reason">The code.</param>
/// <param name="ClientId">Who it was, as far as known.</param>
/// <param name="Address">From where.</param>
/// <param name="Detail">For the operator.</param>
/// <param name="Peer">What the certificate said, when one was shown.</param>
public sealed record Refusal(long Id, DateTimeOffset At, RefusalDoor Door, string Reason, string? ClientId, string? Address, string Detail, RefusedPeer? Peer);

/// <summary>
/// Every refusal passes here once: it is counted by reason, logged, and the latest are kept for the console. Beyond so many a second they are counted
/// only: whoever is refused ten thousand times a second must not fill the disk, nor push everybody else out of sight.
/// </summary>
public sealed class RefusalLog(TimeProvider clock, BrokerMetrics metrics, ILogger<RefusalLog> logger)
{
    private const int Kept = 1_000;
    private const int LoggedASecond = 100;
    private const int LongestClientId = 64;
    private const int LongestDetail = 500;

    private readonly Lock _gate = new();
    private readonly Queue<Refusal> _recent = new(Kept);
    private long _second;
    private int _inThisSecond;
    private long _lastId;

    public void Record(RefusalDoor door, string reason, string? clientId, string? address, string detail, RefusedPeer? peer = null)
    {
        metrics.Refused(door, reason);
        if (!IsWorthALine()) return;
        (clientId, detail) = (clientId is null ? null : Printable(clientId, LongestClientId), Printable(detail, LongestDetail));
        logger.Refused(door, reason, clientId ?? "-", address ?? "-", detail);
        lock (_gate)
        {
            if (_recent.Count == Kept) _recent.Dequeue();
            _recent.Enqueue(new Refusal(++_lastId, clock.GetUtcNow(), door, reason, clientId, address, detail, peer));
        }
    }

    /// <summary>The latest refusals, newest first.</summary>
    public IReadOnlyList<Refusal> Recent()
    {
        lock (_gate) return [.. _recent.Reverse()];
    }

    private bool IsWorthALine()
    {
        var now = clock.GetUtcNow().ToUnixTimeSeconds();
        int passedOver;
        lock (_gate)
        {
            if (now == _second) return ++_inThisSecond <= LoggedASecond;
            passedOver = _inThisSecond - LoggedASecond;
            (_second, _inThisSecond) = (now, 1);
        }

        if (passedOver > 0) logger.RefusalsNotLogged(passedOver);
        return true;
    }

    /// <summary>These texts come from whoever was turned away: no line of the log may be forged with them, nor filled.</summary>
    private static string Printable(string text, int longest) =>
        new([.. text.Take(longest).Select(character => char.IsControl(character) ? '?' : character), .. text.Length > longest ? "..." : ""]);
}
