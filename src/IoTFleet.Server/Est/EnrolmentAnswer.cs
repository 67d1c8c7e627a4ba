using IoTFleet.Api;
using IoTFleet.Fleet.Authorities;
using IoTFleet.Fleet.Certificates;
using IoTFleet.Fleet.Enrolment;
using IoTFleet.Fleet.IssuanceLog;

namespace IoTFleet.Server.Est;

/// <summary>Puts together what a device is told that has a certificate now, whether it is its first or its next.</summary>
internal sealed class EnrolmentAnswer(AuthorityDirectory authorities, IssuedLog log, FindRenewalWindow windows, ServerOptions options, Listeners listeners)
{
    public async Task<DeviceEnrolment> ToAsync(HttpContext context, EnrolDeviceResult.Issued issued, CancellationToken cancellationToken)
    {
        var window = await windows.RunAsync(issued.DeviceId, issued.Serial, cancellationToken) ?? throw new InvalidOperationException($"The certificate {issued.Serial} is not on record.");
        return await ToAsync(context, new Outcome(issued.DeviceId, issued.CertificateDer, issued.IssuerId, issued.LogIndex, window), cancellationToken);
    }

    public Task<DeviceEnrolment> ToAsync(HttpContext context, RenewCertificateResult.Renewed renewed, CancellationToken cancellationToken)
    {
        var certificate = renewed.Certificate;
        return ToAsync(context, new Outcome(certificate.DeviceId, certificate.Der, certificate.IssuerId, certificate.LogIndex, renewed.Window), cancellationToken);
    }

    private async Task<DeviceEnrolment> ToAsync(HttpContext context, Outcome outcome, CancellationToken cancellationToken)
    {
        var trust = authorities.Current;
        return new DeviceEnrolment
        {
            Certificate = Convert.ToBase64String(outcome.Der.Span),
            Chain = [.. Chain(trust, outcome.IssuerId)],
            TrustBundle = trust.Bundle is { } bundle ? new DeviceTrustBundle { Version = bundle.Version, Document = Convert.ToBase64String(bundle.Document) } : null,
            Broker = new BrokerAddress { Host = options.Hosts.FirstOrDefault() ?? context.Request.Host.Host, Port = listeners.MqttPort },
            Topics = TopicsOf(outcome.DeviceId),
            Renewal = AdviceOf(outcome.Window),
            Log = await ProofAsync(outcome.LogIndex, cancellationToken),
        };
    }

    private static RenewalAdvice AdviceOf(RenewalWindow window) =>
        new() { Start = window.Start, End = window.End, RetryAfterSeconds = (long)Math.Ceiling(window.RetryAfter.TotalSeconds) };

    /// <summary>Without one the certificate is as good: a log that was tampered with is the operator's trouble, not the device's.</summary>
    private async Task<Api.LogProof?> ProofAsync(long? index, CancellationToken cancellationToken)
    {
        try
        {
            if (index is not { } place || await log.ProofAtAsync(place, cancellationToken) is not { } proof) return null;
            return new Api.LogProof { Index = proof.Index, TreeSize = proof.TreeSize, Proof = [.. proof.Proof.Select(Convert.ToBase64String)], Checkpoint = proof.Checkpoint };
        }
        catch (LogDamagedException)
        {
            return null;
        }
    }

    private static IEnumerable<string> Chain(TrustSnapshot trust, string issuerId)
    {
        if (trust.Find(issuerId) is not { } issuer) yield break;
        yield return Convert.ToBase64String(issuer.Certificate.RawDataMemory.Span);
        var root = trust.Roots.FirstOrDefault(root => root.SubjectName.RawData.AsSpan().SequenceEqual(issuer.Certificate.IssuerName.RawData));
        if (root is not null) yield return Convert.ToBase64String(root.RawDataMemory.Span);
    }

    private static DeviceTopics TopicsOf(string id) => new()
    {
        Telemetry = $"devices/{id}/telemetry",
        Events = $"devices/{id}/events",
        Commands = $"devices/{id}/commands",
    };

    private readonly record struct Outcome(string DeviceId, ReadOnlyMemory<byte> Der, string IssuerId, long? LogIndex, RenewalWindow Window);
}
