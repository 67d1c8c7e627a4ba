using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Api;
using IoTFleet.Device.Identity;

namespace IoTFleet.Simulator;

/// <summary>
/// Gives each device what it needs to start: a key store, and a token when the store holds no certificate that the server still takes.
/// One group token serves all newcomers; a device that enrolled before, but whose key is gone or replaced, gets a token of its own.
/// </summary>
internal sealed class Enrolment(FleetClient fleet, ServerTrust trust, Scenario scenario, TimeProvider clock)
{
    private const long TokenSeconds = 3600;
    private const int ChecksAtOnce = 16;
    private readonly ConcurrentDictionary<string, IKeyStore> _stores = [];
    private readonly ConcurrentDictionary<string, bool> _enrolled = [];
    private readonly Dictionary<string, string> _known = [];
    private CreatedToken? _groupToken;

    /// <summary>How many devices hold a certificate already.</summary>
    public int Enrolled => _enrolled.Count;

    /// <summary>Looks at the key stores and at the server's list, and makes the group token.</summary>
    /// <returns>The devices that can start, and those that an operator has shut out with their state.</returns>
    public async Task<(IReadOnlyList<string> Welcome, IReadOnlyList<(string Id, string State)> ShutOut)> PrepareAsync(
        IReadOnlyList<string> ids, CancellationToken cancellationToken)
    {
        await foreach (var device in fleet.GetDevicesAsync(cancellationToken: cancellationToken)) _known[device.Id] = device.State;
        var shutOut = ids.Where(id => StateOf(id) is DeviceStates.Suspended or DeviceStates.Revoked).Select(id => (id, StateOf(id)!)).ToList();
        var welcome = ids.Except(shutOut.Select(device => device.id)).ToList();
        var checks = new ParallelOptions { MaxDegreeOfParallelism = ChecksAtOnce, CancellationToken = cancellationToken };
        await Parallel.ForEachAsync(welcome, checks, OpenStoreAsync);
        var newcomers = welcome.Count(id => !_enrolled.ContainsKey(id) && !HasEnrolledBefore(id));
        if (newcomers > 0) _groupToken = await CreateTokenAsync("simulator", newcomers, null, cancellationToken);
        return (welcome, shutOut);
    }

    public IKeyStore StoreOf(string id) => _stores[id];

    /// <summary>The secret this device enrols with; null when it has its certificate.</summary>
    public async Task<string?> TokenForAsync(string id, CancellationToken cancellationToken)
    {
        if (_enrolled.ContainsKey(id)) return null;
        if (!HasEnrolledBefore(id)) return _groupToken!.Secret;
        return (await CreateTokenAsync($"simulator: {id} again", 1, id, cancellationToken)).Secret;
    }

    /// <summary>Takes the group token back once everybody is in.</summary>
    public Task FinishAsync(CancellationToken cancellationToken) =>
        _groupToken is null ? Task.CompletedTask : fleet.RevokeTokenAsync(_groupToken.Id, cancellationToken);

    private async ValueTask OpenStoreAsync(string id, CancellationToken cancellationToken)
    {
        if (scenario.Fresh)
        {
            _stores[id] = new MemoryKeyStore();
            return;
        }
        var folder = Path.Combine(scenario.DataFolder, "devices", id);
        _stores[id] = new FileKeyStore(folder);
        if (await _stores[id].LoadAsync(cancellationToken) is not { } enrolled) return;
        if (await IsGoodAsync(id, enrolled, cancellationToken)) _enrolled[id] = true;
        else Directory.Delete(folder, recursive: true);
    }

    private async Task<bool> IsGoodAsync(string id, EnrolledCertificate enrolled, CancellationToken cancellationToken)
    {
        var isOfThisFleet = enrolled.TrustAnchors.Any(root => Convert.ToHexStringLower(SHA256.HashData(root.Span)) == trust.RootFingerprint);
        if (!isOfThisFleet || !HasEnrolledBefore(id)) return false;
        using var certificate = X509CertificateLoader.LoadCertificate(enrolled.Certificate.Span);
        var device = await fleet.GetDeviceAsync(id, cancellationToken);
        return device.Certificates.Any(known => known.RevokedAt is null && known.NotAfter > clock.GetUtcNow()
            && known.Serial.Equals(certificate.SerialNumber, StringComparison.OrdinalIgnoreCase));
    }

    private string? StateOf(string id) => _known.GetValueOrDefault(id);

    private bool HasEnrolledBefore(string id) => StateOf(id) == DeviceStates.Active;

    private Task<CreatedToken> CreateTokenAsync(string name, int uses, string? deviceId, CancellationToken cancellationToken) =>
        fleet.CreateTokenAsync(
            new CreateTokenRequest { Name = name, MaxUses = uses, ExpiresInSeconds = TokenSeconds, DeviceId = deviceId }, cancellationToken);
}
