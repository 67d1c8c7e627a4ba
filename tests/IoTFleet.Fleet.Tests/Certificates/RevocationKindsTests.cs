using IoTFleet.Fleet.Authorities;
using IoTFleet.Fleet.Certificates;
using IoTFleet.Fleet.Devices;
using IoTFleet.Fleet.Enrolment;
using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Tests.Certificates;

/// <summary>What can be revoked beside a device, each by its use case and then as the revoked set sees it.</summary>
public class RevocationKindsTests : IAsyncLifetime
{
    private TestFleet _fleet = null!;
    private RevocationReader _reader = null!;

    public async ValueTask InitializeAsync()
    {
        _fleet = await TestFleet.StartAsync();
        _reader = await Set.LoadAsync(default);
    }

    public ValueTask DisposeAsync() => _fleet.DisposeAsync();

    private RevokedSet Set => _fleet.Get<RevokedSet>();

    [Fact]
    public async Task A_revoked_certificate_is_blocked_and_another_of_the_device_is_not()
    {
        var facts = await EnrolAsync("pump-1");

        Assert.IsType<RevokeCertificateResult.Revoked>(await RevokeAsync(facts.Serial));

        Assert.Equal(Block.Certificate, await BlockAsync(facts));
        Assert.Equal(Block.None, await BlockAsync(facts with { Serial = "0102" }));
        Assert.Equal(Block.None, await BlockAsync(facts with { IssuerId = "feed" })); // Another authority's certificate with the same number.
    }

    [Fact]
    public async Task A_suspended_certificate_is_blocked_until_it_is_resumed()
    {
        var facts = await EnrolAsync("pump-1");
        await _fleet.Get<SuspendCertificate>().RunAsync(TestFleet.Admin, facts.Serial, default);
        Assert.Equal(Block.Certificate, await BlockAsync(facts));
        Assert.Equal(RefusalReason.CertificateSuspended, await RefusalAsync(facts));

        await _fleet.Get<SuspendCertificate>().ResumeAsync(TestFleet.Admin, facts.Serial, default);

        Assert.Equal(Block.None, await BlockAsync(facts));
        Assert.Null(await RefusalAsync(facts));
        Assert.Equal(["certificate.suspend", "certificate.resume"], (await _fleet.AuditAsync(facts.Serial)).Select(entry => entry.Action));
    }

    [Fact]
    public async Task A_revoked_certificate_is_not_resumed()
    {
        var facts = await EnrolAsync("pump-1");
        await RevokeAsync(facts.Serial);

        Assert.IsType<SuspendCertificateResult.AlreadyRevoked>(await _fleet.Get<SuspendCertificate>().ResumeAsync(TestFleet.Admin, facts.Serial, default));

        Assert.Equal(Block.Certificate, await BlockAsync(facts));
    }

    [Fact]
    public async Task A_hold_is_no_reason_to_revoke() =>
        Assert.IsType<RevokeCertificateResult.Invalid>(await RevokeAsync((await EnrolAsync("pump-1")).Serial, RevocationReason.CertificateHold));

    [Fact]
    public async Task A_certificate_revoked_as_compromised_takes_its_key_with_it()
    {
        var facts = await EnrolAsync("pump-1");

        await RevokeAsync(facts.Serial, RevocationReason.KeyCompromise);

        Assert.Equal(Block.Key, await BlockAsync(facts with { DeviceId = "other", Serial = "0102" }));
        Assert.Equal(facts.KeyFingerprint, await _fleet.ReadAsync(db => db.BlockedKeys.Select(key => key.Fingerprint).SingleAsync()));
    }

    [Fact]
    public async Task A_device_revoked_as_compromised_takes_all_its_keys_with_it()
    {
        var facts = await EnrolAsync("pump-1");

        await _fleet.Get<RevokeDevice>().RunAsync(TestFleet.Admin, new("pump-1", RevocationReason.KeyCompromise), default);

        Assert.Equal(Block.Key, await BlockAsync(facts with { DeviceId = "other", Serial = "0102" }));
    }

    [Fact]
    public async Task A_revoked_key_takes_its_certificates_with_it_and_stays_blocked_after_a_start()
    {
        var facts = await EnrolAsync("pump-1");

        Assert.Equal(new BlockKeyResult.Blocked(facts.KeyFingerprint, 1), await BlockKeyAsync(facts.KeyFingerprint.ToUpperInvariant()));
        Assert.Equal(new BlockKeyResult.Blocked(facts.KeyFingerprint, 0), await BlockKeyAsync(facts.KeyFingerprint));

        Assert.Equal(RefusalReason.CertificateRevoked, await RefusalAsync(facts));
        await Set.LoadAsync(default);
        Assert.Equal(Block.Key, Set.FindBlock(facts with { DeviceId = "other", Serial = "0102" }));
        Assert.IsType<BlockKeyResult.Invalid>(await BlockKeyAsync("not a fingerprint"));
    }

    [Fact]
    public async Task A_batch_is_blocked_for_enrolment_and_its_devices_stay()
    {
        var facts = await EnrolByBatchAsync("pump-1", "line-7");
        var claim = new CertificateFacts("", "0a", facts.IssuerId, "", "line-7");

        await _fleet.Get<ChangeBatch>().RunAsync(TestFleet.Admin, new("line-7", BatchChange.Suspend), default);
        Assert.Equal((Block.Batch, Block.None), (await BlockAsync(claim), await BlockAsync(facts)));
        await _fleet.Get<ChangeBatch>().RunAsync(TestFleet.Admin, new("line-7", BatchChange.Resume), default);
        Assert.Equal(Block.None, await BlockAsync(claim));
        var done = Assert.IsType<ChangeBatchResult.Done>(await _fleet.Get<ChangeBatch>().RunAsync(TestFleet.Admin, new("line-7", BatchChange.Revoke), default));

        Assert.Equal((Block.Batch, Block.None, 1), (await BlockAsync(claim), await BlockAsync(facts), done.Devices));
        Assert.IsType<ChangeBatchResult.AlreadyRevoked>(await _fleet.Get<ChangeBatch>().RunAsync(TestFleet.Admin, new("line-7", BatchChange.Resume), default));
    }

    [Fact]
    public async Task A_batchs_devices_are_suspended_and_resumed_by_one_row()
    {
        var facts = await EnrolByBatchAsync("pump-1", "line-7");
        var other = await EnrolAsync("pump-2");

        await ManyAsync(ManyAction.Suspend, new() { Batch = "line-7" }, 1);
        Assert.Equal((Block.Batch, Block.None), (await BlockAsync(facts), await BlockAsync(other)));
        Assert.Equal(RefusalReason.BatchBlocked, await RefusalAsync(facts));
        await ManyAsync(ManyAction.Resume, new() { Batch = "line-7" }, 1);

        Assert.Equal(Block.None, await BlockAsync(facts));
        Assert.Null(await RefusalAsync(facts));
        Assert.Equal(2, await _fleet.ReadAsync(db => db.Revocations.CountAsync()));
    }

    [Fact]
    public async Task An_authoritys_generation_ends_with_everything_it_issued()
    {
        var facts = await EnrolAsync("pump-1");
        await _fleet.Get<AuthorityDirectory>().LoadAsync(default);
        var revoke = _fleet.Get<RevokeAuthority>();
        var wrong = await revoke.RunAsync(TestFleet.Admin, new(facts.IssuerId, RevocationReason.CaCompromise, Confirm: 7), default);
        Assert.Equal(new RevokeAuthorityResult.CountMismatch(1, 7), wrong);

        Assert.Equal(
            new RevokeAuthorityResult.Revoked(facts.IssuerId, 1),
            await revoke.RunAsync(TestFleet.Admin, new(facts.IssuerId, RevocationReason.CaCompromise, Confirm: 1), default));

        Assert.Equal(Block.Authority, await BlockAsync(facts));
        Assert.Equal(RefusalReason.AuthorityRevoked, await RefusalAsync(facts));
        Assert.Equal(AuthorityState.Removed, await _fleet.ReadAsync(db => db.Authorities.Where(a => a.Id == facts.IssuerId).Select(a => a.State).SingleAsync()));
    }

    [Fact]
    public async Task Whoever_may_only_look_revokes_nothing()
    {
        var facts = await EnrolAsync("pump-1");

        Assert.IsType<RevokeCertificateResult.Forbidden>(await _fleet.Get<RevokeCertificate>().RunAsync(TestFleet.Viewer, new(facts.Serial), default));
        Assert.IsType<SuspendCertificateResult.Forbidden>(await _fleet.Get<SuspendCertificate>().RunAsync(TestFleet.Viewer, facts.Serial, default));
        Assert.IsType<BlockKeyResult.Forbidden>(await _fleet.Get<BlockKey>().RunAsync(TestFleet.Viewer, new(facts.KeyFingerprint), default));
        Assert.IsType<ChangeBatchResult.Forbidden>(await _fleet.Get<ChangeBatch>().RunAsync(TestFleet.Viewer, new("line-7", BatchChange.Suspend), default));
        Assert.IsType<RevokeManyResult.Forbidden>(await _fleet.Get<RevokeMany>().RunAsync(TestFleet.Viewer, new(ManyAction.Revoke, new() { Tag = "a=b" }), default));
        Assert.IsType<RevokeAuthorityResult.Forbidden>(await _fleet.Get<RevokeAuthority>().RunAsync(TestFleet.Viewer, new("00", default), default));

        Assert.Equal(0, await _fleet.ReadAsync(db => db.Revocations.CountAsync()));
    }

    private async Task<CertificateFacts> EnrolAsync(string id)
    {
        var issued = await _fleet.EnrolAsync(id);
        return await _fleet.ReadAsync(db => db.Certificates.Where(c => c.Serial == issued.Serial)
            .Select(c => new CertificateFacts(c.DeviceId, c.Serial, c.IssuerId, c.KeyFingerprint, c.BatchId)).SingleAsync());
    }

    private async Task<CertificateFacts> EnrolByBatchAsync(string id, string batch)
    {
        var facts = await EnrolAsync(id);
        var now = _fleet.Clock.GetUtcNow();
        await using var db = await _fleet.Databases.CreateDbContextAsync();
        db.ClaimBatches.Add(new ClaimBatch { Id = batch, GroupId = EnrolmentGroup.DefaultId, Quota = 10, OpensAt = now, ClosesAt = now.AddDays(1), CreatedAt = now });
        await db.SaveChangesAsync();
        await db.Certificates.Where(c => c.Serial == facts.Serial).ExecuteUpdateAsync(set => set.SetProperty(c => c.BatchId, batch));
        return facts with { BatchId = batch };
    }

    private Task<RevokeCertificateResult> RevokeAsync(string serial, RevocationReason reason = RevocationReason.Unspecified) =>
        _fleet.Get<RevokeCertificate>().RunAsync(TestFleet.Admin, new(serial, reason), default);

    private Task<BlockKeyResult> BlockKeyAsync(string fingerprint) => _fleet.Get<BlockKey>().RunAsync(TestFleet.Admin, new(fingerprint), default);

    private async Task ManyAsync(ManyAction action, RevocationTarget target, int count) => Assert.Equal(
        new RevokeManyResult.Done(count, 0), await _fleet.Get<RevokeMany>().RunAsync(TestFleet.Admin, new(action, target, Confirm: count), default));

    private async Task<Block> BlockAsync(CertificateFacts facts)
    {
        Set.Apply(await _reader.ReadAsync(default));
        return Set.FindBlock(facts);
    }

    private async Task<RefusalReason?> RefusalAsync(CertificateFacts facts) =>
        (await _fleet.Get<AdmitDevice>().RunAsync(new(facts.DeviceId, facts.Serial), default) as AdmitDeviceResult.Refused)?.Reason;
}
