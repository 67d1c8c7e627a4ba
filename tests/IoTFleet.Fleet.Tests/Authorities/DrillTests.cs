using IoTFleet.Fleet.Authorities;
using IoTFleet.Fleet.Certificates;
using IoTFleet.Fleet.Devices;
using IoTFleet.Pki;
using IoTFleet.Testing;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Tests.Authorities;

/// <summary>The rehearsal names exactly those whom the step would catch.</summary>
public class DrillTests : IAsyncLifetime
{
    private readonly TemporaryFolder _folder = new();
    private TestFleet _fleet = null!;
    private string _old = null!;

    public async ValueTask InitializeAsync()
    {
        _fleet = await TestFleet.StartAsync(_folder.File("ca"));
        _old = _fleet.Get<AuthorityDirectory>().Current.Active(AuthorityPurpose.Devices)!.Id;
    }

    public async ValueTask DisposeAsync()
    {
        await _fleet.DisposeAsync();
        _fleet.Authorities.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task Nothing_to_rehearse_where_nothing_is_under_way() => Assert.Empty((await DrillAsync()).Reports);

    [Fact]
    public async Task Activation_names_who_is_behind_and_why()
    {
        var next = await PublishAsync();
        await EnrolAsync("current", bundle: 2);
        await EnrolAsync("old", bundle: 1);
        await EnrolAsync("silent", bundle: null);
        await EnrolAsync("never", seen: false);

        var report = Assert.Single((await DrillAsync()).Reports);
        Assert.Equal((DrillStep.Activate, next, false), (report.Step, report.AuthorityId, report.Allowed));
        Assert.Equal(
            [("never", DrillReasons.BundleUnknown), ("old", DrillReasons.BundleTooOld), ("silent", DrillReasons.BundleUnknown)],
            report.Devices.Select(device => (device.DeviceId, device.Reason)));
        Assert.Equal((3, 0, 1), (report.Unprepared, report.Breaking, report.OfflineUnprepared));
        Assert.Contains("holds bundle 1, bundle 2 names it first", report.Devices[1].Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Removal_names_exactly_those_whom_it_would_shut_out()
    {
        await EnrolAsync("stays", bundle: 2);
        await EnrolAsync("renewed", bundle: 2);
        await EnrolAsync("renewed-unused", bundle: 2);
        await EnrolAsync("revoked", bundle: 2);
        await EnrolAsync("away", bundle: 2);
        _fleet.Clock.Advance(TimeSpan.FromDays(20));
        foreach (var device in new[] { "stays", "renewed", "renewed-unused", "revoked" }) await SeenAsync(device, 2);
        _fleet.Clock.Advance(TimeSpan.FromDays(9));     // away was seen 29 days ago, its certificate ends tomorrow
        var next = await PublishAsync();
        Assert.IsType<RotationResult.Done>(await _fleet.Get<ActivateAuthority>().RunAsync(TestFleet.Admin, new(next, Force: true), default));
        await RenewAsync("renewed", used: true);
        await RenewAsync("renewed-unused", used: false);
        await _fleet.Get<RevokeDevice>().RunAsync(TestFleet.Admin, new("revoked"), default);
        await EnrolAsync("new", bundle: 2);

        var report = Assert.Single((await DrillAsync()).Reports);
        Assert.Equal(DrillStep.Remove, report.Step);
        Assert.Equal(["away", "renewed-unused", "stays"], report.Devices.Select(device => device.DeviceId));
        Assert.All(report.Devices, device => Assert.True(device is { Breaks: true, Reason: DrillReasons.OldCertificate }));
        Assert.Equal((3, 3, false), (report.Unprepared, report.Breaking, report.Allowed));

        // What the report says is what the step does: without those devices it goes through.
        await _fleet.ReadAsync(db => db.Certificates.Where(c => new[] { "away", "renewed-unused", "stays" }.Contains(c.DeviceId) && c.IssuerId == _old)
            .ExecuteUpdateAsync(set => set.SetProperty(c => c.RevokedAt, _fleet.Clock.GetUtcNow())));
        Assert.True(Assert.Single((await DrillAsync()).Reports).Allowed);
        Assert.IsType<RotationResult.Done>(await _fleet.Get<RemoveAuthority>().RunAsync(TestFleet.Admin, new(_old), default));
    }

    [Fact]
    public async Task Device_without_a_live_certificate_is_counted_as_out_already()
    {
        await EnrolAsync("gone", bundle: 1);
        _fleet.Clock.Advance(TimeSpan.FromDays(31));
        await EnrolAsync("here", bundle: 1);
        var drill = await DrillAsync();
        Assert.Equal((2, 1), (drill.Devices, drill.Out));
    }

    private async Task<DrillRotationResult.Rehearsed> DrillAsync() => Assert.IsType<DrillRotationResult.Rehearsed>(
        await _fleet.Get<DrillRotation>().RunAsync(TestFleet.Viewer, new(AuthorityPurpose.Devices), default));

    private async Task<string> PublishAsync()
    {
        var next = Assert.IsType<RotationResult.Done>(await _fleet.Get<PrepareAuthority>().RunAsync(TestFleet.Admin, new(AuthorityPurpose.Devices), default)).Authority.Id;
        Assert.IsType<RotationResult.Done>(await _fleet.Get<PublishAuthority>().RunAsync(TestFleet.Admin, new(next), default));
        return next;
    }

    private async Task EnrolAsync(string device, long? bundle = null, bool seen = true)
    {
        await _fleet.EnrolAsync(device);
        if (seen) await SeenAsync(device, bundle);
    }

    private async Task SeenAsync(string device, long? bundle)
    {
        _fleet.Get<DeviceSightings>().Saw(device, bundle);
        await _fleet.Get<DeviceSightings>().WriteAsync(default);
    }

    /// <summary>As a renewal leaves it: the predecessor stays until the successor was used.</summary>
    private async Task RenewAsync(string device, bool used)
    {
        var old = await _fleet.ReadAsync(db => db.Certificates.AsNoTracking().SingleAsync(c => c.DeviceId == device));
        await _fleet.EnrolAsync(await _fleet.TokenAsync(deviceId: device), device);
        await _fleet.ReadAsync(db => db.Certificates.Where(c => c.Serial == old.Serial).ExecuteUpdateAsync(set => set.SetProperty(c => c.RevokedAt, (DateTimeOffset?)null)));
        if (used) await _fleet.ReadAsync(db => db.Certificates.Where(c => c.DeviceId == device && c.Serial != old.Serial).ExecuteUpdateAsync(set => set.SetProperty(c => c.FirstUsedAt, _fleet.Clock.GetUtcNow())));
    }
}
