using System.Security.Cryptography;
using IoTFleet.Api;
using IoTFleet.Fleet.Certificates;
using IoTFleet.Server.Mqtt;
using static IoTFleet.Server.Security.OperatorAuth;
using RevokeDeviceRequest = IoTFleet.Api.RevokeDeviceRequest;

namespace IoTFleet.Server.Rest;

internal static class CertificatesApi
{
    public static void MapCertificates(this IEndpointRouteBuilder api)
    {
        api.MapGet("/certificates", ListAsync);
        api.MapGet("/certificates/{serial}", GetAsync);
        api.MapPost("/certificates/{serial}/revoke", RevokeAsync);
        api.MapPost("/certificates/{serial}/suspend", SuspendAsync);
        api.MapPost("/certificates/{serial}/resume", ResumeAsync);
        api.MapPost("/keys/{fingerprint}/revoke", RevokeKeyAsync);
    }

    private static async Task<IResult> ListAsync(
        FindCertificates find, HttpContext context, CancellationToken cancellationToken, string? device = null, string? issuer = null, string? batch = null,
        string? key = null, string? state = null, string? cursor = null, int limit = Page<CertificateDetails>.DefaultLimit)
    {
        CertificateState? wanted = null;
        if (state is not null)
        {
            if (!Enum.TryParse<CertificateState>(state, ignoreCase: true, out var parsed) || int.TryParse(state, out _)) return Problems.Invalid($"'{state}' is not a state; use good, suspended, revoked or expired.");
            wanted = parsed;
        }

        return await find.RunAsync(ActorOf(context), new FindCertificatesRequest(device, issuer, batch, key, wanted, cursor, limit), cancellationToken) switch
        {
            FindCertificatesResult.Page page => TypedResults.Ok(new Page<CertificateDetails> { Items = [.. page.Certificates.Select(one => Details(one, find))], Next = page.Next }),
            _ => Problems.Forbidden("see certificates"),
        };
    }

    private static Task<IResult> GetAsync(string serial, FindCertificates find, HttpContext context, CancellationToken cancellationToken) =>
        ShowAsync(serial, null, find, context, cancellationToken);

    private static async Task<IResult> RevokeAsync(
        string serial, RevokeCertificate revoke, FindCertificates find, NodeReports nodes, HttpContext context, CancellationToken cancellationToken, RevokeDeviceRequest? request = null)
    {
        if (!DevicesApi.TryReadReason(request?.Reason, out var reason)) return DevicesApi.NoReason(request!.Reason!);
        var result = await revoke.RunAsync(ActorOf(context), new RevokeCertificateRequest(Canonical(serial), reason), cancellationToken);
        var effective = await nodes.WaitAsync(cancellationToken);
        return result switch
        {
            RevokeCertificateResult.Revoked => await ShowAsync(serial, effective, find, context, cancellationToken),
            RevokeCertificateResult.UnknownCertificate => Unknown(serial),
            RevokeCertificateResult.Invalid invalid => Problems.Invalid(invalid.Problem),
            _ => Problems.Forbidden("revoke certificates"),
        };
    }

    private static Task<IResult> SuspendAsync(
        string serial, SuspendCertificate suspend, FindCertificates find, NodeReports nodes, HttpContext context, CancellationToken cancellationToken) =>
        ChangedAsync(suspend.RunAsync(ActorOf(context), Canonical(serial), cancellationToken), serial, find, nodes, context, cancellationToken);

    private static Task<IResult> ResumeAsync(
        string serial, SuspendCertificate suspend, FindCertificates find, NodeReports nodes, HttpContext context, CancellationToken cancellationToken) =>
        ChangedAsync(suspend.ResumeAsync(ActorOf(context), Canonical(serial), cancellationToken), serial, find, nodes, context, cancellationToken);

    private static async Task<IResult> ChangedAsync(
        Task<SuspendCertificateResult> change, string serial, FindCertificates find, NodeReports nodes, HttpContext context, CancellationToken cancellationToken)
    {
        var result = await change;
        var effective = await nodes.WaitAsync(cancellationToken);
        return result switch
        {
            SuspendCertificateResult.Done => await ShowAsync(serial, effective, find, context, cancellationToken),
            SuspendCertificateResult.AlreadyRevoked => Problems.Conflict(ProblemCodes.CertificateRevoked, $"Certificate {serial} is revoked, which cannot be undone."),
            SuspendCertificateResult.UnknownCertificate => Unknown(serial),
            _ => Problems.Forbidden("suspend certificates"),
        };
    }

    private static async Task<IResult> RevokeKeyAsync(
        string fingerprint, BlockKey block, NodeReports nodes, HttpContext context, CancellationToken cancellationToken, RevokeKeyRequest? request = null)
    {
        var result = await block.RunAsync(ActorOf(context), new BlockKeyRequest(fingerprint, request?.Why), cancellationToken);
        var effective = await nodes.WaitAsync(cancellationToken);
        return result switch
        {
            BlockKeyResult.Blocked done => TypedResults.Ok(new RevocationResult { Id = done.Fingerprint, CertificatesRevoked = done.Certificates, SessionsClosed = 0, Effective = effective }),
            BlockKeyResult.Invalid invalid => Problems.Invalid(invalid.Problem),
            _ => Problems.Forbidden("revoke keys"),
        };
    }

    private static async Task<IResult> ShowAsync(string serial, Effective? effective, FindCertificates find, HttpContext context, CancellationToken cancellationToken) =>
        await find.OneAsync(ActorOf(context), Canonical(serial), cancellationToken) switch
        {
            FindCertificatesResult.Found found => TypedResults.Ok(Details(found.Certificate, find) with { Effective = effective }),
            FindCertificatesResult.UnknownCertificate => Unknown(serial),
            _ => Problems.Forbidden("see certificates"),
        };

    private static IResult Unknown(string serial) =>
        Problems.NotFound(ProblemCodes.CertificateNotFound, $"There is no such certificate {serial}; a service's or batch's certificate is suspended with its holder.");

    /// <summary>As openssl prints it, or as we do.</summary>
    private static string Canonical(string serial) => serial.Replace(":", "", StringComparison.Ordinal).ToLowerInvariant();

    private static CertificateDetails Details(CertificateView certificate, FindCertificates find) => new()
    {
        Serial = certificate.Serial,
        Kind = certificate.Kind,
        Holder = certificate.Holder,
        IssuerId = certificate.IssuerId,
        KeyFingerprint = certificate.KeyFingerprint,
        BatchId = certificate.BatchId,
        State = find.StateOf(certificate).ToString().ToLowerInvariant(),
        NotBefore = certificate.NotBefore,
        NotAfter = certificate.NotAfter,
        RevokedAt = certificate.RevokedAt,
        RevocationReason = DevicesApi.Name(certificate.Reason),
        Pem = certificate.Der is { } der ? PemEncoding.WriteString("CERTIFICATE", der) : null,
    };
}
