using System.Security.Cryptography;
using IoTFleet.Api;
using IoTFleet.Device;
using IoTFleet.Device.Identity;
using IoTFleet.Fleet;
using IoTFleet.Mqtt;
using IoTFleet.Testing;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Server.Tests;

/// <summary>The SDK renews against the real server; both go by a clock that the test moves.</summary>
public sealed class DeviceRenewalTests : IAsyncLifetime
{
    private const string Device = "pump-7";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>Of the first certificate, in one leap: each ends what is under way, so that many of them could keep a slow machine from ever being done.</summary>
    private static readonly TimeSpan IntoTheWindow = TimeSpan.FromDays(25);

    private readonly FakeClock _clock = new(TimeProvider.System.GetUtcNow());
    private RunningServer _server = null!;

    private readonly CancellationTokenSource _ending = new();
    private Task _ticking = Task.CompletedTask;

    public async ValueTask InitializeAsync()
    {
        _server = await RunningServer.StartAsync(_clock);
        _ticking = TickAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync();
        await _ticking;
        await _server.DisposeAsync();
        _ending.Dispose();
    }

    /// <summary>Time goes on while nobody leaps, or no short wait of either side would ever end.</summary>
    private async Task TickAsync()
    {
        while (!_ending.IsCancellationRequested)
        {
            _clock.Advance(TimeSpan.FromMilliseconds(50));
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System);
        }
    }

    [Fact]
    public async Task A_device_renews_in_its_time_and_goes_on_without_losing_a_message()
    {
        await using var device = await DeviceClient.StartAsync(await OptionsAsync(new MemoryKeyStore()));
        await device.WaitConnectedAsync().WaitAsync(Patience);
        var end = device.CertificateExpiresAt;

        _clock.Leap(IntoTheWindow);
        await Eventually.TrueAsync(() => Task.FromResult(device.Renewals == 1), Patience);
        Assert.True(device.CertificateExpiresAt > end);

        await device.PublishAsync("engine", "{\"rpm\":900}"u8.ToArray()).WaitAsync(Patience);
        await Eventually.TrueAsync(async () => await LiveAsync() == 1, Patience);
        Assert.Equal(0, _server.Refused("lineage-fork"));
    }

    /// <summary>It stays connected for weeks and speaks 3.1.1, which has no word for it: the server hears of it where the device asks when to renew.</summary>
    [Fact]
    public async Task A_connected_device_takes_a_new_trust_bundle_and_says_so()
    {
        await using var device = await DeviceClient.StartAsync(await OptionsAsync(new MemoryKeyStore()) with { Protocol = ProtocolVersion.V311 });
        await device.WaitConnectedAsync().WaitAsync(Patience);
        var next = await _server.Client.PrepareAuthorityAsync("devices");
        var published = await _server.Client.RotateAuthorityAsync(next.Id, "publish");

        _clock.Leap(TimeSpan.FromDays(1));                     // it asks the server again within that
        await Eventually.TrueAsync(() => Task.FromResult(device.TrustBundleVersion == published.BundleVersion), Patience);

        await Eventually.TrueAsync(
            async () =>
            {
                await using var db = await _server.Get<IDbContextFactory<FleetDbContext>>().CreateDbContextAsync();
                return await db.Devices.AnyAsync(one => one.Id == Device && one.TrustBundleVersion == published.BundleVersion);
            },
            Patience);
        Assert.Equal("active", (await _server.Client.RotateAuthorityAsync(next.Id, "activate")).State);
    }

    /// <summary>
    /// The power goes at each step of a renewal, before or after the key store has done it. The device starts again on what the store holds, without
    /// a token, and must come to a connection and a renewed certificate.
    /// </summary>
    [Theory]
    [InlineData("OpenNextKey", false)]
    [InlineData("OpenNextKey", true)]
    [InlineData("SaveNext", false)]
    [InlineData("SaveNext", true)]
    [InlineData("PromoteNext", false)]
    [InlineData("PromoteNext", true)]
    public async Task A_power_cut_at_any_step_never_bricks_the_device(string step, bool done)
    {
        using var folder = new TemporaryFolder();
        var store = new FailingStore(new FileKeyStore(folder.Path));
        var options = await OptionsAsync(store);
        await using (var device = await DeviceClient.StartAsync(options))
        {
            await device.WaitConnectedAsync().WaitAsync(Patience);
            store.CutAt(step, done);
            _clock.Leap(IntoTheWindow);
            await Eventually.TrueAsync(() => Task.FromResult(store.IsCut), Patience);
        }

        await using var again = await DeviceClient.StartAsync(options with { KeyStore = new FileKeyStore(folder.Path), EnrolmentToken = null });
        await again.WaitConnectedAsync().WaitAsync(Patience);
        await again.PublishAsync("engine", "{\"rpm\":900}"u8.ToArray()).WaitAsync(Patience);
        await Eventually.TrueAsync(() => Task.FromResult(again.CertificateExpiresAt > _clock.GetUtcNow().AddDays(20)), Patience);
        await Eventually.TrueAsync(async () => await LiveAsync() == 1, Patience);
        Assert.Equal(0, _server.Refused("lineage-fork"));
    }

    [Fact]
    public async Task A_device_that_slept_too_long_renews_in_its_days_of_grace()
    {
        await using (var db = await _server.Get<IDbContextFactory<FleetDbContext>>().CreateDbContextAsync())
        {
            if (await db.Groups.ExecuteUpdateAsync(set => set.SetProperty(group => group.GraceDays, 10)) == 0)
            {
                db.Groups.Add(new Fleet.Enrolment.EnrolmentGroup { Id = "default", Ways = Fleet.Enrolment.EnrolmentWays.Token, CreatedAt = _clock.GetUtcNow(), GraceDays = 10 });
                await db.SaveChangesAsync();
            }
        }
        var options = await OptionsAsync(new MemoryKeyStore());
        await using (var device = await DeviceClient.StartAsync(options)) await device.WaitConnectedAsync().WaitAsync(Patience);
        _clock.Leap(TimeSpan.FromDays(35));

        await using var again = await DeviceClient.StartAsync(options with { EnrolmentToken = null });
        await again.WaitConnectedAsync().WaitAsync(Patience);

        Assert.True(again.CertificateExpiresAt > _clock.GetUtcNow());
    }

    [Fact]
    public async Task A_refused_device_knows_why()
    {
        var explained = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var options = await OptionsAsync(new MemoryKeyStore()) with
        {
            StateChanged = state =>
            {
                if (state is DeviceState.Refused refused && refused.Reason.Contains("status is revoked", StringComparison.Ordinal)) explained.TrySetResult();
            },
        };
        await using var device = await DeviceClient.StartAsync(options);
        await device.WaitConnectedAsync().WaitAsync(Patience);

        await _server.Client.RevokeDeviceAsync(Device);

        await explained.Task.WaitAsync(Patience);
    }

    /// <summary>In steps, for timers that are set on the way to be met.</summary>
    private async Task<int> LiveAsync()
    {
        await using var db = await _server.Get<IDbContextFactory<FleetDbContext>>().CreateDbContextAsync();
        return await db.Certificates.CountAsync(c => c.RevokedAt == null && c.NotAfter > _clock.GetUtcNow());
    }

    private async Task<DeviceOptions> OptionsAsync(IKeyStore store)
    {
        var token = await _server.Client.CreateTokenAsync(new CreateTokenRequest { Name = "sdk" });
        return new DeviceOptions
        {
            DeviceId = Device,
            Server = new Uri($"https://localhost:{_server.HttpsPort}"),
            RootFingerprint = _server.RootFingerprint,
            BrokerPort = _server.MqttPort,
            EnrolmentToken = token.Secret,
            KeyStore = store,
            Clock = _clock,
            KeepAlive = TimeSpan.FromHours(18),
            AckTimeout = TimeSpan.FromHours(1),
            ConnectTimeout = TimeSpan.FromHours(1),
            BackoffMin = TimeSpan.FromMilliseconds(1),
            BackoffMax = TimeSpan.FromMilliseconds(2),
        };
    }

    /// <summary>A store whose power goes at one step; from then on it does nothing more.</summary>
    private sealed class FailingStore(IKeyStore store) : IKeyStore
    {
        private volatile string? _step;
        private volatile bool _done;
        private volatile bool _cut;

        public bool IsCut => _cut;

        public void CutAt(string step, bool done) => (_done, _step) = (done, step);

        public ValueTask<ECDsa> OpenKeyAsync(CancellationToken cancellation) => Do("OpenKey", () => store.OpenKeyAsync(cancellation));

        public ValueTask<EnrolledCertificate?> LoadAsync(CancellationToken cancellation) => Do("Load", () => store.LoadAsync(cancellation));

        public ValueTask SaveAsync(EnrolledCertificate enrolled, CancellationToken cancellation) => Do("Save", () => store.SaveAsync(enrolled, cancellation));

        public ValueTask<ECDsa> OpenNextKeyAsync(CancellationToken cancellation) => Do("OpenNextKey", () => store.OpenNextKeyAsync(cancellation));

        public ValueTask<EnrolledCertificate?> LoadNextAsync(CancellationToken cancellation) => Do("LoadNext", () => store.LoadNextAsync(cancellation));

        public ValueTask SaveNextAsync(EnrolledCertificate enrolled, CancellationToken cancellation) => Do("SaveNext", () => store.SaveNextAsync(enrolled, cancellation));

        public ValueTask PromoteNextAsync(CancellationToken cancellation) => Do("PromoteNext", () => store.PromoteNextAsync(cancellation));

        public ValueTask DiscardNextAsync(CancellationToken cancellation) => Do("DiscardNext", () => store.DiscardNextAsync(cancellation));

        public ValueTask<ReadOnlyMemory<byte>?> LoadTrustBundleAsync(CancellationToken cancellation) => Do("LoadTrustBundle", () => store.LoadTrustBundleAsync(cancellation));

        public ValueTask SaveTrustBundleAsync(ReadOnlyMemory<byte>? document, CancellationToken cancellation) =>
            Do("SaveTrustBundle", () => store.SaveTrustBundleAsync(document, cancellation));

        private async ValueTask<T> Do<T>(string step, Func<ValueTask<T>> act)
        {
            if (_cut || (step == _step && !_done)) throw Cut();
            var result = await act();
            if (step != _step) return result;
            (result as IDisposable)?.Dispose();
            throw Cut();
        }

        private async ValueTask Do(string step, Func<ValueTask> act) => await Do(step, async () =>
        {
            await act();
            return 0;
        });

        private DeviceException Cut()
        {
            _cut = true;
            return new DeviceException(DeviceError.KeyStoreFailed, "the power is gone");
        }
    }
}
