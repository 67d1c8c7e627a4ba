namespace IoTFleet.Api;

public sealed partial class FleetClient
{
    /// <summary>Every rule, ordered by name.</summary>
    /// <param name="cancellationToken">Ends the request.</param>
    public async Task<IReadOnlyList<RuleDetails>> GetRulesAsync(CancellationToken cancellationToken = default) =>
        (await GetAsync("rules", ApiJson.Default.PageRuleDetails, cancellationToken)).Items;

    /// <summary>One rule.</summary>
    /// <param name="id">Its name.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.RuleNotFound"/>.</exception>
    public Task<RuleDetails> GetRuleAsync(string id, CancellationToken cancellationToken = default) =>
        GetAsync($"rules/{Escape(id)}", ApiJson.Default.RuleDetails, cancellationToken);

    /// <summary>Makes a rule. It judges the newest values at once.</summary>
    /// <param name="request">Its name and settings.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.RuleExists"/>, <see cref="ProblemCodes.InvalidRequest"/>.</exception>
    public Task<RuleDetails> CreateRuleAsync(CreateRuleRequest request, CancellationToken cancellationToken = default) =>
        PostAsync("rules", Body(request, ApiJson.Default.CreateRuleRequest), ApiJson.Default.RuleDetails, cancellationToken);

    /// <summary>Replaces a rule's settings.</summary>
    /// <param name="id">Its name.</param>
    /// <param name="settings">All of them.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.RuleNotFound"/>, <see cref="ProblemCodes.InvalidRequest"/>.</exception>
    public async Task<RuleDetails> ChangeRuleAsync(string id, RuleSettings settings, CancellationToken cancellationToken = default)
    {
        using var request = new HttpRequestMessage(HttpMethod.Put, Root + $"rules/{Escape(id)}") { Content = Body(settings, ApiJson.Default.RuleSettings) };
        return await AnswerAsync(request, ApiJson.Default.RuleDetails, cancellationToken);
    }

    /// <summary>Deletes a rule and closes its alerts.</summary>
    /// <param name="id">Its name.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.RuleNotFound"/>.</exception>
    public async Task DeleteRuleAsync(string id, CancellationToken cancellationToken = default)
    {
        using var request = new HttpRequestMessage(HttpMethod.Delete, Root + $"rules/{Escape(id)}");
        using var response = await SendAsync(request, cancellationToken);
    }

    /// <summary>One page of alerts, newest first.</summary>
    /// <param name="state">Only <c>open</c>, <c>acknowledged</c> or <c>closed</c> ones; null for all.</param>
    /// <param name="rule">Only of this rule; null for all.</param>
    /// <param name="device">Only of this device; null for all.</param>
    /// <param name="cursor"><see cref="Page{T}.Next"/> of the page before; null for the first.</param>
    /// <param name="limit">Alerts a page, 1 to <see cref="Page{T}.MaximumLimit"/>; null for <see cref="Page{T}.DefaultLimit"/>.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    public Task<Page<AlertDetails>> GetAlertsPageAsync(
        string? state = null, string? rule = null, string? device = null, string? cursor = null, int? limit = null, CancellationToken cancellationToken = default) =>
        GetAsync("alerts" + Query(("state", state), ("rule", rule), ("device", device), ("cursor", cursor), ("limit", Text(limit))), ApiJson.Default.PageAlertDetails, cancellationToken);

    /// <summary>One alert.</summary>
    /// <param name="id">Its id.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.AlertNotFound"/>.</exception>
    public Task<AlertDetails> GetAlertAsync(string id, CancellationToken cancellationToken = default) =>
        GetAsync($"alerts/{Escape(id)}", ApiJson.Default.AlertDetails, cancellationToken);

    /// <summary>Says that somebody has seen the alert; it closes by itself.</summary>
    /// <param name="id">Its id.</param>
    /// <param name="note">What there is to say.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.AlertNotFound"/>, <see cref="ProblemCodes.AlertClosed"/>.</exception>
    public Task<AlertDetails> AcknowledgeAlertAsync(string id, string? note = null, CancellationToken cancellationToken = default) =>
        PostAsync($"alerts/{Escape(id)}/acknowledge", Body(new AlertNote { Note = note }, ApiJson.Default.AlertNote), ApiJson.Default.AlertDetails, cancellationToken);

    /// <summary>Closes the alert by hand; if it is still so, another opens.</summary>
    /// <param name="id">Its id.</param>
    /// <param name="note">What there is to say.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.AlertNotFound"/>.</exception>
    public Task<AlertDetails> CloseAlertAsync(string id, string? note = null, CancellationToken cancellationToken = default) =>
        PostAsync($"alerts/{Escape(id)}/close", Body(new AlertNote { Note = note }, ApiJson.Default.AlertNote), ApiJson.Default.AlertDetails, cancellationToken);

    /// <summary>Every webhook, ordered by name.</summary>
    /// <param name="cancellationToken">Ends the request.</param>
    public async Task<IReadOnlyList<WebhookDetails>> GetWebhooksAsync(CancellationToken cancellationToken = default) =>
        (await GetAsync("webhooks", ApiJson.Default.PageWebhookDetails, cancellationToken)).Items;

    /// <summary>Makes a webhook. Its secret is in this answer and nowhere else.</summary>
    /// <param name="request">Its name and address.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.WebhookExists"/>, <see cref="ProblemCodes.InvalidRequest"/>.</exception>
    public Task<CreatedWebhook> CreateWebhookAsync(CreateWebhookRequest request, CancellationToken cancellationToken = default) =>
        PostAsync("webhooks", Body(request, ApiJson.Default.CreateWebhookRequest), ApiJson.Default.CreatedWebhook, cancellationToken);

    /// <summary>Deletes a webhook with what waits for it.</summary>
    /// <param name="id">Its name.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.WebhookNotFound"/>.</exception>
    public async Task DeleteWebhookAsync(string id, CancellationToken cancellationToken = default)
    {
        using var request = new HttpRequestMessage(HttpMethod.Delete, Root + $"webhooks/{Escape(id)}");
        using var response = await SendAsync(request, cancellationToken);
    }

    /// <summary>Makes a new secret; it is in this answer and nowhere else. The old one signs, too, for as long as is asked.</summary>
    /// <param name="id">Its name.</param>
    /// <param name="request">For how long the old secret is kept.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.WebhookNotFound"/>, <see cref="ProblemCodes.WebhookRotating"/>, <see cref="ProblemCodes.InvalidRequest"/>.</exception>
    public Task<CreatedWebhook> RotateWebhookAsync(string id, RotateWebhookRequest request, CancellationToken cancellationToken = default) =>
        PostAsync($"webhooks/{Escape(id)}/rotate", Body(request, ApiJson.Default.RotateWebhookRequest), ApiJson.Default.CreatedWebhook, cancellationToken);

    /// <summary>Has the old secret of a rotation sign no more.</summary>
    /// <param name="id">Its name.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.WebhookNotFound"/>.</exception>
    public Task<WebhookDetails> RetireWebhookSecretAsync(string id, CancellationToken cancellationToken = default) =>
        PostAsync($"webhooks/{Escape(id)}/retire", null, ApiJson.Default.WebhookDetails, cancellationToken);

    /// <summary>Sends a signed sample to a webhook, once and at once.</summary>
    /// <param name="id">Its name.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.WebhookNotFound"/>.</exception>
    public Task<WebhookTest> TestWebhookAsync(string id, CancellationToken cancellationToken = default) =>
        PostAsync($"webhooks/{Escape(id)}/test", null, ApiJson.Default.WebhookTest, cancellationToken);

    /// <summary>One page of deliveries, newest first.</summary>
    /// <param name="webhook">Only to this one; null for all.</param>
    /// <param name="state">Only <c>waiting</c>, <c>delivered</c> or <c>dead</c> ones; null for all.</param>
    /// <param name="alert">Only of this alert; null for all.</param>
    /// <param name="cursor"><see cref="Page{T}.Next"/> of the page before; null for the first.</param>
    /// <param name="limit">Deliveries a page, 1 to <see cref="Page{T}.MaximumLimit"/>; null for <see cref="Page{T}.DefaultLimit"/>.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    public Task<Page<DeliveryDetails>> GetDeliveriesPageAsync(
        string? webhook = null, string? state = null, string? alert = null, string? cursor = null, int? limit = null, CancellationToken cancellationToken = default) =>
        GetAsync("webhooks/deliveries" + Query(("webhook", webhook), ("state", state), ("alert", alert), ("cursor", cursor), ("limit", Text(limit))),
            ApiJson.Default.PageDeliveryDetails, cancellationToken);

    /// <summary>Sends a delivery once more.</summary>
    /// <param name="id">Its id.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.DeliveryNotFound"/>.</exception>
    public Task<DeliveryDetails> ReplayDeliveryAsync(string id, CancellationToken cancellationToken = default) =>
        PostAsync($"webhooks/deliveries/{Escape(id)}/replay", null, ApiJson.Default.DeliveryDetails, cancellationToken);
}
