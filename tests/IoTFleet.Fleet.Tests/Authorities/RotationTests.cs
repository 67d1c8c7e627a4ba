using System.Security.Cryptography.X509Certificates;
using IoTFleet.Fleet.Authorities;
using IoTFleet.Fleet.Devices;
using IoTFleet.Pki;
using IoTFleet.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;

namespace IoTFleet.Fleet.Tests.Authorities;

/// <summary>The steps of a rotation, their gates, and what devices are told.</summary>
public class RotationTests : IAsyncLifetime
{
    private readonly TemporaryFolder _folder = new();
    private TestFleet _fleet = null!;

    private string CaFolder => _folder.File("ca");
    private AuthorityDirectory Directory => _fleet.Get<AuthorityDirectory>();

    public async ValueTask InitializeAsync() => _fleet = await TestFleet.StartAsync(CaFolder);

    public async ValueTask DisposeAsync()
    {
        await _fleet.DisposeAsync();
        _fleet.Authorities.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task Rotation_goes_from_prepared_to_active_and_the_former_one_retires()
    {
        var old = Active(AuthorityPurpose.Devices);
        var next = await PrepareAsync(AuthorityPurpose.Devices);
        Assert.Equal((AuthorityState.Prepared, 2), (next.State, next.Generation));
        await PublishAsync(next.Id);
        Assert.Equal(old, Active(AuthorityPurpose.Devices));        // it is only known
        await ActivateAsync(next.Id);
        Assert.Equal(next.Id, Active(AuthorityPurpose.Devices));
        Assert.Equal(AuthorityState.Retiring, Directory.Current.Find(old)!.State);
        Assert.Single(Directory.Current.All, authority => authority is { Purpose: AuthorityPurpose.Devices, State: AuthorityState.Active });
        await _fleet.EnrolAsync("pump-1");
        Assert.Equal(next.Id, (await _fleet.ReadAsync(db => db.Certificates.SingleAsync())).IssuerId);
    }

    /// <summary>As another process on the same database has it.</summary>
    [Fact]
    public async Task Another_node_takes_each_step_in_at_its_next_look()
    {
        using var other = new AuthorityDirectory(_fleet.Databases, _fleet.Authorities, _fleet.Clock, NullLogger<AuthorityDirectory>.Instance);
        await other.LoadAsync(default);
        Assert.False(await other.CatchUpAsync(default));
        var changed = other.Changed;
        var next = await PrepareAsync(AuthorityPurpose.Devices);
        await PublishAsync(next.Id);

        Assert.True(await other.CatchUpAsync(default));

        Assert.True(changed.IsCompleted);
        Assert.Equal(AuthorityState.Published, other.Current.Find(next.Id)!.State);
        Assert.Equal(Directory.Current.BundleVersion, other.Current.BundleVersion);
        Assert.False(await other.CatchUpAsync(default));
    }

    [Fact]
    public async Task Generations_share_neither_name_nor_key()
    {
        var next = await PrepareAsync(AuthorityPurpose.Devices);
        using var made = X509CertificateLoader.LoadCertificate(next.Der);
        var old = Directory.Current.Find(Active(AuthorityPurpose.Devices))!;
        Assert.NotEqual(old.Certificate.Subject, made.Subject);
        Assert.NotEqual(old.Id, next.Id);
        if (!OperatingSystem.IsWindows()) Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(CaFolder, "devices-2.key")));
    }

    [Fact]
    public async Task Key_of_a_later_generation_is_found_again_after_a_restart()
    {
        var next = await PrepareAsync(AuthorityPurpose.Devices);
        using var again = new AuthorityDirectory(_fleet.Databases, _fleet.Authorities, _fleet.Clock, NullLogger<AuthorityDirectory>.Instance);
        await again.LoadAsync(default);
        Assert.NotNull(again.ById(next.Id));
    }

    [Fact]
    public async Task What_was_made_before_a_crash_is_taken_in_by_the_next_try()
    {
        var lost = await PrepareAsync(AuthorityPurpose.Devices);
        await _fleet.ReadAsync(db => db.Authorities.Where(a => a.Id == lost.Id).ExecuteDeleteAsync());
        await Directory.ReloadAsync(default);
        Assert.Equal(lost.Id, (await PrepareAsync(AuthorityPurpose.Devices)).Id);
    }

    [Fact]
    public async Task Activation_waits_until_the_devices_know_it()
    {
        await EnrolSeenAsync("pump-1", bundle: 1);
        await EnrolSeenAsync("pump-2", bundle: 1);
        var next = await PrepareAsync(AuthorityPurpose.Devices);
        var version = (await PublishAsync(next.Id)).BundleVersion;
        await SeenAsync("pump-1", version);

        var early = Assert.IsType<RotationResult.NotReady>(await _fleet.Get<ActivateAuthority>().RunAsync(TestFleet.Admin, new(next.Id), default));
        Assert.True(early.MayForce);
        Assert.Equal(["pump-2"], early.Holders);
        Assert.Contains("1 of 2", early.Problem, StringComparison.Ordinal);

        await SeenAsync("pump-2", version);
        await ActivateAsync(next.Id);
    }

    [Fact]
    public async Task Device_that_was_not_seen_for_long_holds_no_activation_up()
    {
        await EnrolSeenAsync("pump-1", bundle: 1);
        _fleet.Clock.Advance(TimeSpan.FromDays(31));
        var next = await PrepareAsync(AuthorityPurpose.Devices);
        await PublishAsync(next.Id);
        await ActivateAsync(next.Id);
    }

    [Fact]
    public async Task Activation_can_be_forced_and_the_audit_says_who_did_it()
    {
        await EnrolSeenAsync("pump-1", bundle: 1);
        var next = await PrepareAsync(AuthorityPurpose.Devices);
        await PublishAsync(next.Id);
        Assert.IsType<RotationResult.Done>(await _fleet.Get<ActivateAuthority>().RunAsync(TestFleet.Admin, new(next.Id, Force: true), default));
        Assert.Contains(await _fleet.AuditAsync(next.Id), entry => entry is { Action: "authority.activate", Outcome: "done", ActorName: "ada" });
    }

    [Fact]
    public async Task Removal_is_refused_while_a_device_that_was_seen_has_nothing_else()
    {
        await EnrolSeenAsync("pump-1", bundle: 1);
        var (old, _) = await RotateAsync();
        var refused = Assert.IsType<RotationResult.NotReady>(await _fleet.Get<RemoveAuthority>().RunAsync(TestFleet.Admin, new(old), default));
        Assert.StartsWith("device pump-1, until ", Assert.Single(refused.Holders), StringComparison.Ordinal);
        Assert.True(Directory.Current.Find(old)!.Verifies);
    }

    [Fact]
    public async Task Removal_goes_through_when_the_device_has_come_in_with_a_successor()
    {
        await EnrolSeenAsync("pump-1", bundle: 1);
        var (old, _) = await RotateAsync();
        await _fleet.EnrolAsync(await _fleet.TokenAsync(deviceId: "pump-1"), "pump-1");
        await _fleet.ReadAsync(db => db.Certificates.Where(c => c.IssuerId != old).ExecuteUpdateAsync(set => set.SetProperty(c => c.FirstUsedAt, _fleet.Clock.GetUtcNow())));
        Assert.IsType<RotationResult.Done>(await _fleet.Get<RemoveAuthority>().RunAsync(TestFleet.Admin, new(old), default));
        Assert.False(Directory.Current.Find(old)!.Verifies);
    }

    [Fact]
    public async Task Active_authority_cannot_be_removed_and_not_tainted_without_force()
    {
        var active = Active(AuthorityPurpose.Devices);
        Assert.IsType<RotationResult.WrongState>(await _fleet.Get<RemoveAuthority>().RunAsync(TestFleet.Admin, new(active, Force: true), default));
        Assert.IsType<RotationResult.NotReady>(await _fleet.Get<TaintAuthority>().RunAsync(TestFleet.Admin, new(active), default));
    }

    [Fact]
    public async Task Tainted_generation_is_told_to_devices_and_can_be_taken_back()
    {
        var (old, _) = await RotateAsync();
        var tainted = Done(await _fleet.Get<TaintAuthority>().RunAsync(TestFleet.Admin, new(old), default));
        Assert.Equal(AuthorityState.Tainted, Directory.Current.Find(old)!.State);
        Assert.Contains(Bundle().Authorities, authority => authority.Id == old && authority.State == AuthorityState.Tainted);
        var back = Done(await _fleet.Get<RetireAuthority>().RunAsync(TestFleet.Admin, new(old), default));
        Assert.True(back.BundleVersion > tainted.BundleVersion);
    }

    [Fact]
    public async Task Former_generation_can_be_activated_again()
    {
        var (old, next) = await RotateAsync();
        await ActivateAsync(old);
        Assert.Equal(AuthorityState.Retiring, Directory.Current.Find(next)!.State);
    }

    [Fact]
    public async Task Authority_signed_where_the_roots_key_is_kept_is_taken_in_from_its_files()
    {
        File.Move(Path.Combine(CaFolder, "root.key"), _folder.File("root.key"));
        await using var fleet = await TestFleet.StartAsync(CaFolder);
        Assert.IsType<RotationResult.NotReady>(await fleet.Get<PrepareAuthority>().RunAsync(TestFleet.Admin, new(AuthorityPurpose.Devices), default));

        using (var root = IssuerKey.Load(Path.Combine(CaFolder, "root.pem"), _folder.File("root.key")))
        using (var made = RootCeremony.NewAuthority(AuthorityPurpose.Devices, fleet.Pki.Names, root, fleet.Clock))
            made.Save(Path.Combine(CaFolder, "devices-2.pem"), Path.Combine(CaFolder, "devices-2.key"));
        Assert.IsType<RotationResult.Done>(await fleet.Get<PrepareAuthority>().RunAsync(TestFleet.Admin, new(AuthorityPurpose.Devices), default));
        fleet.Authorities.Dispose();
    }

    [Fact]
    public async Task Authority_of_another_fleet_or_purpose_is_not_taken_in()
    {
        File.Copy(Path.Combine(CaFolder, "services.pem"), Path.Combine(CaFolder, "servers-2.pem"));
        Assert.IsType<RotationResult.NotReady>(await _fleet.Get<PrepareAuthority>().RunAsync(TestFleet.Admin, new(AuthorityPurpose.Servers), default));
        File.WriteAllText(Path.Combine(CaFolder, "devices-2.pem"), _fleet.Pki.DeviceIssuer.ExportCertificatePem());
        Assert.IsType<RotationResult.NotReady>(await _fleet.Get<PrepareAuthority>().RunAsync(TestFleet.Admin, new(AuthorityPurpose.Devices), default));
    }

    [Fact]
    public async Task Root_is_removed_only_after_what_is_below_it()
    {
        var old = Active(AuthorityPurpose.Root);
        var next = await PrepareAsync(AuthorityPurpose.Root);
        await PublishAsync(next.Id);
        await ActivateAsync(next.Id);
        var refused = Assert.IsType<RotationResult.NotReady>(await _fleet.Get<RemoveAuthority>().RunAsync(TestFleet.Admin, new(old, Force: true), default));
        Assert.False(refused.MayForce);
        Assert.Equal(4, refused.Holders.Count);
    }

    /// <summary>Requirements A-1 and K-4: intent before the signature, result after it, a leaf in the log.</summary>
    [Fact]
    public async Task Roots_vouch_for_each_other_on_the_record()
    {
        var old = Active(AuthorityPurpose.Root);
        var next = await PrepareAsync(AuthorityPurpose.Root);

        var made = await _fleet.ReadAsync(db => db.ServerCertificates.Where(c => c.Profile == "Cross").ToListAsync());
        Assert.Equal([(old, next.Id), (next.Id, old)], made.Select(c => (c.IssuerId, c.Subject)).OrderBy(pair => pair.IssuerId == old ? 0 : 1));
        foreach (var subject in new[] { old, next.Id })
            Assert.Equal(["certificate.intent", "authority.cross-sign"], (await _fleet.AuditAsync(subject)).Select(entry => entry.Action).Take(2));
        var leaves = await _fleet.ReadAsync(db => db.LogLeaves.Select(leaf => leaf.Serial).ToListAsync());
        Assert.All(made, certificate => Assert.Contains(certificate.Serial, leaves));
        Assert.Empty(await _fleet.ReadAsync(db => db.IssuanceIntents.ToListAsync()));
    }

    [Fact]
    public async Task What_a_crash_left_of_the_vouching_is_not_made_twice()
    {
        var lost = await PrepareAsync(AuthorityPurpose.Root);
        await _fleet.ReadAsync(db => db.Authorities.Where(a => a.Id == lost.Id).ExecuteDeleteAsync());
        await Directory.ReloadAsync(default);

        await PrepareAsync(AuthorityPurpose.Root);

        Assert.Equal(2, await _fleet.ReadAsync(db => db.ServerCertificates.CountAsync(c => c.Profile == "Cross")));
    }

    private string Active(AuthorityPurpose purpose) => Directory.Current.Active(purpose)!.Id;

    private TrustBundleDocument Bundle() => TrustBundleDocument.ReadOwn(Directory.Current.Bundle!.Document);

    private async Task<Authority> PrepareAsync(AuthorityPurpose purpose) => Done(await _fleet.Get<PrepareAuthority>().RunAsync(TestFleet.Admin, new(purpose), default)).Authority;

    private async Task<RotationResult.Done> PublishAsync(string id) => Done(await _fleet.Get<PublishAuthority>().RunAsync(TestFleet.Admin, new(id), default));

    private async Task ActivateAsync(string id) => Done(await _fleet.Get<ActivateAuthority>().RunAsync(TestFleet.Admin, new(id), default));

    private async Task<(string Old, string Next)> RotateAsync()
    {
        var old = Active(AuthorityPurpose.Devices);
        var next = await PrepareAsync(AuthorityPurpose.Devices);
        await PublishAsync(next.Id);
        Done(await _fleet.Get<ActivateAuthority>().RunAsync(TestFleet.Admin, new(next.Id, Force: true), default));
        return (old, next.Id);
    }

    private async Task EnrolSeenAsync(string device, long bundle)
    {
        await _fleet.EnrolAsync(device);
        await SeenAsync(device, bundle);
    }

    private async Task SeenAsync(string device, long? bundle)
    {
        _fleet.Get<DeviceSightings>().Saw(device, bundle);
        await _fleet.Get<DeviceSightings>().WriteAsync(default);
    }

    private static RotationResult.Done Done(RotationResult result) => Assert.IsType<RotationResult.Done>(result);
}
