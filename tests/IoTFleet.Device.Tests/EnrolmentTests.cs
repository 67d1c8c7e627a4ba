using System.Collections.Concurrent;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using IoTFleet.Device.Tests.Support;
using IoTFleet.Pki;
using IoTFleet.Testing;

namespace IoTFleet.Device.Tests;

public sealed class EnrolmentTests : IDisposable
{
    private readonly TestPki _pki = new();

    private string Root => Fingerprint.Sha256(_pki.Root);

    public void Dispose() => _pki.Dispose();

    [Fact]
    public async Task Device_enrols_with_its_own_key_and_keeps_the_certificate()
    {
        await using var est = await ScriptedEst.StartAsync(_pki);
        var options = est.NewDevice(Root);
        await using var device = await DeviceClient.StartAsync(options);

        var enrolled = await options.KeyStore.LoadAsync(default);
        using var key = await options.KeyStore.OpenKeyAsync(default);
        using var certificate = X509CertificateLoader.LoadCertificate(enrolled!.Certificate.Span);
        Assert.Equal(key.ExportSubjectPublicKeyInfo(), certificate.PublicKey.ExportSubjectPublicKeyInfo());
        Assert.Equal(_pki.Root.RawData, Assert.Single(enrolled.TrustAnchors).ToArray());
        var credentials = Convert.ToBase64String(Encoding.UTF8.GetBytes($"{Devices.Id}:secret-token"));
        Assert.Equal(["cacerts ", $"simpleenroll Basic {credentials}"], est.Requests);
    }

    [Fact]
    public async Task Enrolled_device_does_not_enrol_again()
    {
        await using var est = await ScriptedEst.StartAsync(_pki);
        var options = est.NewDevice(Root);
        await (await DeviceClient.StartAsync(options)).DisposeAsync();

        await (await DeviceClient.StartAsync(options with { EnrolmentToken = null })).DisposeAsync();

        Assert.Single(est.SigningRequests);
    }

    [Fact]
    public async Task Fingerprint_is_read_with_colons_and_capitals_too()
    {
        await using var est = await ScriptedEst.StartAsync(_pki);
        var printed = string.Join(':', Root.ToUpperInvariant().Chunk(2).Select(pair => new string(pair)));

        await (await DeviceClient.StartAsync(est.NewDevice(printed))).DisposeAsync();

        Assert.Single(est.SigningRequests);
    }

    [Fact]
    public async Task Server_with_another_root_never_gets_the_token()
    {
        await using var est = await ScriptedEst.StartAsync(_pki);

        var error = await RefusedAsync(est.NewDevice(new string('a', 64)));

        Assert.Equal(DeviceError.ServerNotTrusted, error.Error);
        Assert.Equal(["cacerts "], est.Requests);
    }

    [Fact]
    public async Task Impostor_that_hands_out_the_right_root_never_gets_the_token()
    {
        using var other = new TestPki();
        await using var impostor = await ScriptedEst.StartAsync(other, other.Server(), [other.ServerIssuer], [_pki.Root]);

        var error = await RefusedAsync(impostor.NewDevice(Root));

        Assert.Equal(DeviceError.ServerNotTrusted, error.Error);
        Assert.Contains("does not lead to the pinned root", error.Message);
        Assert.Equal(["cacerts "], impostor.Requests);
    }

    [Fact]
    public async Task Server_under_another_name_is_refused_before_anything_is_asked()
    {
        await using var est = await ScriptedEst.StartAsync(_pki, _pki.Server("elsewhere.example"), [_pki.ServerIssuer], [_pki.Root]);

        var error = await RefusedAsync(est.NewDevice(Root));

        Assert.Equal(DeviceError.ServerNotTrusted, error.Error);
        Assert.Contains("does not carry that name", error.Message);
        Assert.Empty(est.Requests);
    }

    [Theory]
    [InlineData(401, "token expired")]
    [InlineData(403, "device is suspended")]
    [InlineData(409, "device-already-enrolled")]
    public async Task Refused_enrolment_quotes_the_server(int status, string body)
    {
        await using var est = await ScriptedEst.StartAsync(_pki);
        est.FirstAnswers.Enqueue((status, body + "\r\nand more"));

        var error = await RefusedAsync(est.NewDevice(Root));

        Assert.Equal(DeviceError.EnrolmentRefused, error.Error);
        Assert.EndsWith($"status {status}: {body}.", error.Message);
        Assert.DoesNotContain("secret-token", error.ToString());
    }

    [Theory]
    [InlineData(202)]
    [InlineData(503)]
    public async Task Server_that_says_later_is_asked_again_with_the_same_request(int status)
    {
        await using var est = await ScriptedEst.StartAsync(_pki);
        est.FirstAnswers.Enqueue((status, ""));
        var states = new ConcurrentQueue<DeviceState>();

        await (await DeviceClient.StartAsync(est.NewDevice(Root) with { StateChanged = states.Enqueue })).DisposeAsync();

        Assert.Equal(2, est.SigningRequests.Count);
        Assert.Single(est.SigningRequests.Distinct());
        Assert.Equal(["Enrolling", "Waiting", "Enrolling"], states.Take(3).Select(state => state.GetType().Name));
    }

    [Fact]
    public async Task Server_that_cannot_be_reached_is_tried_until_cancelled()
    {
        using var cancel = new CancellationTokenSource();
        var waits = 0;
        var options = Devices.Quick() with { Server = new Uri("https://localhost:1"), EnrolmentToken = "t", StateChanged = CountWaits };

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => DeviceClient.StartAsync(options, cancel.Token).WaitAsync(Devices.Patience));

        Assert.Equal(3, waits);

        void CountWaits(DeviceState state)
        {
            if (state is DeviceState.Waiting && ++waits == 3)
                cancel.Cancel();
        }
    }

    [Fact]
    public async Task Device_without_certificate_and_token_says_what_is_missing()
    {
        var error = await RefusedAsync(Devices.Quick());

        Assert.Equal(DeviceError.OptionsNotValid, error.Error);
        Assert.Contains(nameof(DeviceOptions.EnrolmentToken), error.Message);
    }

    [Fact]
    public async Task Key_store_of_another_fleet_is_refused()
    {
        var options = await Devices.EnrolledAsync(_pki);

        var error = await RefusedAsync(options with { RootFingerprint = new string('b', 64) });

        Assert.Equal(DeviceError.IdentityNotUsable, error.Error);
    }

    [Fact]
    public async Task Key_store_of_another_device_is_refused()
    {
        var options = await Devices.EnrolledAsync(_pki, "pump-8");

        var error = await RefusedAsync(options with { DeviceId = "pump-88" });

        Assert.Equal(DeviceError.IdentityNotUsable, error.Error);
        Assert.Contains("pump-8", error.Message);
    }

    [Fact]
    public async Task Expired_certificate_is_replaced_when_there_is_a_token()
    {
        await using var est = await ScriptedEst.StartAsync(_pki);
        var longAgo = new FakeClock(TimeProvider.System.GetUtcNow().AddDays(-60));
        var store = (await Devices.EnrolledAsync(_pki, clock: longAgo)).KeyStore;
        var expired = (await store.LoadAsync(default))!;

        await (await DeviceClient.StartAsync(est.NewDevice(Root) with { KeyStore = store })).DisposeAsync();

        Assert.Single(est.SigningRequests);
        Assert.NotEqual(expired.Certificate.ToArray(), (await store.LoadAsync(default))!.Certificate.ToArray());
    }

    private static async Task<DeviceException> RefusedAsync(DeviceOptions options) =>
        await Assert.ThrowsAsync<DeviceException>(() => DeviceClient.StartAsync(options).WaitAsync(Devices.Patience));
}
