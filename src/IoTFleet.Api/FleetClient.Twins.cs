using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace IoTFleet.Api;

public sealed partial class FleetClient
{
    private const string MergePatch = "application/merge-patch+json";

    /// <summary>What is wanted of a device, and what it says of itself. A device that has no twin yet has an empty one.</summary>
    /// <param name="deviceId">The device.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.DeviceNotFound"/>.</exception>
    public Task<Twin> GetTwinAsync(string deviceId, CancellationToken cancellationToken = default) =>
        GetAsync($"devices/{Escape(deviceId)}/twin", ApiJson.Default.Twin, cancellationToken);

    /// <summary>One page of the fleet's twins, ordered by device, without their documents. Devices that are revoked or have no twin yet are not in it.</summary>
    /// <param name="inSync">Only those whose desired version the device has applied, or only the others; null for all.</param>
    /// <param name="prefix">Only devices whose id starts with this; null for all.</param>
    /// <param name="cursor"><see cref="Page{T}.Next"/> of the page before; null for the first.</param>
    /// <param name="limit">Twins a page, 1 to <see cref="Page{T}.MaximumLimit"/>; null for <see cref="Page{T}.DefaultLimit"/>.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    public Task<Page<TwinSummary>> GetTwinsPageAsync(
        bool? inSync = null, string? prefix = null, string? cursor = null, int? limit = null, CancellationToken cancellationToken = default) =>
        GetAsync("twins" + Query(("inSync", inSync is { } wanted ? (wanted ? "true" : "false") : null), ("prefix", prefix), ("cursor", cursor), ("limit", Text(limit))),
            ApiJson.Default.PageTwinSummary, cancellationToken);

    /// <summary>The fleet's twins, page after page.</summary>
    /// <param name="inSync">As for <see cref="GetTwinsPageAsync"/>.</param>
    /// <param name="prefix">Only devices whose id starts with this; null for all.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    public IAsyncEnumerable<TwinSummary> GetTwinsAsync(bool? inSync = null, string? prefix = null, CancellationToken cancellationToken = default) =>
        AllAsync(cursor => GetTwinsPageAsync(inSync, prefix, cursor, Page<TwinSummary>.MaximumLimit, cancellationToken), cancellationToken);

    /// <summary>Changes what is wanted of a device, by a JSON Merge Patch (RFC 7396): what it names is set, null removes, the rest stays.</summary>
    /// <param name="deviceId">The device; it need not be enrolled yet.</param>
    /// <param name="patch">An object.</param>
    /// <param name="ifVersion">The <see cref="TwinSummary.DesiredVersion"/> that the change was made for; null for whichever it is.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException">
    /// <see cref="ProblemCodes.DeviceNotFound"/>, <see cref="ProblemCodes.DeviceRevoked"/>, <see cref="ProblemCodes.TwinRefused"/>, <see cref="ProblemCodes.TwinChanged"/>.
    /// </exception>
    public Task<Twin> ChangeDesiredAsync(string deviceId, JsonElement patch, long? ifVersion = null, CancellationToken cancellationToken = default) =>
        ChangeDesiredAsync(HttpMethod.Patch, deviceId, patch, ifVersion, cancellationToken);

    /// <summary>Replaces the whole of what is wanted of a device.</summary>
    /// <param name="deviceId">As for <see cref="ChangeDesiredAsync(string, JsonElement, long?, CancellationToken)"/>.</param>
    /// <param name="document">An object.</param>
    /// <param name="ifVersion">The same.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException">The same.</exception>
    public Task<Twin> ReplaceDesiredAsync(string deviceId, JsonElement document, long? ifVersion = null, CancellationToken cancellationToken = default) =>
        ChangeDesiredAsync(HttpMethod.Put, deviceId, document, ifVersion, cancellationToken);

    /// <summary>Changes what is wanted of many devices, or counts them.</summary>
    /// <param name="request">Whom, and what.</param>
    /// <param name="cancellationToken">Ends the request; devices that were changed by then stay so.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.CountMismatch"/>, <see cref="ProblemCodes.TwinRefused"/>, <see cref="ProblemCodes.InvalidRequest"/>.</exception>
    public Task<TwinsChanged> ChangeTwinsAsync(ChangeTwinsRequest request, CancellationToken cancellationToken = default) =>
        PostAsync("twins/desired", Body(request, ApiJson.Default.ChangeTwinsRequest), ApiJson.Default.TwinsChanged, cancellationToken);

    private async Task<Twin> ChangeDesiredAsync(HttpMethod method, string deviceId, JsonElement body, long? ifVersion, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(method, $"{Root}devices/{Escape(deviceId)}/twin/desired")
        {
            Content = new StringContent(body.GetRawText(), Encoding.UTF8, method == HttpMethod.Patch ? MergePatch : "application/json"),
        };
        if (ifVersion is { } version) request.Headers.IfMatch.Add(new EntityTagHeaderValue(string.Create(CultureInfo.InvariantCulture, $"\"{version}\"")));
        return await AnswerAsync(request, ApiJson.Default.Twin, cancellationToken);
    }
}
