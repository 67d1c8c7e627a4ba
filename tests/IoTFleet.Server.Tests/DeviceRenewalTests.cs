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
    private static readonly TimeSpan PastTheNextAttempt = TimeSpan.FromDays(1);

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
        await AllowAsync(graceDays: 10);
        var options = await OptionsAsync(new MemoryKeyStore());
        await using (var device = await DeviceClient.StartAsync(options)) await device.WaitConnectedAsync().WaitAsync(Patience);
        _clock.Leap(TimeSpan.FromDays(35));

        await using var again = await DeviceClient.StartAsync(options with { EnrolmentToken = null });
        await again.WaitConnectedAsync().WaitAsync(Patience);

        Assert.True(again.CertificateExpiresAt > _clock.GetUtcNow());
    }

    /// <summary>Messages are on their way at each change from one certificate to the next.</summary>
    [Fact]
    public async Task Five_renewals_under_load_lose_no_message_and_store_none_twice()
    {
        await using var device = await DeviceClient.StartAsync(await OptionsAsync(new MemoryKeyStore()));
        await device.WaitConnectedAsync().WaitAsync(Patience);
        using var enough = new CancellationTokenSource();
        var publishing = PublishUntilAsync(device, enough.Token);

        for (var renewals = 1; renewals <= 5; renewals++) await RenewAsync(device);
        await enough.CancelAsync();
        var sent = await publishing;

        Assert.Equal(5, device.Renewals);
        Assert.True(device.Reconnects >= 5);
        var stored = new List<long?>();
        await foreach (var record in _server.Client.GetTelemetryAsync(Device)) stored.Add(record.Sequence);
        Assert.Equal(sent.Order(), stored.Order());
        Assert.Equal(0, _server.Refused("lineage-fork"));
    }

    [Fact]
    public async Task A_device_with_its_keys_in_a_token_renews_with_a_new_key_each_time()
    {
        await SoftToken.RequireAsync();
        using var folder = new TemporaryFolder();
        var options = await OptionsAsync(Token(folder, makesKeys: true, await KeysAsync()));
        await using (var device = await DeviceClient.StartAsync(options))
        {
            await device.WaitConnectedAsync().WaitAsync(Patience);
            for (var renewals = 1; renewals <= 3; renewals++) await RenewAsync(device);
        }

        Assert.Equal(4, await DistinctKeysAsync());
        await using var again = await DeviceClient.StartAsync(options with { EnrolmentToken = null });
        await again.WaitConnectedAsync().WaitAsync(Patience);
        Assert.Equal(0, _server.Refused("lineage-fork"));
    }

    [Fact]
    public async Task Two_keys_in_a_token_take_turns_as_often_as_the_group_allows_and_then_it_is_told()
    {
        await SoftToken.RequireAsync();
        using var folder = new TemporaryFolder();
        var troubles = new System.Collections.Concurrent.ConcurrentQueue<DeviceException>();
        var options = await OptionsAsync(Token(folder, makesKeys: false, await KeysAsync())) with { TroubleMet = troubles.Enqueue };
        await using var device = await DeviceClient.StartAsync(options);
        await device.WaitConnectedAsync().WaitAsync(Patience);
        await RenewAsync(device);

        _clock.Leap(IntoTheWindow);
        await ReachedAsync(() => troubles.Any(trouble => trouble.Error == DeviceError.RenewalRefused));
        Assert.Contains("key-used-too-often", troubles.First(trouble => trouble.Error == DeviceError.RenewalRefused).Message);

        await AllowAsync(keyReuse: 9);
        _clock.Leap(PastTheNextAttempt);
        await ReachedAsync(() => device.Renewals == 2);
        Assert.Equal(2, await DistinctKeysAsync());
    }

    [Fact]
    public async Task A_device_that_speaks_est_only_renews_by_simplereenroll()
    {
        await using var device = await DeviceClient.StartAsync(await OptionsAsync(new MemoryKeyStore()) with { EnrolmentProtocol = EnrolmentProtocol.Est });
        await device.WaitConnectedAsync().WaitAsync(Patience);

        await RenewAsync(device);

        await device.PublishAsync("engine", "{\"rpm\":900}"u8.ToArray()).WaitAsync(Patience);
    }

    [Fact]
    public async Task A_full_disk_is_told_and_the_old_identity_goes_on_until_there_is_room()
    {
        using var folder = new TemporaryFolder();
        var store = new FailingStore(new FileKeyStore(folder.Path));
        var troubles = new System.Collections.Concurrent.ConcurrentQueue<DeviceException>();
        await using var device = await DeviceClient.StartAsync(await OptionsAsync(store) with { TroubleMet = troubles.Enqueue });
        await device.WaitConnectedAsync().WaitAsync(Patience);
        store.FullAt("SaveNext");

        _clock.Leap(IntoTheWindow);
        await ReachedAsync(() => troubles.Any(trouble => trouble.Error == DeviceError.KeyStoreFailed));
        await device.PublishAsync("engine", "{\"rpm\":900}"u8.ToArray()).WaitAsync(Patience);
        Assert.Equal(0, device.Renewals);

        store.FullAt(null);
        _clock.Leap(PastTheNextAttempt);
        await ReachedAsync(() => device.Renewals == 1);
    }

    /// <summary>The server has let the new certificate in, and from then on the old one would be a thief's: a store that cannot say so must not lead back to it.</summary>
    [Fact]
    public async Task A_store_that_cannot_promote_keeps_nobody_from_working_and_is_tried_again()
    {
        using var folder = new TemporaryFolder();
        var store = new FailingStore(new FileKeyStore(folder.Path));
        var troubles = new System.Collections.Concurrent.ConcurrentQueue<DeviceException>();
        await using var device = await DeviceClient.StartAsync(await OptionsAsync(store) with { TroubleMet = troubles.Enqueue });
        await device.WaitConnectedAsync().WaitAsync(Patience);
        var end = device.CertificateExpiresAt;
        store.FullAt("PromoteNext");

        _clock.Leap(IntoTheWindow);
        await ReachedAsync(() => troubles.Any(trouble => trouble.Error == DeviceError.KeyStoreFailed));
        await device.PublishAsync("engine", "{\"rpm\":900}"u8.ToArray()).WaitAsync(Patience);

        store.FullAt(null);
        _clock.Leap(PastTheNextAttempt);
        await ReachedAsync(() => device.CertificateExpiresAt > end);
        await device.PublishAsync("engine", "{\"rpm\":901}"u8.ToArray()).WaitAsync(Patience);
        Assert.Equal(0, _server.Refused("lineage-fork"));
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

    /// <summary>Ten messages at a time, until told to stop; their numbers.</summary>
    private static async Task<List<long?>> PublishUntilAsync(DeviceClient device, CancellationToken enough)
    {
        var sent = new List<long?>();
        while (!enough.IsCancellationRequested)
        {
            var receipts = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => device.PublishAsync("engine", "{\"rpm\":900}"u8.ToArray(), CancellationToken.None))).WaitAsync(Patience, CancellationToken.None);
            sent.AddRange(receipts.Select(receipt => (long?)receipt.Sequence));
        }
        return sent;
    }

    private async Task RenewAsync(DeviceClient device)
    {
        var end = device.CertificateExpiresAt;
        _clock.Leap(IntoTheWindow);
        await ReachedAsync(() => device.CertificateExpiresAt > end);
    }

    private static Task ReachedAsync(Func<bool> reached) => Eventually.TrueAsync(() => Task.FromResult(reached()), Patience);

    private static async Task<string[]> KeysAsync()
    {
        string[] labels = [SoftToken.NewLabel("a"), SoftToken.NewLabel("b")];
        foreach (var label in labels) await SoftToken.MakeKeyAsync(label);
        return labels;
    }

    private static HardwareKeyStore Token(TemporaryFolder folder, bool makesKeys, string[] labels)
    {
        File.WriteAllText(folder.File("pin"), SoftToken.Pin);
        return new HardwareKeyStore(new HardwareKeyOptions
        {
            Folder = folder.File("device-data"),
            Keys = [.. labels.Select(label => SoftToken.Uri(label))],
            PinFile = folder.File("pin"),
            MakeKey = makesKeys ? (uri, _) => SoftToken.MakeKeyAsync(labels.Single(label => uri.Contains(label, StringComparison.Ordinal))) : null,
        });
    }

    private async Task<int> DistinctKeysAsync()
    {
        await using var db = await _server.Get<IDbContextFactory<FleetDbContext>>().CreateDbContextAsync();
        return await db.Certificates.Where(c => c.DeviceId == Device).Select(c => c.KeyFingerprint).Distinct().CountAsync();
    }

    private async Task AllowAsync(int graceDays = 0, int keyReuse = 0)
    {
        await using var db = await _server.Get<IDbContextFactory<FleetDbContext>>().CreateDbContextAsync();
        if (await db.Groups.ExecuteUpdateAsync(set => set.SetProperty(group => group.GraceDays, graceDays).SetProperty(group => group.KeyReuseLimit, keyReuse)) == 0)
        {
            db.Groups.Add(new Fleet.Enrolment.EnrolmentGroup
            {
                Id = "default",
                Ways = Fleet.Enrolment.EnrolmentWays.Token,
                CreatedAt = _clock.GetUtcNow(),
                GraceDays = graceDays,
                KeyReuseLimit = keyReuse,
            });
            await db.SaveChangesAsync();
        }
    }

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

    /// <summary>A store whose power goes at one step, and from then on it does nothing more; or whose disk is full at one.</summary>
    private sealed class FailingStore(IKeyStore store) : IKeyStore
    {
        private volatile string? _step;
        private volatile bool _done;
        private volatile bool _cut;
        private volatile string? _full;

        public bool IsCut => _cut;

        /// <summary>It goes on after that, when there is room.</summary>
        public void FullAt(string? step) => _full = step;

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
            if (step == _full) throw new DeviceException(DeviceError.KeyStoreFailed, "No space left on device");
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
