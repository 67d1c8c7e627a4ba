using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace IoTFleet.Fleet;

/// <summary>What happened since the start: as instruments for a collector, and as plain numbers for the overview.</summary>
public sealed class FleetMetrics : IDisposable
{
    public const string MeterName = "iotfleet.fleet";

    private readonly Meter _meter = new(MeterName);
    private readonly Counter<long> _telemetryAccepted;
    private readonly Counter<long> _telemetryStored;
    private readonly Counter<long> _telemetryFailed;
    private readonly Counter<long> _telemetryDropped;
    private readonly Counter<long> _telemetryRepeated;
    private readonly Counter<long> _telemetryUnreadable;
    private readonly Counter<long> _quarantineDropped;
    private readonly Histogram<int> _batchSize;
    private readonly Histogram<double> _commitDuration;
    private readonly Counter<long> _certificatesIssued;
    private readonly Counter<long> _certificatesRevoked;
    private readonly Counter<long> _enrolmentsRefused;
    private readonly Counter<long> _ocspAnswers;
    private readonly ConcurrentDictionary<string, long> _enrolmentRefusals = new(StringComparer.Ordinal);
    private long _accepted;
    private long _stored;
    private long _failed;
    private long _dropped;
    private long _repeated;
    private long _batches;
    private long _unreadable;
    private long _notKept;

    public FleetMetrics()
    {
        _telemetryAccepted = _meter.CreateCounter<long>("iotfleet.telemetry.accepted", "{message}");
        _telemetryStored = _meter.CreateCounter<long>("iotfleet.telemetry.stored", "{message}");
        _telemetryFailed = _meter.CreateCounter<long>("iotfleet.telemetry.failed", "{message}");
        _telemetryDropped = _meter.CreateCounter<long>("iotfleet.telemetry.dropped", "{message}", "At QoS 0, for want of room.");
        _telemetryRepeated = _meter.CreateCounter<long>("iotfleet.telemetry.repeated", "{message}", "Came again, and were acknowledged without being stored twice.");
        _telemetryUnreadable = _meter.CreateCounter<long>("iotfleet.telemetry.unreadable", "{message}");
        _quarantineDropped = _meter.CreateCounter<long>("iotfleet.telemetry.quarantine.dropped", "{message}", "Unreadable payloads that the quarantine had no room for.");
        _batchSize = _meter.CreateHistogram<int>("iotfleet.telemetry.batch", "{message}", "Messages in one transaction.");
        _commitDuration = _meter.CreateHistogram<double>("iotfleet.telemetry.commit", "s", "From taking a batch to its commit.");
        _certificatesIssued = _meter.CreateCounter<long>("iotfleet.certificates.issued", "{certificate}");
        _certificatesRevoked = _meter.CreateCounter<long>("iotfleet.certificates.revoked", "{certificate}");
        _ocspAnswers = _meter.CreateCounter<long>("iotfleet.ocsp.answers", "{answer}");
        _enrolmentsRefused = _meter.CreateCounter<long>("iotfleet.enrolment.refused", "{request}");
    }

    /// <param name="result"><c>answered</c>, a refusal of RFC 6960, or <c>busy</c> for what was not looked at.</param>
    public void CountOcsp(string result) => _ocspAnswers.Add(1, new KeyValuePair<string, object?>("result", result));

    public long TelemetryAccepted => Interlocked.Read(ref _accepted);
    public long TelemetryStored => Interlocked.Read(ref _stored);
    public long TelemetryFailed => Interlocked.Read(ref _failed);
    public long TelemetryDropped => Interlocked.Read(ref _dropped);
    public long TelemetryRepeated => Interlocked.Read(ref _repeated);
    public long TelemetryUnreadable => Interlocked.Read(ref _unreadable);
    public long QuarantineDropped => Interlocked.Read(ref _notKept);
    public long TelemetryBatches => Interlocked.Read(ref _batches);

    /// <summary>Refused enrolments by the code of the refusal.</summary>
    public IReadOnlyDictionary<string, long> EnrolmentRefusals => _enrolmentRefusals;

    public void Dispose() => _meter.Dispose();

    internal void CountTelemetryAccepted()
    {
        Interlocked.Increment(ref _accepted);
        _telemetryAccepted.Add(1);
    }

    internal void CountTelemetryStored(int messages)
    {
        Interlocked.Add(ref _stored, messages);
        Interlocked.Increment(ref _batches);
        _telemetryStored.Add(messages);
        _batchSize.Record(messages);
    }

    internal void CountTelemetryCommit(TimeSpan duration) => _commitDuration.Record(duration.TotalSeconds);

    internal void CountTelemetryDropped()
    {
        Interlocked.Increment(ref _dropped);
        _telemetryDropped.Add(1);
    }

    internal void CountTelemetryRepeated(int messages)
    {
        if (messages == 0) return;
        Interlocked.Add(ref _repeated, messages);
        _telemetryRepeated.Add(messages);
    }

    internal void CountTelemetryFailed(int messages)
    {
        Interlocked.Add(ref _failed, messages);
        _telemetryFailed.Add(messages);
    }

    internal void CountTelemetryUnreadable(string code)
    {
        Interlocked.Increment(ref _unreadable);
        _telemetryUnreadable.Add(1, new KeyValuePair<string, object?>("reason", code));
    }

    internal void CountQuarantineDropped(int payloads = 1)
    {
        Interlocked.Add(ref _notKept, payloads);
        _quarantineDropped.Add(payloads);
    }

    internal void CountCertificateIssued() => _certificatesIssued.Add(1);

    internal void CountCertificatesRevoked(int certificates) => _certificatesRevoked.Add(certificates);

    internal void CountEnrolmentRefused(string code)
    {
        _enrolmentRefusals.AddOrUpdate(code, 1, (_, count) => count + 1);
        _enrolmentsRefused.Add(1, new KeyValuePair<string, object?>("reason", code));
    }
}
