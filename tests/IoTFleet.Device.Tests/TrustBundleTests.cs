using System.Collections.Concurrent;
using IoTFleet.Device.Identity;
using IoTFleet.Device.Tests.Support;
using IoTFleet.Mqtt.Packets;
using IoTFleet.Pki;
using IoTFleet.Testing;

namespace IoTFleet.Device.Tests;

/// <summary>Whom a device believes after what it was told, and what it does not let itself be told.</summary>
public sealed class TrustBundleTests : IDisposable
{
    private readonly TestPki _pki = new();
    private readonly TestPki _stranger = new();
    private readonly ConcurrentQueue<DeviceException> _troubles = new();

    public void Dispose()
    {
        _pki.Dispose();
        _stranger.Dispose();
    }

    [Fact]
    public async Task Newer_bundle_is_taken_and_still_held_after_a_restart()
    {
        using var folder = new TemporaryFolder();
        var options = await OptionsAsync() with { KeyStore = new FileKeyStore(folder.Path) };
        var trust = await HoldingAsync(options, new Bundles(_pki) { Version = 3 });

        Assert.True(await trust.TakeAsync(new Bundles(_pki) { Version = 4 }.Write(), _pki.Names.Domain, default));
        Assert.False(await trust.TakeAsync(new Bundles(_pki) { Version = 4 }.Write(), _pki.Names.Domain, default));

        Assert.Equal(4, (await DeviceTrust.LoadAsync(options with { KeyStore = new FileKeyStore(folder.Path) }, default)).Version);
        if (!OperatingSystem.IsWindows())
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(folder.Path, "trust-bundle.json")));
    }

    [Theory]
    [InlineData("of a stranger", "its signer is no authority")]
    [InlineData("of the authority for devices", "its signer is no authority")]
    [InlineData("of a stranger, with our chain", "signature is not the signer's")]
    [InlineData("signed for another purpose", "signature is not the signer's")]
    [InlineData("changed", "signature is not the signer's")]
    [InlineData("without a chain", "its signer is no authority")]
    [InlineData("older", "it has version 2, and 3 is held")]
    [InlineData("of another fleet", "it is of the fleet elsewhere.local")]
    [InlineData("of another format", "another format")]
    [InlineData("without a root", "it names no root")]
    [InlineData("of no authority", "it names no root")]
    [InlineData("from before its signer", "before its signer began")]
    [InlineData("truncated", "cannot be read")]
    [InlineData("empty", "cannot be read")]
    [InlineData("garbage", "cannot be read")]
    [InlineData("nulls", "another format")]
    public async Task Bundle_that_is_not_to_be_believed_changes_nothing(string wrong, string why)
    {
        var options = await OptionsAsync();
        var trust = await HoldingAsync(options, new Bundles(_pki) { Version = 3 });
        var (before, believed) = (await options.KeyStore.LoadTrustBundleAsync(default), trust.Pinned);

        var refused = await Assert.ThrowsAsync<DeviceException>(() => trust.TakeAsync(Make(wrong), _pki.Names.Domain, default));

        Assert.Equal(DeviceError.TrustBundleRefused, refused.Error);
        Assert.Contains(why, refused.Message, StringComparison.Ordinal);
        Assert.Same(believed, trust.Pinned);
        Assert.Equal(before!.Value.ToArray(), (await options.KeyStore.LoadTrustBundleAsync(default))!.Value.ToArray());
    }

    /// <summary>Every cut of a good one, and every byte of it changed: none may be taken for another bundle, and none may throw anything else.</summary>
    [Fact]
    public async Task Damaged_bundle_is_refused_wherever_it_is_damaged()
    {
        var trust = await HoldingAsync(await OptionsAsync(), new Bundles(_pki));
        var good = new Bundles(_pki) { Version = 2 }.Write();
        for (var at = 0; at < good.Length; at += 7)
        {
            byte[] damaged = [.. good];
            damaged[at] ^= 0x15;
            foreach (var wrong in new[] { damaged, good[..at] })
            {
                var refused = await Record.ExceptionAsync(() => trust.TakeAsync(wrong, _pki.Names.Domain, default));
                Assert.Equal(DeviceError.TrustBundleRefused, Assert.IsType<DeviceException>(refused).Error);
            }
        }
    }

    [Fact]
    public async Task Both_roots_of_a_bundle_are_believed_and_the_one_a_newer_bundle_leaves_out_is_not()
    {
        await using var broker = new ScriptedBroker();
        var options = await OptionsAsync(broker);
        var trust = await HoldingAsync(options, new Bundles(_pki) { Roots = [_pki.Root, _stranger.Root] });
        await ExpectConnectedAsync(options, broker, _pki, "1");
        await ExpectConnectedAsync(options, broker, _stranger, "1");

        await trust.TakeAsync(new Bundles(_pki) { Version = 2, Roots = [_stranger.Root], Signer = _stranger.ServerAuthority, Chain = [_stranger.ServerIssuer] }.Write(), _pki.Names.Domain, default);

        await ExpectConnectedAsync(options, broker, _stranger, "2");
        await using var device = await DeviceClient.StartAsync(options);
        await (await broker.AcceptTlsAsync(_pki, _pki.Server())).ExpectClosedAsync();
    }

    [Fact]
    public async Task Device_without_a_bundle_says_nothing_of_one()
    {
        await using var broker = new ScriptedBroker();
        await ExpectConnectedAsync(await OptionsAsync(broker), broker, _pki, version: null);
    }

    [Fact]
    public async Task Damaged_bundle_in_the_key_store_is_told_of_and_the_roots_of_the_enrolment_are_believed()
    {
        await using var broker = new ScriptedBroker();
        var options = await OptionsAsync(broker);
        await options.KeyStore.SaveTrustBundleAsync(new Bundles(_pki).Write().AsMemory(0, 200), default);

        await ExpectConnectedAsync(options, broker, _pki, version: null);

        Assert.Equal(DeviceError.TrustBundleRefused, Assert.Single(_troubles).Error);
    }

    [Fact]
    public async Task Bundle_of_an_earlier_fleet_is_forgotten_when_the_device_is_enrolled_anew()
    {
        await using var est = await ScriptedEst.StartAsync(_pki);
        var options = est.NewDevice(Fingerprint.Sha256(_pki.Root));
        await options.KeyStore.SaveTrustBundleAsync(new Bundles(_stranger) { Version = 9 }.Write(), default);

        await using var device = await DeviceClient.StartAsync(options);

        Assert.Null(device.TrustBundleVersion);
        Assert.Null(await options.KeyStore.LoadTrustBundleAsync(default));
    }

    private byte[] Make(string wrong)
    {
        var good = new Bundles(_pki) { Version = 4 };
        return wrong switch
        {
            "of a stranger" => (good with { Signer = _stranger.ServerAuthority, Chain = [_stranger.ServerIssuer, _stranger.Root] }).Write(),
            "of the authority for devices" => (good with { Signer = _pki.DeviceAuthority, Chain = [_pki.DeviceIssuer] }).Write(),
            "of a stranger, with our chain" => (good with { Signer = _stranger.ServerAuthority }).Write(),
            "signed for another purpose" => (good with { Context = "another" }).Write(),
            "changed" => good.Envelope("{\"format\":\"iotfleet-trust-bundle-1\",\"fleet\":\"fleet.local\",\"version\":5,\"issuedAt\":\"2026-06-01T00:00:00Z\",\"authorities\":[{\"purpose\":\"root\",\"certificate\":\"*\"}]}"
                .Replace("*", Convert.ToBase64String(_stranger.Root.RawData), StringComparison.Ordinal).Select(c => (byte)c).ToArray(), new byte[70]),
            "without a chain" => (good with { Chain = [] }).Write(),
            "older" => (good with { Version = 2 }).Write(),
            "of another fleet" => (good with { Fleet = "elsewhere.local" }).Write(),
            "of another format" => (good with { Format = "iotfleet-trust-bundle-2" }).Write(),
            "without a root" => (good with { Roots = [] }).Write(),
            "of no authority" => (good with { Roots = [_pki.Server()] }).Write(),
            "from before its signer" => (good with { IssuedAt = _pki.ServerIssuer.NotBefore.AddDays(-1) }).Write(),
            "truncated" => good.Write()[..500],
            "empty" => [],
            "garbage" => "<html>not here</html>"u8.ToArray(),
            "nulls" => good.Envelope("{\"format\":null,\"authorities\":[null]}"u8.ToArray(), []),
            _ => throw new ArgumentOutOfRangeException(nameof(wrong)),
        };
    }

    private async Task<DeviceTrust> HoldingAsync(DeviceOptions options, Bundles first)
    {
        var trust = await DeviceTrust.LoadAsync(options, default);
        trust.AnchorAt([_pki.Root.RawData]);
        Assert.True(await trust.TakeAsync(first.Write(), _pki.Names.Domain, default));
        return trust;
    }

    private static async Task ExpectConnectedAsync(DeviceOptions options, ScriptedBroker broker, TestPki server, string? version)
    {
        await using var device = await DeviceClient.StartAsync(options);
        var connect = await (await broker.AcceptTlsAsync(server, server.Server())).WelcomeAsync();
        await device.WaitConnectedAsync().WaitAsync(Devices.Patience);
        Assert.Equal(version is null ? [] : [new UserProperty("trust-bundle", version)], connect.Properties.UserProperties);
    }

    private async Task<DeviceOptions> OptionsAsync(ScriptedBroker? broker = null) => await Devices.EnrolledAsync(_pki) with
    {
        Server = new Uri("https://localhost:9"),                // nobody answers there: these devices are told of bundles by the test
        BrokerPort = broker?.Port ?? 8883,
        TroubleMet = _troubles.Enqueue,
    };
}
