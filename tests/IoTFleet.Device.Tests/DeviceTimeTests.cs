using System.Security.Cryptography.X509Certificates;
using IoTFleet.Device.Identity;
using IoTFleet.Device.Tests.Support;
using IoTFleet.Pki;
using IoTFleet.Testing;

namespace IoTFleet.Device.Tests;

/// <summary>A device whose clock begins in 1970 at each start.</summary>
public sealed class DeviceTimeTests : IDisposable
{
    private static readonly DateTimeOffset Built = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly FakeClock _clock = new(DateTimeOffset.UnixEpoch);
    private readonly TestPki _pki = new();

    public void Dispose() => _pki.Dispose();

    [Fact]
    public void Time_is_the_latest_that_was_signed_and_goes_on_from_there()
    {
        var time = new DeviceTime(_clock, Built);
        Assert.Equal(Built, time.Now);

        time.AtLeast(Built.AddDays(10));
        time.AtLeast(Built.AddDays(3));
        _clock.Advance(TimeSpan.FromHours(1));

        Assert.Equal(Built.AddDays(10).AddHours(1), time.Now);
        Assert.True(time.IsUnsure);
    }

    [Fact]
    public void Clock_that_was_set_is_gone_by_again()
    {
        var time = new DeviceTime(_clock, Built);

        _clock.Leap(Built.AddDays(5) - DateTimeOffset.UnixEpoch);

        Assert.Equal((Built.AddDays(5), false), (time.Now, time.IsUnsure));
    }

    [Fact]
    public async Task Device_in_1970_enrols_and_knows_the_time_from_what_its_fleet_has_signed()
    {
        await using var est = await ScriptedEst.StartAsync(_pki);
        var options = est.NewDevice(Fingerprint.Sha256(_pki.Root)) with { Clock = _clock };

        await using (await DeviceClient.StartAsync(options)) Assert.Single(est.SigningRequests);

        var trust = await RestartedAsync(options);
        Assert.InRange(trust.Time.Now, TimeProvider.System.GetUtcNow().AddDays(-1), TimeProvider.System.GetUtcNow());
    }

    [Fact]
    public async Task Device_in_1970_connects_to_a_server_whose_certificate_has_begun_since()
    {
        await using var broker = new ScriptedBroker();
        await using var device = await DeviceClient.StartAsync(await Devices.EnrolledAsync(_pki) with { BrokerPort = broker.Port, Clock = _clock });
        await (await broker.AcceptTlsAsync(_pki, _pki.Server())).WelcomeAsync();
        await device.WaitConnectedAsync().WaitAsync(Devices.Patience);
    }

    /// <summary>Row 29: it ended before the device's own certificate began, so it was over when the device was enrolled.</summary>
    [Fact]
    public async Task Server_certificate_that_ended_before_the_device_was_enrolled_is_not_believed_in_1970_either()
    {
        var states = new System.Collections.Concurrent.ConcurrentQueue<DeviceState>();
        await using var broker = new ScriptedBroker();
        await using var device = await DeviceClient.StartAsync(await Devices.EnrolledAsync(_pki) with { BrokerPort = broker.Port, Clock = _clock, StateChanged = states.Enqueue });
        await (await broker.AcceptTlsAsync(_pki, OldServer())).ExpectClosedAsync();
        await Eventually.TrueAsync(() => Task.FromResult(states.OfType<DeviceState.Waiting>().Any(waiting => waiting.Reason.Contains("NotTimeValid", StringComparison.Ordinal))));
    }

    [Fact]
    public async Task Bundle_sets_the_time_below_which_nothing_is_believed_again()
    {
        await using var broker = new ScriptedBroker();
        var options = await Devices.EnrolledAsync(_pki, clock: new FakeClock(TimeProvider.System.GetUtcNow().AddDays(-100))) with { BrokerPort = broker.Port, Clock = _clock };
        var trust = await RestartedAsync(options);
        Assert.True(trust.Time.Now < TimeProvider.System.GetUtcNow().AddDays(-99));

        await trust.TakeAsync(new Bundles(_pki).Write(), _pki.Names.Domain, default);

        Assert.InRange((await RestartedAsync(options)).Time.Now, TimeProvider.System.GetUtcNow().AddMinutes(-5), TimeProvider.System.GetUtcNow());
    }

    [Fact]
    public async Task Certificate_of_a_stranger_does_not_tell_the_time()
    {
        using var stranger = new TestPki();
        await using var est = await ScriptedEst.StartAsync(stranger, stranger.Server(), [stranger.ServerIssuer], [_pki.Root]);

        var refused = await Assert.ThrowsAsync<DeviceException>(() => DeviceClient.StartAsync(est.NewDevice(Fingerprint.Sha256(_pki.Root)) with { Clock = _clock }));

        Assert.Equal(DeviceError.ServerNotTrusted, refused.Error);
        Assert.Empty(est.SigningRequests);
    }

    /// <summary>Issued for 90 days, 100 days ago: after the SDK was built, before the device was enrolled.</summary>
    private X509Certificate2 OldServer()
    {
        var then = new FakeClock(TimeProvider.System.GetUtcNow().AddDays(-100));
        using var key = System.Security.Cryptography.ECDsa.Create(System.Security.Cryptography.ECCurve.NamedCurves.nistP256);
        using var certificate = new CertificateAuthority(_pki.Authorities.Servers, then).IssueServer(["localhost"], key.ExportSubjectPublicKeyInfo()).Load();
        return certificate.CopyWithPrivateKey(key);
    }

    /// <summary>What a device knows that starts again on the same key store, in 1970.</summary>
    private static async Task<DeviceTrust> RestartedAsync(DeviceOptions options)
    {
        var trust = await DeviceTrust.LoadAsync(options, default);
        var stored = await options.KeyStore.LoadAsync(default);
        using var key = await options.KeyStore.OpenKeyAsync(default);
        using var identity = DeviceIdentity.Create(key, stored!, trust, options);
        trust.AnchorAt(identity.TrustAnchors);
        return trust;
    }
}
