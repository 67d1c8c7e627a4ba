using System.Globalization;

namespace IoTFleet.Api;

public sealed partial class FleetClient
{
    /// <summary>Sends a command to a device.</summary>
    /// <param name="deviceId">The device.</param>
    /// <param name="request">The command's name and payload.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.DeviceNotFound"/>, <see cref="ProblemCodes.DeviceNotActive"/>, <see cref="ProblemCodes.TooManyCommands"/>.</exception>
    public Task<CommandReceipt> SendCommandAsync(string deviceId, SendCommandRequest request, CancellationToken cancellationToken = default) =>
        SendCommandAsync(deviceId, request, TimeSpan.Zero, cancellationToken);

    /// <summary>Sends a command to a device and waits for its end.</summary>
    /// <param name="deviceId">The device.</param>
    /// <param name="request">The command's name and payload.</param>
    /// <param name="wait">For so long, in whole seconds, at most five minutes and ten seconds less than the HTTP client's own timeout; the command goes on when that is over.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.DeviceNotFound"/>, <see cref="ProblemCodes.DeviceNotActive"/>, <see cref="ProblemCodes.TooManyCommands"/>.</exception>
    public Task<CommandReceipt> SendCommandAsync(string deviceId, SendCommandRequest request, TimeSpan wait, CancellationToken cancellationToken = default) =>
        PostAsync($"devices/{Escape(deviceId)}/commands" + Query(("wait", Seconds(wait))), Body(request, ApiJson.Default.SendCommandRequest), ApiJson.Default.CommandReceipt, cancellationToken);

    /// <summary>One page of a device's commands, newest first, without what was said.</summary>
    /// <param name="deviceId">The device.</param>
    /// <param name="state">Only those in this state, one of <see cref="CommandStates"/>; null for all.</param>
    /// <param name="cursor"><see cref="Page{T}.Next"/> of the page before; null for the first.</param>
    /// <param name="limit">Commands a page, 1 to <see cref="Page{T}.MaximumLimit"/>; null for <see cref="Page{T}.DefaultLimit"/>.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    public Task<Page<CommandDetails>> GetCommandsPageAsync(
        string deviceId, string? state = null, string? cursor = null, int? limit = null, CancellationToken cancellationToken = default) =>
        GetAsync($"devices/{Escape(deviceId)}/commands" + Query(("state", state), ("cursor", cursor), ("limit", Text(limit))), ApiJson.Default.PageCommandDetails, cancellationToken);

    /// <summary>One command, with what was said.</summary>
    /// <param name="deviceId">The device.</param>
    /// <param name="id">The command.</param>
    /// <param name="wait">Waits so long for its end, as when it is sent.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.CommandNotFound"/>.</exception>
    public Task<CommandDetails> GetCommandAsync(string deviceId, string id, TimeSpan wait = default, CancellationToken cancellationToken = default) =>
        GetAsync($"devices/{Escape(deviceId)}/commands/{Escape(id)}" + Query(("wait", Seconds(wait))), ApiJson.Default.CommandDetails, cancellationToken);

    /// <summary>Ends a command that nobody has answered. A device that has it already is not told.</summary>
    /// <param name="deviceId">The device.</param>
    /// <param name="id">The command.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.CommandNotFound"/>, <see cref="ProblemCodes.CommandOver"/>.</exception>
    public async Task<CommandDetails> CancelCommandAsync(string deviceId, string id, CancellationToken cancellationToken = default)
    {
        using var request = new HttpRequestMessage(HttpMethod.Delete, $"{Root}devices/{Escape(deviceId)}/commands/{Escape(id)}");
        return await AnswerAsync(request, ApiJson.Default.CommandDetails, cancellationToken);
    }

    /// <summary>An answer that comes when the request is given up already helps nobody.</summary>
    private string? Seconds(TimeSpan wait)
    {
        if (wait <= TimeSpan.Zero) return null;
        var most = http.Timeout > TimeSpan.Zero ? Math.Max(1, http.Timeout.TotalSeconds - 10) : double.MaxValue;
        return Math.Min(Math.Ceiling(wait.TotalSeconds), Math.Floor(most)).ToString("0", CultureInfo.InvariantCulture);
    }
}
