using System.Globalization;

namespace IoTFleet.Api;

public sealed partial class FleetClient
{
    /// <summary>One page of the telemetry messages that could not be read, newest first, without their bodies.</summary>
    /// <param name="device">Only this device's; null for all.</param>
    /// <param name="code">Only for this reason; null for all.</param>
    /// <param name="cursor"><see cref="Page{T}.Next"/> of the page before; null for the first.</param>
    /// <param name="limit">Messages a page, 1 to <see cref="Page{T}.MaximumLimit"/>; null for <see cref="Page{T}.DefaultLimit"/>.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    public Task<Page<QuarantinedMessage>> GetQuarantinePageAsync(
        string? device = null, string? code = null, string? cursor = null, int? limit = null, CancellationToken cancellationToken = default) =>
        GetAsync("telemetry/quarantine" + Query(("device", device), ("code", code), ("cursor", cursor), ("limit", Text(limit))),
            ApiJson.Default.PageQuarantinedMessage, cancellationToken);

    /// <summary>One of them, with its body.</summary>
    /// <param name="id">Its number.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.QuarantinedNotFound"/>.</exception>
    public Task<QuarantinedMessage> GetQuarantinedAsync(long id, CancellationToken cancellationToken = default) =>
        GetAsync(string.Create(CultureInfo.InvariantCulture, $"telemetry/quarantine/{id}"), ApiJson.Default.QuarantinedMessage, cancellationToken);

    /// <summary>Deletes those who fit everything that is given; all of them when nothing is.</summary>
    /// <param name="id">This one; null for any.</param>
    /// <param name="device">Only this device's; null for all.</param>
    /// <param name="code">Only for this reason; null for all.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    public async Task<QuarantineDeletion> DeleteQuarantinedAsync(long? id = null, string? device = null, string? code = null, CancellationToken cancellationToken = default)
    {
        var query = Query(("id", id?.ToString(CultureInfo.InvariantCulture)), ("device", device), ("code", code));
        using var request = new HttpRequestMessage(HttpMethod.Delete, Root + "telemetry/quarantine" + query);
        return await AnswerAsync(request, ApiJson.Default.QuarantineDeletion, cancellationToken);
    }
}
