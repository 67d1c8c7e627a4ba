namespace IoTFleet.Api;

/// <summary>Authorities and their rotation.</summary>
public sealed partial class FleetClient
{
    /// <summary>All generations of all authorities.</summary>
    /// <param name="cancellationToken">Ends the request.</param>
    public async Task<IReadOnlyList<AuthoritySummary>> GetAuthoritiesAsync(CancellationToken cancellationToken = default) =>
        (await GetAsync("authorities", ApiJson.Default.PageAuthoritySummary, cancellationToken)).Items;

    /// <summary>Makes the next generation of an authority; nobody trusts it yet.</summary>
    /// <param name="purpose">root, devices, claims, servers or services.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.AuthorityState"/>, <see cref="ProblemCodes.AuthorityNotReady"/>.</exception>
    public Task<RotationAnswer> PrepareAuthorityAsync(string purpose, CancellationToken cancellationToken = default) =>
        PostAsync("authorities", Body(new PrepareAuthorityRequest { Purpose = purpose }, ApiJson.Default.PrepareAuthorityRequest), ApiJson.Default.RotationAnswer, cancellationToken);

    /// <summary>Takes a step of a rotation.</summary>
    /// <param name="id">The authority.</param>
    /// <param name="step">publish, activate, retire, taint or remove.</param>
    /// <param name="force">Take it although somebody would be shut out.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.AuthorityNotFound"/>, <see cref="ProblemCodes.AuthorityState"/>, <see cref="ProblemCodes.AuthorityNotReady"/>.</exception>
    public Task<RotationAnswer> RotateAuthorityAsync(string id, string step, bool force = false, CancellationToken cancellationToken = default) =>
        PostAsync($"authorities/{Escape(id)}/{Escape(step)}", Body(new RotationStepRequest { Force = force }, ApiJson.Default.RotationStepRequest), ApiJson.Default.RotationAnswer, cancellationToken);

    /// <summary>Takes in the revocation list of a root whose key is kept elsewhere.</summary>
    /// <param name="pem">As <c>iotfleet ca crl</c> writes it.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    /// <exception cref="ApiProblemException"><see cref="ProblemCodes.InvalidRequest"/>, <see cref="ProblemCodes.CrlNotNewer"/>, <see cref="ProblemCodes.AuthorityState"/>.</exception>
    public Task<InstalledCrl> InstallCrlAsync(string pem, CancellationToken cancellationToken = default) =>
        PostAsync("authorities/crl", Body(new InstallCrlRequest { Crl = pem }, ApiJson.Default.InstallCrlRequest), ApiJson.Default.InstalledCrl, cancellationToken);

    /// <summary>What a rotation would meet if it went on today; nothing is done.</summary>
    /// <param name="purpose">root, devices, claims, servers or services.</param>
    /// <param name="limit">Devices named at most for each step.</param>
    /// <param name="cancellationToken">Ends the request.</param>
    public Task<RotationDrill> DrillRotationAsync(string purpose, int? limit = null, CancellationToken cancellationToken = default) =>
        GetAsync("authorities/drill" + Query(("purpose", purpose), ("limit", Text(limit))), ApiJson.Default.RotationDrill, cancellationToken);
}
