using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Device.Identity;
using IoTFleet.Device.Link;
using IoTFleet.Device.Renewal;

namespace IoTFleet.Device.Enrolment;

/// <summary>
/// Gets a device its identity: the one in its key store, or a new one from the server.
/// <code>
/// key store -> a certificate in time? -> else renew what is there: the server may grant days of grace -> else enrol:
/// key -> root: of the trust anchors, or cacerts (server not proved) whose fingerprint matches -> NEW connection, proved by that root
///           -> signing request + token or certificate -> certificate -> key store
/// </code>
/// </summary>
internal sealed class Enroller(DeviceOptions options, DeviceTrust trust, Action<DeviceState> enter)
{
    private readonly EstClient _est = new(options, trust.Time);
    private readonly FleetEnrolment _fleet = new(options);
    private readonly Reconnect _backoff = new(options.BackoffMin, options.BackoffMax, Random.Shared.NextDouble);

    public async Task<IdentitySlots> IdentifyAsync(CancellationToken cancellation)
    {
        // The key is in the store before any token is spent: after a power cut the retry is for the same key, which the server answers
        // with the same certificate.
        using var key = await options.KeyStore.OpenKeyAsync(cancellation);
        var stored = await LoadAsync(key, cancellation);
        if (stored is not null)
        {
            trust.AnchorAt(stored.Current.TrustAnchors);
            if (InTime(stored.ForConnection()) || InTime(stored.Current) || await RenewInGraceAsync(stored, cancellation))
                return stored;
            stored.Dispose();
        }
        else
        {
            await trust.ForgetAsync(cancellation);
        }

        await options.KeyStore.DiscardNextAsync(cancellation);
        var (enrolled, bundle) = await EnrolAsync(key, stored?.Current.TrustAnchors, cancellation);
        var fresh = DeviceIdentity.Create(key, enrolled, trust, options);
        await options.KeyStore.SaveAsync(enrolled, cancellation);
        trust.AnchorAt(enrolled.TrustAnchors);
        if (bundle is { } given)
            await trust.TryTakeAsync(given, fresh.Fleet, cancellation);
        return new IdentitySlots(options.KeyStore, fresh, next: null, trust.Tell);
    }

    private bool InTime(DeviceIdentity identity) => identity.ExpiresAt > trust.Time.Now;

    private async Task<IdentitySlots?> LoadAsync(ECDsa key, CancellationToken cancellation)
    {
        if (await options.KeyStore.LoadAsync(cancellation) is not { } stored)
            return null;
        var current = DeviceIdentity.Create(key, stored, trust, options);
        if (await options.KeyStore.LoadNextAsync(cancellation) is not { } renewed)
            return new IdentitySlots(options.KeyStore, current, next: null, trust.Tell);
        using var nextKey = await options.KeyStore.OpenNextKeyAsync(cancellation);
        return new IdentitySlots(options.KeyStore, current, DeviceIdentity.Create(nextKey, renewed, trust, options), trust.Tell);
    }

    /// <summary>A device that slept too long. Until the server has answered, it is not known whether the token is needed.</summary>
    private async Task<bool> RenewInGraceAsync(IdentitySlots slots, CancellationToken cancellation)
    {
        var renewer = new Renewer(options, slots, trust, reconnect: () => { }, Random.Shared.NextDouble);
        while (true)
        {
            enter(new DeviceState.Enrolling());
            switch (await renewer.RenewAsync(cancellation))
            {
                case RenewalAnswer.Renewed:
                    return true;
                case RenewalAnswer.Later later when !HasCredential:
                    await WaitAsync(new EnrolmentAnswer.Later(later.Reason, later.After), cancellation);
                    break;
                default:
                    return false;
            }
        }
    }

    // A group may let a device in that has nothing but its name, when an operator approves.
    private bool HasCredential => options.EnrolmentToken is not null || options.EnrolmentCertificate is not null || options.EnrolmentGroup is not null;

    private async Task<Enrolled> EnrolAsync(ECDsa key, IReadOnlyList<ReadOnlyMemory<byte>>? anchors, CancellationToken cancellation)
    {
        if (!HasCredential)
        {
            throw new DeviceException(
                DeviceError.OptionsNotValid,
                $"Device {options.DeviceId} has no valid certificate and no {nameof(DeviceOptions.EnrolmentToken)} or {nameof(DeviceOptions.EnrolmentCertificate)}; create a token at the server.");
        }

        // One request for all attempts: if an answer is lost, the same request gets the same certificate and costs nothing.
        var request = new CertificateRequest($"CN={options.DeviceId}", key, HashAlgorithmName.SHA256).CreateSigningRequest();
        var own = options.EnrolmentCertificate?.Open();
        while (true)
        {
            enter(new DeviceState.Enrolling());
            var (enrolled, later) = await TryEnrolAsync(key, anchors, request, own, cancellation);
            if (enrolled is not null)
                return enrolled;
            await WaitAsync(later!, cancellation);
        }
    }

    private async Task<(Enrolled? Enrolled, EnrolmentAnswer.Later? Later)> TryEnrolAsync(
        ECDsa key, IReadOnlyList<ReadOnlyMemory<byte>>? anchors, byte[] request, SslStreamCertificateContext? own, CancellationToken cancellation)
    {
        try
        {
            // Who holds a trust bundle knows whom to believe, perhaps better than the fingerprint: its root may have been followed by another.
            var known = trust.Version is null ? null : anchors;
            var roots = known ?? await FindRootsAsync(cancellation);
            var believed = known is null ? PinnedTrust.In(roots, trust.Time) : trust.Pinned;
            var answer = options.EnrolmentProtocol == EnrolmentProtocol.Est
                ? await _est.EnrolAsync(request, own, believed, cancellation)
                : await _fleet.EnrolAsync(request, own, believed, cancellation);
            return answer is EnrolmentAnswer.Issued issued
                ? (new Enrolled(new EnrolledCertificate(FindOwn(issued.Certificates, key), roots), issued.TrustBundle), null)
                : (null, (EnrolmentAnswer.Later)answer);
        }
        catch (HttpRequestException error)                     // no network yet, or a server that restarts: both pass
        {
            return (null, new EnrolmentAnswer.Later($"{options.Server.Authority} cannot be reached: {error.Message}", null));
        }
    }

    private async Task<IReadOnlyList<ReadOnlyMemory<byte>>> FindRootsAsync(CancellationToken cancellation) =>
        trust.Pin.Anchors.Count > 0 ? trust.Pin.Anchors : [FindRoot(await _est.FetchUnprovedCertificatesAsync(cancellation))];

    private async Task WaitAsync(EnrolmentAnswer.Later later, CancellationToken cancellation)
    {
        var wait = _backoff.Next();
        if (later.After is { } after && _backoff.Asked(after) is var asked && asked > wait)
            wait = asked;
        enter(new DeviceState.Waiting(later.Reason, options.Clock.GetUtcNow() + wait));
        await Task.Delay(wait, options.Clock, cancellation);
    }

    private ReadOnlyMemory<byte> FindRoot(X509Certificate2Collection offered) =>
        offered.FirstOrDefault(c => trust.Pin.Covers(c.RawData))?.RawDataMemory ?? throw new DeviceException(
            DeviceError.ServerNotTrusted,
            $"None of the {offered.Count} certificates from {options.Server.Authority} has the pinned fingerprint {options.PinnedFingerprint}: "
            + "another server answers there, or its CA was made anew.");

    private ReadOnlyMemory<byte> FindOwn(X509Certificate2Collection issued, ECDsa key)
    {
        var mine = key.ExportSubjectPublicKeyInfo();
        var leaf = issued.FirstOrDefault(c => c.PublicKey.ExportSubjectPublicKeyInfo().AsSpan().SequenceEqual(mine));
        return leaf?.RawDataMemory ?? throw new DeviceException(
            DeviceError.EnrolmentRefused, $"{options.Server.Authority} issued no certificate for the key of {options.DeviceId}.");
    }

    private sealed record Enrolled(EnrolledCertificate Certificate, ReadOnlyMemory<byte>? TrustBundle);
}
