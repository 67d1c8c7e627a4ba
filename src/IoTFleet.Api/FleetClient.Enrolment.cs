using System.Net.Http.Headers;
using System.Text.Json;

namespace IoTFleet.Api;

/// <summary>Ways into the fleet.</summary>
public sealed partial class FleetClient
{
    /// <summary>Every enrolment group, by name.</summary>
    /// <param name="cancellationToken">Ends the request.</param>
    public async Task<IReadOnlyList<GroupDetails>> GetGroupsAsync(CancellationToken cancellationToken = default) =>
        (await GetAsync("groups", ApiJson.Default.PageGroupDetails, cancellationToken)).Items;

    /// <summary>One enrolment group.</summary>
    /// <param name="id">The group.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.GroupNotFound"/>.</exception>
    public Task<GroupDetails> GetGroupAsync(string id, CancellationToken cancellationToken = default) =>
        GetAsync($"groups/{Escape(id)}", ApiJson.Default.GroupDetails, cancellationToken);

    /// <summary>Opens a way into the fleet.</summary>
    /// <param name="request">Its name and settings.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.GroupExists"/>, <see cref="ProblemCodes.InvalidRequest"/>.</exception>
    public Task<GroupDetails> CreateGroupAsync(CreateGroupRequest request, CancellationToken cancellationToken = default) =>
        PostAsync("groups", Body(request, ApiJson.Default.CreateGroupRequest), ApiJson.Default.GroupDetails, cancellationToken);

    /// <summary>Replaces a group's settings.</summary>
    /// <param name="id">The group.</param>
    /// <param name="settings">All of them.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.GroupNotFound"/>, <see cref="ProblemCodes.InvalidRequest"/>.</exception>
    public async Task<GroupDetails> ChangeGroupAsync(string id, GroupSettings settings, CancellationToken cancellationToken = default)
    {
        using var request = new HttpRequestMessage(HttpMethod.Put, Root + $"groups/{Escape(id)}") { Content = Body(settings, ApiJson.Default.GroupSettings) };
        return await AnswerAsync(request, ApiJson.Default.GroupDetails, cancellationToken);
    }

    /// <summary>Enrols nobody any more by this group; its devices stay.</summary>
    /// <param name="id">The group.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.GroupNotFound"/>.</exception>
    public Task<GroupDetails> CloseGroupAsync(string id, CancellationToken cancellationToken = default) =>
        PostAsync($"groups/{Escape(id)}/close", null, ApiJson.Default.GroupDetails, cancellationToken);

    /// <summary>Opens a closed group again.</summary>
    /// <param name="id">The group.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.GroupNotFound"/>.</exception>
    public Task<GroupDetails> OpenGroupAsync(string id, CancellationToken cancellationToken = default) =>
        PostAsync($"groups/{Escape(id)}/open", null, ApiJson.Default.GroupDetails, cancellationToken);

    /// <summary>Every claim batch, by name.</summary>
    /// <param name="cancellationToken">Ends the request.</param>
    public async Task<IReadOnlyList<BatchSummary>> GetBatchesAsync(CancellationToken cancellationToken = default) =>
        (await GetAsync("claims", ApiJson.Default.PageBatchSummary, cancellationToken)).Items;

    /// <summary>One claim batch with its certificates.</summary>
    /// <param name="id">The batch.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.BatchNotFound"/>.</exception>
    public Task<BatchDetails> GetBatchAsync(string id, CancellationToken cancellationToken = default) =>
        GetAsync($"claims/{Escape(id)}", ApiJson.Default.BatchDetails, cancellationToken);

    /// <summary>Opens a production batch.</summary>
    /// <param name="request">Its name, group, quota and window.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.BatchExists"/>, <see cref="ProblemCodes.GroupNotFound"/>.</exception>
    public Task<BatchSummary> CreateBatchAsync(CreateBatchRequest request, CancellationToken cancellationToken = default) =>
        PostAsync("claims", Body(request, ApiJson.Default.CreateBatchRequest), ApiJson.Default.BatchSummary, cancellationToken);

    /// <summary>Issues a claim certificate of a batch, for a key that the caller made.</summary>
    /// <param name="batch">The batch.</param>
    /// <param name="requestPem">The signing request, as in <see cref="IssueCertificateRequest.Request"/>.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.BatchNotFound"/>, <see cref="ProblemCodes.BatchOver"/>, <see cref="ProblemCodes.KeyInUse"/>.</exception>
    public Task<IssuedClaim> IssueClaimAsync(string batch, string requestPem, CancellationToken cancellationToken = default) =>
        PostAsync($"claims/{Escape(batch)}/certificates", Body(new IssueCertificateRequest { Request = requestPem }, ApiJson.Default.IssueCertificateRequest),
            ApiJson.Default.IssuedClaim, cancellationToken);

    /// <summary>Every manufacturer, by name.</summary>
    /// <param name="cancellationToken">Ends the request.</param>
    public async Task<IReadOnlyList<ManufacturerSummary>> GetManufacturersAsync(CancellationToken cancellationToken = default) =>
        (await GetAsync("manufacturers", ApiJson.Default.PageManufacturerSummary, cancellationToken)).Items;

    /// <summary>Announces a manufacturer; its devices enrol once the proof has come.</summary>
    /// <param name="request">Its name, group and authority.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.GroupNotFound"/>, <see cref="ProblemCodes.InvalidRequest"/>.</exception>
    public Task<ManufacturerSummary> RegisterManufacturerAsync(RegisterManufacturerRequest request, CancellationToken cancellationToken = default) =>
        PostAsync("manufacturers", Body(request, ApiJson.Default.RegisterManufacturerRequest), ApiJson.Default.ManufacturerSummary, cancellationToken);

    /// <summary>Hands in the proof that a manufacturer's key is in the right hands.</summary>
    /// <param name="id">The manufacturer.</param>
    /// <param name="certificatePem">As in <see cref="ManufacturerProof.CertificatePem"/>.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.ManufacturerNotFound"/>, <see cref="ProblemCodes.ProofWrong"/>.</exception>
    public Task<ManufacturerSummary> ProveManufacturerAsync(string id, string certificatePem, CancellationToken cancellationToken = default) =>
        PostAsync($"manufacturers/{Escape(id)}/proof", Body(new ManufacturerProof { CertificatePem = certificatePem }, ApiJson.Default.ManufacturerProof),
            ApiJson.Default.ManufacturerSummary, cancellationToken);

    /// <summary>Believes a manufacturer no more; devices that it enrolled stay.</summary>
    /// <param name="id">The manufacturer.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.ManufacturerNotFound"/>.</exception>
    public async Task RemoveManufacturerAsync(string id, CancellationToken cancellationToken = default)
    {
        using var request = new HttpRequestMessage(HttpMethod.Delete, Root + $"manufacturers/{Escape(id)}");
        using var response = await SendAsync(request, cancellationToken);
    }

    /// <summary>Requests that wait for approval, newest first.</summary>
    /// <param name="state"><c>waiting</c>, <c>approved</c>, <c>rejected</c> or <c>all</c>; null for those waiting.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    public async Task<IReadOnlyList<PendingRequest>> GetPendingAsync(string? state = null, CancellationToken cancellationToken = default) =>
        (await GetAsync("approvals" + Query(("state", state)), ApiJson.Default.PagePendingRequest, cancellationToken)).Items;

    /// <summary>Lets a waiting request in; its device gets its certificate when it asks again.</summary>
    /// <param name="id">The request.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.ApprovalNotFound"/>, <see cref="ProblemCodes.DecidedBefore"/>.</exception>
    public Task<PendingRequest> ApproveAsync(string id, CancellationToken cancellationToken = default) =>
        PostAsync($"approvals/{Escape(id)}/approve", null, ApiJson.Default.PendingRequest, cancellationToken);

    /// <summary>Turns a waiting request away, for good.</summary>
    /// <param name="id">The request.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.ApprovalNotFound"/>, <see cref="ProblemCodes.DecidedBefore"/>.</exception>
    public Task<PendingRequest> RejectAsync(string id, CancellationToken cancellationToken = default) =>
        PostAsync($"approvals/{Escape(id)}/reject", null, ApiJson.Default.PendingRequest, cancellationToken);

    /// <summary>Imports devices: a block of lines, small enough that its answer fits the connection. Safe to repeat.</summary>
    /// <param name="lines">CSV with its heading, or one JSON object a line.</param>
    /// <param name="csv">Whether it is CSV.</param>
    /// <param name="dryRun">Whether it is only said what would be done.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    public async Task<IReadOnlyList<ImportedRow>> ImportAsync(string lines, bool csv, bool dryRun, CancellationToken cancellationToken = default)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, Root + "import" + Query(("dryRun", dryRun ? "true" : null)))
        {
            Content = new StringContent(lines, new MediaTypeHeaderValue(csv ? "text/csv" : "application/x-ndjson")),
        };
        using var response = await SendAsync(request, cancellationToken);
        var rows = new List<ImportedRow>();
        using var answer = new StreamReader(await response.Content.ReadAsStreamAsync(cancellationToken));
        while (await answer.ReadLineAsync(cancellationToken) is { } line) rows.Add(JsonSerializer.Deserialize(line, ApiJson.Default.ImportedRow)!);
        return rows;
    }
}
