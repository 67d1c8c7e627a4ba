using System.Globalization;

namespace IoTFleet.Api;

public sealed partial class FleetClient
{
    /// <summary>The latest refusals: who was turned away, where, why.</summary>
    /// <param name="device">Only this device's; null for all.</param>
    /// <param name="reason">Only for this reason; null for all.</param>
    /// <param name="after">Only those after this <see cref="Refusal.Id"/>; null for all.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    public Task<RefusalList> GetRefusalsAsync(string? device = null, string? reason = null, long? after = null, CancellationToken cancellationToken = default) =>
        GetAsync("refusals" + Query(("device", device), ("reason", reason), ("after", after?.ToString(CultureInfo.InvariantCulture))), ApiJson.Default.RefusalList, cancellationToken);

    /// <summary>When certificates end, and who would be the first to go if the authority stopped now.</summary>
    /// <param name="cancellationToken">Ends the request.</param>
    public Task<CertificateForecast> GetForecastAsync(CancellationToken cancellationToken = default) =>
        GetAsync("certificates/forecast", ApiJson.Default.CertificateForecast, cancellationToken);

    /// <summary>Asks devices for a new certificate before the present one's time.</summary>
    /// <param name="request">Which.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    public Task<RenewalsRequested> RequestRenewalsAsync(RequestRenewalsRequest request, CancellationToken cancellationToken = default) =>
        PostAsync("certificates/renewals", Body(request, ApiJson.Default.RequestRenewalsRequest), ApiJson.Default.RenewalsRequested, cancellationToken);
}
