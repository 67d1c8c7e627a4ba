using System.Globalization;

namespace IoTFleet.Api;

/// <summary>What was done, and what was issued.</summary>
public sealed partial class FleetClient
{
    /// <summary>One page of the audit, newest first.</summary>
    /// <param name="query">What to filter by.</param>
    /// <param name="cursor"><see cref="Page{T}.Next"/> of the page before; null for the first.</param>
    /// <param name="limit">Entries a page, 1 to 500; null for <see cref="Page{T}.DefaultLimit"/>.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    public Task<Page<AuditRecord>> GetAuditPageAsync(AuditQuery query, string? cursor = null, int? limit = null, CancellationToken cancellationToken = default) =>
        GetAsync("audit" + Query(
                ("subject", query.Subject), ("action", query.Action), ("outcome", query.Outcome), ("actor", query.Actor),
                ("from", Text(query.From)), ("to", Text(query.To)), ("cursor", cursor), ("limit", Text(limit))),
            ApiJson.Default.PageAuditRecord, cancellationToken);

    /// <summary>Lets the server walk its audit chains and hash every entry anew.</summary>
    /// <param name="anchors">Heads seen before and kept elsewhere: they must still be there.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    public Task<AuditVerification> VerifyAuditAsync(IReadOnlyList<AuditAnchor>? anchors = null, CancellationToken cancellationToken = default) =>
        GetAsync("audit/verify" + Query([.. (anchors ?? []).Select(anchor => ("anchor", (string?)$"{anchor.Chain}:{anchor.Sequence}:{anchor.Hash}"))]),
            ApiJson.Default.AuditVerification, cancellationToken);

    /// <summary>The newest signed head of the log of issued certificates, and the public key to check it with.</summary>
    /// <param name="cancellationToken">Ends the request.</param>
    public Task<LogHead> GetLogHeadAsync(CancellationToken cancellationToken = default) =>
        GetAsync("log/head", ApiJson.Default.LogHead, cancellationToken);

    /// <summary>The proof that a certificate is in the log.</summary>
    /// <param name="serial">The certificate's serial number, lower-case hex.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.NotInLog"/>.</exception>
    public Task<InclusionProof> GetInclusionProofAsync(string serial, CancellationToken cancellationToken = default) =>
        GetAsync("log/proof" + Query(("serial", serial)), ApiJson.Default.InclusionProof, cancellationToken);

    /// <summary>The proof that the log has only grown.</summary>
    /// <param name="from">A size seen before.</param>
    /// <param name="to">A later size; null for the newest.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.InvalidRequest"/>.</exception>
    public Task<ConsistencyProof> GetConsistencyProofAsync(long from, long? to = null, CancellationToken cancellationToken = default) =>
        GetAsync("log/consistency" + Query(("from", Text(from)), ("to", Text(to))), ApiJson.Default.ConsistencyProof, cancellationToken);

    /// <summary>The log's entries in their order, page after page.</summary>
    /// <param name="cancellationToken">Ends the reading.</param>
    public IAsyncEnumerable<LogEntry> GetLogEntriesAsync(CancellationToken cancellationToken = default) =>
        AllAsync(cursor => GetAsync("log/leaves" + Query(("from", cursor), ("limit", Text(Page<LogEntry>.MaximumLimit))), ApiJson.Default.PageLogEntry, cancellationToken), cancellationToken);

    /// <summary>Lets the server hold its log to its certificates and to the checkpoints it has signed.</summary>
    /// <param name="cancellationToken">Ends the request.</param>
    public Task<LogVerification> VerifyLogAsync(CancellationToken cancellationToken = default) =>
        GetAsync("log/verify", ApiJson.Default.LogVerification, cancellationToken);

    private static string? Text(long? number) => number?.ToString(CultureInfo.InvariantCulture);
}
