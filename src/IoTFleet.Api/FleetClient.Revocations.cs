namespace IoTFleet.Api;

/// <summary>Taking rights away.</summary>
public sealed partial class FleetClient
{
    /// <summary>One page of device certificates, ordered by serial number.</summary>
    /// <param name="device">Only of this device.</param>
    /// <param name="issuer">Only of this authority.</param>
    /// <param name="state">Only in this state: <c>good</c>, <c>suspended</c>, <c>revoked</c> or <c>expired</c>.</param>
    /// <param name="cursor"><see cref="Page{T}.Next"/> of the page before; null for the first.</param>
    /// <param name="limit">Certificates a page; null for <see cref="Page{T}.DefaultLimit"/>.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    public Task<Page<CertificateDetails>> GetCertificatesPageAsync(
        string? device = null, string? issuer = null, string? state = null, string? cursor = null, int? limit = null, CancellationToken cancellationToken = default) =>
        GetAsync("certificates" + Query(("device", device), ("issuer", issuer), ("state", state), ("cursor", cursor), ("limit", Text(limit))),
            ApiJson.Default.PageCertificateDetails, cancellationToken);

    /// <summary>Every device certificate that fits, page after page.</summary>
    /// <param name="device">Only of this device.</param>
    /// <param name="issuer">Only of this authority.</param>
    /// <param name="state">Only in this state.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    public IAsyncEnumerable<CertificateDetails> GetCertificatesAsync(
        string? device = null, string? issuer = null, string? state = null, CancellationToken cancellationToken = default) =>
        AllAsync(cursor => GetCertificatesPageAsync(device, issuer, state, cursor, Page<CertificateDetails>.MaximumLimit, cancellationToken), cancellationToken);

    /// <summary>One certificate of any kind.</summary>
    /// <param name="serial">Its serial number, hex.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.CertificateNotFound"/>.</exception>
    public Task<CertificateDetails> GetCertificateAsync(string serial, CancellationToken cancellationToken = default) =>
        GetAsync($"certificates/{Escape(serial)}", ApiJson.Default.CertificateDetails, cancellationToken);

    /// <summary>Revokes one certificate, for good.</summary>
    /// <param name="serial">Its serial number, hex.</param>
    /// <param name="reason">Why, a word as in <see cref="RevokeDeviceRequest.Reason"/>; optional.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.CertificateNotFound"/>.</exception>
    public Task<CertificateDetails> RevokeCertificateAsync(string serial, string? reason = null, CancellationToken cancellationToken = default) =>
        PostAsync($"certificates/{Escape(serial)}/revoke", Body(new RevokeDeviceRequest { Reason = reason }, ApiJson.Default.RevokeDeviceRequest),
            ApiJson.Default.CertificateDetails, cancellationToken);

    /// <summary>Refuses one certificate of a device until it is resumed.</summary>
    /// <param name="serial">Its serial number, hex.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.CertificateNotFound"/>, <see cref="ProblemCodes.CertificateRevoked"/>.</exception>
    public Task<CertificateDetails> SuspendCertificateAsync(string serial, CancellationToken cancellationToken = default) =>
        PostAsync($"certificates/{Escape(serial)}/suspend", null, ApiJson.Default.CertificateDetails, cancellationToken);

    /// <summary>Lets a suspended certificate be used again.</summary>
    /// <param name="serial">Its serial number, hex.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.CertificateNotFound"/>, <see cref="ProblemCodes.CertificateRevoked"/>.</exception>
    public Task<CertificateDetails> ResumeCertificateAsync(string serial, CancellationToken cancellationToken = default) =>
        PostAsync($"certificates/{Escape(serial)}/resume", null, ApiJson.Default.CertificateDetails, cancellationToken);

    /// <summary>Revokes every certificate for a key, and blocks the key for good.</summary>
    /// <param name="fingerprint">SHA-256 of the SubjectPublicKeyInfo, hex.</param>
    /// <param name="why">For those who look later; optional.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    public Task<RevocationResult> RevokeKeyAsync(string fingerprint, string? why = null, CancellationToken cancellationToken = default) =>
        PostAsync($"keys/{Escape(fingerprint)}/revoke", Body(new RevokeKeyRequest { Why = why }, ApiJson.Default.RevokeKeyRequest),
            ApiJson.Default.RevocationResult, cancellationToken);

    /// <summary>Revokes, suspends or resumes a claim batch.</summary>
    /// <param name="batch">Its id.</param>
    /// <param name="action"><c>revoke</c>, <c>suspend</c> or <c>resume</c>.</param>
    /// <param name="request">With its devices, or without.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.BatchNotFound"/>, <see cref="ProblemCodes.BatchRevoked"/>, <see cref="ProblemCodes.CountMismatch"/>.</exception>
    public Task<RevocationReport> ChangeBatchAsync(string batch, string action, ChangeBatchRequest request, CancellationToken cancellationToken = default) =>
        PostAsync($"claims/{Escape(batch)}/{action}", Body(request, ApiJson.Default.ChangeBatchRequest), ApiJson.Default.RevocationReport, cancellationToken);

    /// <summary>Revokes one generation of an authority with everything it has issued.</summary>
    /// <param name="id">Its subject key identifier, hex.</param>
    /// <param name="request">The number of certificates that end with it.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.AuthorityNotFound"/>, <see cref="ProblemCodes.AuthorityRevoked"/>, <see cref="ProblemCodes.CountMismatch"/>.</exception>
    public Task<RevocationReport> RevokeAuthorityAsync(string id, RevokeAuthorityRequest request, CancellationToken cancellationToken = default) =>
        PostAsync($"authorities/{Escape(id)}/revoke", Body(request, ApiJson.Default.RevokeAuthorityRequest), ApiJson.Default.RevocationReport, cancellationToken);

    /// <summary>Revokes, suspends or resumes many devices, or counts whom it would concern.</summary>
    /// <param name="request">Whom, why, how many.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.CountMismatch"/>, <see cref="ProblemCodes.InvalidRequest"/>.</exception>
    public Task<RevocationReport> RevokeManyAsync(RevocationRequest request, CancellationToken cancellationToken = default) =>
        PostAsync("revocations", Body(request, ApiJson.Default.RevocationRequest), ApiJson.Default.RevocationReport, cancellationToken);

    /// <summary>What waits for a second operator, newest first.</summary>
    /// <param name="cancellationToken">Ends the request.</param>
    public async Task<IReadOnlyList<RevocationReport>> GetWaitingRevocationsAsync(CancellationToken cancellationToken = default) =>
        (await GetAsync("revocations", ApiJson.Default.PageRevocationReport, cancellationToken)).Items;

    /// <summary>The second operator's word.</summary>
    /// <param name="orderId">What was asked for.</param>
    /// <param name="count">The number of devices it concerns.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.SecondOperatorRequired"/>, <see cref="ProblemCodes.OrderNotFound"/>, <see cref="ProblemCodes.CountMismatch"/>.</exception>
    public Task<RevocationReport> ConfirmRevocationAsync(string orderId, int count, CancellationToken cancellationToken = default) =>
        PostAsync($"revocations/{Escape(orderId)}/confirm", Body(new ConfirmRevocationRequest { Confirm = count }, ApiJson.Default.ConfirmRevocationRequest),
            ApiJson.Default.RevocationReport, cancellationToken);

    /// <summary>Takes a revocation back that waits for a second operator; devices suspended for it are resumed.</summary>
    /// <param name="orderId">What was asked for.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.OrderNotFound"/>.</exception>
    public async Task<RevocationReport> CancelRevocationAsync(string orderId, CancellationToken cancellationToken = default)
    {
        using var request = new HttpRequestMessage(HttpMethod.Delete, Root + $"revocations/{Escape(orderId)}");
        return await AnswerAsync(request, ApiJson.Default.RevocationReport, cancellationToken);
    }

    /// <summary>Makes a key for another operator. It is in this answer and nowhere else.</summary>
    /// <param name="request">Whose, and what it may do.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    public Task<CreatedOperator> CreateOperatorAsync(CreateOperatorRequest request, CancellationToken cancellationToken = default) =>
        PostAsync("operators", Body(request, ApiJson.Default.CreateOperatorRequest), ApiJson.Default.CreatedOperator, cancellationToken);

    /// <summary>Revokes an operator's key.</summary>
    /// <param name="id">The key's id.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    public async Task RevokeOperatorAsync(string id, CancellationToken cancellationToken = default)
    {
        using var request = new HttpRequestMessage(HttpMethod.Delete, Root + $"operators/{Escape(id)}");
        using var response = await SendAsync(request, cancellationToken);
    }
}
