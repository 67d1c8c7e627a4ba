using IoTFleet.Fleet.Authorities;
using IoTFleet.Pki.Ocsp;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Fleet.Status;

/// <param name="Der">The answer to send.</param>
/// <param name="CacheUntil">Until when anybody may keep it; null for what must not be kept: errors, and what repeats a nonce.</param>
public sealed record OcspReply(byte[] Der, DateTimeOffset? CacheUntil = null);

/// <summary>
/// The responder (RFC 6960, in the profile of RFC 5019). A door for strangers: it takes no actor, judges nobody, and says of our own certificates only what the
/// tables say. Good means issued by us and not revoked; a number that we never issued is unknown.
/// </summary>
public sealed class AnswerOcsp(AuthorityDirectory authorities, FindStatus statuses, OcspResponders responders, FleetMetrics metrics, TimeProvider clock, ILogger<AnswerOcsp> log)
{
    private static readonly TimeSpan Freshness = TimeSpan.FromMinutes(5);

    public async Task<OcspReply> RunAsync(ReadOnlyMemory<byte> question, CancellationToken ct)
    {
        if (!OcspRequest.TryParse(question, out var request)) return Refusal(OcspProblem.MalformedRequest);
        try
        {
            return await AnswerAsync(request, ct);
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            FleetLog.OcspFailed(log, error.Message); // Whatever it was, it is ours: the asker may come back.
            return Refusal(OcspProblem.TryLater);
        }
    }

    private async Task<OcspReply> AnswerAsync(OcspRequest request, CancellationToken ct)
    {
        // One signer speaks for one authority: a question about another's certificates is not for us to answer. RFC 6960 2.3
        if (responders.Find(authorities.Current, request.Certificates) is not { } issuer) return Refusal(OcspProblem.Unauthorized);
        if (await responders.SignerAsync(issuer, ct) is not { } signer) return Refusal(OcspProblem.TryLater);
        var now = DateTimeOffset.FromUnixTimeSeconds(clock.GetUtcNow().ToUnixTimeSeconds());
        var found = new List<OcspCertStatus>(request.Certificates.Count);
        foreach (var certificate in request.Certificates) found.Add(StatusOf(certificate, await statuses.RunAsync(issuer, certificate.Serial, ct)));
        var answer = new OcspAnswer { Certificates = found, ThisUpdate = now, NextUpdate = now + Freshness, Nonce = request.Nonce };
        metrics.CountOcsp("answered");
        return new OcspReply(signer.Sign(answer), request.Nonce is null ? answer.NextUpdate : null);
    }

    private static OcspCertStatus StatusOf(OcspCertId certificate, KnownStatus status) => status switch
    {
        { Known: false } => new OcspCertStatus(certificate, OcspStatus.Unknown),
        { RevokedAt: { } at } => new OcspCertStatus(certificate, OcspStatus.Revoked, at, status.Reason),
        _ => new OcspCertStatus(certificate, OcspStatus.Good),
    };

    private OcspReply Refusal(OcspProblem problem)
    {
        metrics.CountOcsp(problem.ToString());
        return new OcspReply(OcspAnswer.Encode(problem));
    }
}
