using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace IoTFleet.Api;

/// <summary>
/// The REST API, typed. Every method throws <see cref="ApiProblemException"/> when the server refuses and
/// <see cref="ServerUnreachableException"/> when no answer comes. Safe for concurrent use.
/// </summary>
/// <param name="http">Its base address is the server's; its Authorization header holds the API key. Disposed with this client.</param>
public sealed partial class FleetClient(HttpClient http) : IDisposable
{
    private const string Root = "api/v1/";

    /// <summary>A client that believes one root only.</summary>
    /// <param name="server">The server's HTTPS address, such as <c>https://fleet.example:8443</c>.</param>
    /// <param name="apiKey">The operator's API key.</param>
    /// <param name="trust">The root to believe.</param>
    public FleetClient(Uri server, string apiKey, ServerTrust trust) : this(new HttpClient(trust.CreateHandler())
    {
        BaseAddress = server,
        DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Bearer", apiKey) },
    })
    {
    }

    /// <summary>The server's state at a glance.</summary>
    /// <param name="cancellationToken">Ends the request.</param>
    public Task<Overview> GetOverviewAsync(CancellationToken cancellationToken = default) =>
        GetAsync("overview", ApiJson.Default.Overview, cancellationToken);

    /// <summary>One page of devices, ordered by id.</summary>
    /// <param name="state">Only devices in this state, one of <see cref="DeviceStates"/>; null for all.</param>
    /// <param name="prefix">Only devices whose id starts with this; null for all.</param>
    /// <param name="cursor"><see cref="Page{T}.Next"/> of the page before; null for the first.</param>
    /// <param name="limit">Devices a page, 1 to <see cref="Page{T}.MaximumLimit"/>; null for <see cref="Page{T}.DefaultLimit"/>.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    public Task<Page<DeviceSummary>> GetDevicesPageAsync(
        string? state = null, string? prefix = null, string? cursor = null, int? limit = null, CancellationToken cancellationToken = default) =>
        GetAsync("devices" + Query(("state", state), ("prefix", prefix), ("cursor", cursor), ("limit", Text(limit))),
            ApiJson.Default.PageDeviceSummary, cancellationToken);

    /// <summary>Every device, page after page, ordered by id.</summary>
    /// <param name="state">Only devices in this state; null for all.</param>
    /// <param name="prefix">Only devices whose id starts with this; null for all.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    public IAsyncEnumerable<DeviceSummary> GetDevicesAsync(
        string? state = null, string? prefix = null, CancellationToken cancellationToken = default) =>
        AllAsync(cursor => GetDevicesPageAsync(state, prefix, cursor, Page<DeviceSummary>.MaximumLimit, cancellationToken), cancellationToken);

    /// <summary>One device with its certificates.</summary>
    /// <param name="id">The device.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.DeviceNotFound"/>.</exception>
    public Task<DeviceDetails> GetDeviceAsync(string id, CancellationToken cancellationToken = default) =>
        GetAsync($"devices/{Escape(id)}", ApiJson.Default.DeviceDetails, cancellationToken);

    /// <summary>Makes a device known before it enrols.</summary>
    /// <param name="request">Its id and name.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.DeviceExists"/>, <see cref="ProblemCodes.InvalidDeviceId"/>.</exception>
    public Task<DeviceSummary> RegisterDeviceAsync(RegisterDeviceRequest request, CancellationToken cancellationToken = default) =>
        PostAsync("devices", Body(request, ApiJson.Default.RegisterDeviceRequest), ApiJson.Default.DeviceSummary, cancellationToken);

    /// <summary>Refuses the device at the door until it is resumed, and closes its connection.</summary>
    /// <param name="id">The device.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.DeviceNotFound"/>, <see cref="ProblemCodes.DeviceRevoked"/>.</exception>
    public Task<DeviceSummary> SuspendDeviceAsync(string id, CancellationToken cancellationToken = default) =>
        PostAsync($"devices/{Escape(id)}/suspend", null, ApiJson.Default.DeviceSummary, cancellationToken);

    /// <summary>Lets a suspended device connect again.</summary>
    /// <param name="id">The device.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.DeviceNotFound"/>, <see cref="ProblemCodes.DeviceRevoked"/>.</exception>
    public Task<DeviceSummary> ResumeDeviceAsync(string id, CancellationToken cancellationToken = default) =>
        PostAsync($"devices/{Escape(id)}/resume", null, ApiJson.Default.DeviceSummary, cancellationToken);

    /// <summary>Revokes the device and all its certificates, for good, and closes its connection.</summary>
    /// <param name="id">The device.</param>
    /// <param name="reason">Why, a word as in <see cref="RevokeDeviceRequest.Reason"/>; optional.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.DeviceNotFound"/>, <see cref="ProblemCodes.InvalidRequest"/>.</exception>
    public Task<RevocationResult> RevokeDeviceAsync(string id, string? reason = null, CancellationToken cancellationToken = default) =>
        PostAsync($"devices/{Escape(id)}/revoke", Body(new RevokeDeviceRequest { Reason = reason }, ApiJson.Default.RevokeDeviceRequest),
            ApiJson.Default.RevocationResult, cancellationToken);

    /// <summary>Makes an enrolment token. Its secret is in this answer and nowhere else.</summary>
    /// <param name="request">Name, uses, lifetime, device.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    public Task<CreatedToken> CreateTokenAsync(CreateTokenRequest request, CancellationToken cancellationToken = default) =>
        PostAsync("tokens", Body(request, ApiJson.Default.CreateTokenRequest), ApiJson.Default.CreatedToken, cancellationToken);

    /// <summary>One page of enrolment tokens, newest first.</summary>
    /// <param name="cursor"><see cref="Page{T}.Next"/> of the page before; null for the first.</param>
    /// <param name="limit">Tokens a page, 1 to <see cref="Page{T}.MaximumLimit"/>; null for <see cref="Page{T}.DefaultLimit"/>.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    public Task<Page<TokenSummary>> GetTokensPageAsync(string? cursor = null, int? limit = null, CancellationToken cancellationToken = default) =>
        GetAsync("tokens" + Query(("cursor", cursor), ("limit", Text(limit))), ApiJson.Default.PageTokenSummary, cancellationToken);

    /// <summary>Every enrolment token, newest first.</summary>
    /// <param name="cancellationToken">Ends the reading.</param>
    public IAsyncEnumerable<TokenSummary> GetTokensAsync(CancellationToken cancellationToken = default) =>
        AllAsync(cursor => GetTokensPageAsync(cursor, Page<TokenSummary>.MaximumLimit, cancellationToken), cancellationToken);

    /// <summary>Revokes an enrolment token; what it enrolled stays enrolled.</summary>
    /// <param name="id">The token's id.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.TokenNotFound"/>.</exception>
    public async Task RevokeTokenAsync(string id, CancellationToken cancellationToken = default)
    {
        using var request = new HttpRequestMessage(HttpMethod.Delete, Root + $"tokens/{Escape(id)}");
        using var response = await SendAsync(request, cancellationToken);
    }

    /// <summary>Every service, ordered by name.</summary>
    /// <param name="cancellationToken">Ends the request.</param>
    public async Task<IReadOnlyList<ServiceSummary>> GetServicesAsync(CancellationToken cancellationToken = default) =>
        (await GetAsync("services", ApiJson.Default.PageServiceSummary, cancellationToken)).Items;

    /// <summary>One service with its certificates.</summary>
    /// <param name="name">The service.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.ServiceNotFound"/>.</exception>
    public Task<ServiceDetails> GetServiceAsync(string name, CancellationToken cancellationToken = default) =>
        GetAsync($"services/{Escape(name)}", ApiJson.Default.ServiceDetails, cancellationToken);

    /// <summary>Makes a service known, with its topic rights; it can connect once it has a certificate.</summary>
    /// <param name="request">Its name and rules.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.ServiceExists"/>, <see cref="ProblemCodes.InvalidRequest"/>.</exception>
    public Task<ServiceSummary> CreateServiceAsync(CreateServiceRequest request, CancellationToken cancellationToken = default) =>
        PostAsync("services", Body(request, ApiJson.Default.CreateServiceRequest), ApiJson.Default.ServiceSummary, cancellationToken);

    /// <summary>Issues a certificate to a service, for a key that the caller made.</summary>
    /// <param name="name">The service.</param>
    /// <param name="requestPem">The signing request, as in <see cref="IssueCertificateRequest.Request"/>.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.ServiceNotFound"/>, <see cref="ProblemCodes.ServiceRevoked"/>, <see cref="ProblemCodes.KeyInUse"/>.</exception>
    public Task<IssuedServiceCertificate> IssueServiceCertificateAsync(string name, string requestPem, CancellationToken cancellationToken = default) =>
        PostAsync($"services/{Escape(name)}/certificates", Body(new IssueCertificateRequest { Request = requestPem }, ApiJson.Default.IssueCertificateRequest),
            ApiJson.Default.IssuedServiceCertificate, cancellationToken);

    /// <summary>Revokes the service and all its certificates, for good, and closes its connections.</summary>
    /// <param name="name">The service.</param>
    /// <param name="reason">Why, a word as in <see cref="RevokeDeviceRequest.Reason"/>; optional.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.ServiceNotFound"/>, <see cref="ProblemCodes.InvalidRequest"/>.</exception>
    public Task<ServiceRevocation> RevokeServiceAsync(string name, string? reason = null, CancellationToken cancellationToken = default) =>
        PostAsync($"services/{Escape(name)}/revoke", Body(new RevokeServiceRequest { Reason = reason }, ApiJson.Default.RevokeServiceRequest),
            ApiJson.Default.ServiceRevocation, cancellationToken);

    /// <summary>The device's latest telemetry.</summary>
    /// <param name="deviceId">The device.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.DeviceNotFound"/>, <see cref="ProblemCodes.TelemetryNotFound"/>.</exception>
    public Task<TelemetryRecord> GetLatestTelemetryAsync(string deviceId, CancellationToken cancellationToken = default) =>
        GetAsync($"telemetry/{Escape(deviceId)}/latest", ApiJson.Default.TelemetryRecord, cancellationToken);

    /// <summary>One page of a device's telemetry, oldest first.</summary>
    /// <param name="deviceId">The device.</param>
    /// <param name="from">From this <see cref="TelemetryRecord.Time"/> on, inclusive; null from the beginning.</param>
    /// <param name="to">Up to this time, exclusive; null to the end.</param>
    /// <param name="cursor"><see cref="Page{T}.Next"/> of the page before; null for the first.</param>
    /// <param name="limit">Records a page, 1 to <see cref="Page{T}.MaximumLimit"/>; null for <see cref="Page{T}.DefaultLimit"/>.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.DeviceNotFound"/>.</exception>
    public Task<Page<TelemetryRecord>> GetTelemetryPageAsync(
        string deviceId, DateTimeOffset? from = null, DateTimeOffset? to = null, string? cursor = null, int? limit = null,
        CancellationToken cancellationToken = default) =>
        GetAsync($"telemetry/{Escape(deviceId)}" + Query(("from", Text(from)), ("to", Text(to)), ("cursor", cursor), ("limit", Text(limit))),
            ApiJson.Default.PageTelemetryRecord, cancellationToken);

    /// <summary>A device's telemetry, page after page, oldest first.</summary>
    /// <param name="deviceId">The device.</param>
    /// <param name="from">From this time on, inclusive; null from the beginning.</param>
    /// <param name="to">Up to this time, exclusive; null to the end.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.DeviceNotFound"/>.</exception>
    public IAsyncEnumerable<TelemetryRecord> GetTelemetryAsync(
        string deviceId, DateTimeOffset? from = null, DateTimeOffset? to = null, CancellationToken cancellationToken = default) =>
        AllAsync(
            cursor => GetTelemetryPageAsync(deviceId, from, to, cursor, Page<TelemetryRecord>.MaximumLimit, cancellationToken), cancellationToken);

    /// <summary>Closes the connections.</summary>
    public void Dispose() => http.Dispose();

    private static async IAsyncEnumerable<T> AllAsync<T>(
        Func<string?, Task<Page<T>>> read, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        string? cursor = null;
        do
        {
            cancellationToken.ThrowIfCancellationRequested();
            var page = await read(cursor);
            foreach (var item in page.Items) yield return item;
            cursor = page.Next;
        }
        while (cursor is not null);
    }

    private async Task<T> GetAsync<T>(string path, JsonTypeInfo<T> answer, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, Root + path);
        return await AnswerAsync(request, answer, cancellationToken);
    }

    private async Task<T> PostAsync<T>(string path, HttpContent? body, JsonTypeInfo<T> answer, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, Root + path) { Content = body };
        return await AnswerAsync(request, answer, cancellationToken);
    }

    private async Task<T> AnswerAsync<T>(HttpRequestMessage request, JsonTypeInfo<T> answer, CancellationToken cancellationToken)
    {
        using var response = await SendAsync(request, cancellationToken);
        try
        {
            return await response.Content.ReadFromJsonAsync(answer, cancellationToken)
                ?? throw new JsonException("The answer is null.");
        }
        catch (JsonException e) // something else than our server answered, or one of another version
        {
            throw new ApiProblemException(
                response.StatusCode, "unexpected-answer", $"{Target(request)} answered with something else than {typeof(T).Name}: {e.Message}");
        }
    }

    private async Task<HttpResponseMessage> SendAsync(
        HttpRequestMessage request, CancellationToken cancellationToken, HttpCompletionOption completion = HttpCompletionOption.ResponseContentRead)
    {
        HttpResponseMessage response;
        try { response = await http.SendAsync(request, completion, cancellationToken); }
        catch (Exception e) when (Unreachable.Is(e, cancellationToken)) { throw Unreachable.From(http.BaseAddress!, e); }
        if (response.IsSuccessStatusCode) return response;
        using (response) throw await ProblemAsync(request, response, cancellationToken);
    }

    private async Task<ApiProblemException> ProblemAsync(
        HttpRequestMessage request, HttpResponseMessage response, CancellationToken cancellationToken)
    {
        var problem = response.Content.Headers.ContentType?.MediaType == ApiProblem.MediaType
            ? await ReadProblemAsync(response.Content, cancellationToken)
            : null;
        if (problem is not null) return new ApiProblemException(response.StatusCode, problem.Code, problem.Detail ?? problem.Title);
        if (response.StatusCode == HttpStatusCode.Unauthorized)
            return new ApiProblemException(response.StatusCode, ProblemCodes.Unauthorized, "The API key is missing, unknown or revoked.");
        var status = (int)response.StatusCode;
        return new ApiProblemException(response.StatusCode, $"http-{status}", $"{Target(request)} answered {status} without saying why.");
    }

    private static async Task<ApiProblem?> ReadProblemAsync(HttpContent content, CancellationToken cancellationToken)
    {
        try { return await content.ReadFromJsonAsync(ApiJson.Default.ApiProblem, cancellationToken); }
        catch (JsonException) { return null; } // a proxy's problem+json without our code
    }

    private string Target(HttpRequestMessage request) =>
        $"{request.Method} {new Uri(http.BaseAddress!, request.RequestUri!).GetLeftPart(UriPartial.Path)}";

    private static JsonContent Body<T>(T value, JsonTypeInfo<T> type) => JsonContent.Create(value, type);

    private static string Query(params ReadOnlySpan<(string Name, string? Value)> parameters)
    {
        var query = "";
        foreach (var (name, value) in parameters)
        {
            if (value is not null) query += $"{(query.Length == 0 ? '?' : '&')}{name}={Uri.EscapeDataString(value)}";
        }
        return query;
    }

    private static string Escape(string segment) => Uri.EscapeDataString(segment);

    private static string? Text(int? value) => value?.ToString(CultureInfo.InvariantCulture);

    private static string? Text(DateTimeOffset? value) => value?.ToUniversalTime().ToString("O", CultureInfo.InvariantCulture);
}
