using System.Data.Common;
using System.Security.Cryptography;
using IoTFleet.Fleet.Certificates;
using IoTFleet.Fleet.IssuanceLog;
using IoTFleet.Pki.Transparency;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Tests.IssuanceLog;

/// <summary>What was issued is in the log, can be proved to be, and cannot be taken out again unseen.</summary>
public class IssuedLogTests
{
    [Fact]
    public async Task A_certificate_is_proved_to_be_in_the_log()
    {
        await using var fleet = await TestFleet.StartAsync();
        for (var i = 0; i < 5; i++) await fleet.EnrolAsync($"pump-{i}");
        var issued = await fleet.EnrolAsync("pump-5");

        var proof = await fleet.Get<IssuedLog>().ProofForAsync(issued.Serial, default);

        Assert.Equal((5, 6), (proof!.Index, proof.TreeSize));
        Assert.True(Checkpoint.TryOpen(proof.Checkpoint, fleet.Get<IssuedLog>().Verifier, out var head));
        Assert.True(MerkleProof.IsIncluded(MerkleHash.OfLeaf(issued.CertificateDer.Span), proof.Index, head.Size, proof.Proof, head.Root));
    }

    [Fact]
    public async Task A_later_head_is_proved_to_hold_an_earlier_one()
    {
        await using var fleet = await TestFleet.StartAsync();
        var log = fleet.Get<IssuedLog>();
        for (var i = 0; i < 3; i++) await fleet.EnrolAsync($"pump-{i}");
        var earlier = Open(log, await log.CheckpointAsync(default));
        for (var i = 3; i < 8; i++) await fleet.EnrolAsync($"pump-{i}");

        var consistency = await log.ConsistencyAsync(3, null, default);

        var later = Open(log, consistency!.Checkpoint);
        Assert.Equal((3, 8), (earlier.Size, later.Size));
        Assert.True(MerkleProof.IsConsistent(3, 8, earlier.Root, later.Root, consistency.Proof));
    }

    [Fact]
    public async Task A_restart_goes_on_where_the_log_was()
    {
        await using var fleet = await TestFleet.StartAsync();
        var issued = await fleet.EnrolAsync("pump-1");
        var earlier = Open(fleet.Get<IssuedLog>(), await fleet.Get<IssuedLog>().CheckpointAsync(default));

        using var restarted = NewLog(fleet);

        Assert.Equal(earlier.Text, Open(restarted, await restarted.CheckpointAsync(default)).Text);
        Assert.NotNull(await restarted.ProofForAsync(issued.Serial, default));
    }

    [Theory]
    [InlineData("DELETE FROM LogLeaves WHERE \"Index\" = 1")]
    [InlineData("DELETE FROM LogLeaves WHERE \"Index\" = 2")]
    [InlineData("UPDATE LogLeaves SET Hash = randomblob(32) WHERE \"Index\" = 0")]
    [InlineData("UPDATE LogLeaves SET \"Index\" = 7 WHERE \"Index\" = 2")]
    public async Task A_log_that_was_changed_signs_nothing_more(string tampering)
    {
        await using var fleet = await TestFleet.StartAsync();
        for (var i = 0; i < 3; i++) await fleet.EnrolAsync($"pump-{i}");
        await fleet.Get<IssuedLog>().CheckpointAsync(default);
        await fleet.SqlAsync(tampering);

        using var restarted = NewLog(fleet);

        await Assert.ThrowsAsync<LogDamagedException>(() => restarted.CheckpointAsync(default));
        await Assert.ThrowsAsync<LogDamagedException>(() => restarted.ProofAtAsync(0, default));
        Assert.NotEmpty((await VerifyAsync(fleet)).Problems);
    }

    [Fact]
    public async Task A_sound_log_verifies()
    {
        await using var fleet = await TestFleet.StartAsync();
        for (var i = 0; i < 3; i++) await fleet.EnrolAsync($"pump-{i}");
        var head = Open(fleet.Get<IssuedLog>(), await fleet.Get<IssuedLog>().CheckpointAsync(default));

        var result = await VerifyAsync(fleet);

        Assert.Empty(result.Problems);
        Assert.Equal((3, 1), (result.Leaves, result.Checkpoints));
        Assert.Equal(head.Root, result.Root);
    }

    [Theory]
    [InlineData("UPDATE Certificates SET Der = randomblob(400) WHERE LogIndex = 1")]
    [InlineData("UPDATE Certificates SET LogIndex = NULL WHERE LogIndex = 1")]
    [InlineData("DELETE FROM Certificates WHERE LogIndex = 1")]
    [InlineData("UPDATE LogCheckpoints SET RootHash = randomblob(32)")]
    [InlineData("UPDATE LogCheckpoints SET Note = replace(Note, 'issued', 'forged')")]
    public async Task What_disagrees_with_the_log_is_found(string tampering)
    {
        await using var fleet = await TestFleet.StartAsync();
        for (var i = 0; i < 3; i++) await fleet.EnrolAsync($"pump-{i}");
        await fleet.Get<IssuedLog>().CheckpointAsync(default);

        Assert.True(await fleet.SqlAsync(tampering) > 0);

        Assert.NotEmpty((await VerifyAsync(fleet)).Problems);
    }

    [Fact]
    public async Task Units_that_fail_leave_no_gap_in_the_log()
    {
        await using var fleet = await TestFleet.StartAsync();
        var (writer, log) = (fleet.Get<FleetWriter>(), fleet.Get<IssuedLog>());

        var units = Enumerable.Range(0, 50).Select(i => writer.RunAsync(async (db, ct) =>
        {
            var index = await log.AppendAsync(db, RandomNumberGenerator.GetBytes(400), $"{i:x32}", ct);
            return i % 3 == 0 ? throw new InvalidOperationException("no") : index;
        }, default)).ToList();
        await Task.WhenAll(units.Select(unit => unit.ContinueWith(_ => { }, TaskScheduler.Default)));

        var indices = await fleet.ReadAsync(db => db.LogLeaves.OrderBy(l => l.Index).Select(l => l.Index).ToListAsync());
        Assert.Equal(Enumerable.Range(0, 33).Select(i => (long)i), indices);
        Assert.Equal(indices, units.Where(unit => unit.IsCompletedSuccessfully).Select(unit => unit.Result).Order());
    }

    [Fact]
    public async Task Proofs_asked_for_while_the_log_grows_are_all_good()
    {
        await using var fleet = await TestFleet.StartAsync();
        var (writer, log) = (fleet.Get<FleetWriter>(), fleet.Get<IssuedLog>());

        await Task.WhenAll(Enumerable.Range(0, 600).Select(i => Task.Run(async () =>
        {
            var certificate = RandomNumberGenerator.GetBytes(400);
            var index = await writer.RunAsync((db, ct) => log.AppendAsync(db, certificate, $"{i:x32}", ct), default);
            var proof = await log.ProofAtAsync(index, default);
            var head = Open(log, proof!.Checkpoint);
            Assert.Equal(proof.TreeSize, head.Size);
            Assert.True(MerkleProof.IsIncluded(MerkleHash.OfLeaf(certificate), index, head.Size, proof.Proof, head.Root));
        })));
    }

    [Fact]
    public async Task A_fleet_older_than_its_log_is_taken_into_it_once()
    {
        await using var fleet = await TestFleet.StartAsync();
        var issued = await fleet.EnrolAsync("pump-1");
        await fleet.SqlAsync("DELETE FROM LogLeaves; UPDATE Certificates SET LogIndex = NULL");

        await fleet.Get<AdoptCertificates>().RunAsync(default);
        await fleet.Get<AdoptCertificates>().RunAsync(default);

        Assert.Equal(0, (await fleet.Get<IssuedLog>().ProofForAsync(issued.Serial, default))!.Index);
        Assert.Equal(1, await fleet.ReadAsync(db => db.LogLeaves.CountAsync()));
        Assert.Empty((await VerifyAsync(fleet)).Problems);
    }

    [Fact]
    public async Task A_row_slipped_in_later_does_not_become_one_of_the_logs()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.EnrolAsync("pump-1");
        await fleet.SqlAsync("""
            INSERT INTO Certificates (Serial, DeviceId, KeyFingerprint, IssuerId, Door, Der, NotBeforeUs, NotAfterUs, KeyUses)
            SELECT 'ff', DeviceId, KeyFingerprint, IssuerId, Door, randomblob(400), NotBeforeUs, NotAfterUs, 0 FROM Certificates
            """);

        await fleet.Get<AdoptCertificates>().RunAsync(default);

        Assert.Equal(1, await fleet.ReadAsync(db => db.LogLeaves.CountAsync()));
        Assert.Equal("Certificate ff is not in the log.", Assert.Single((await VerifyAsync(fleet)).Problems));
    }

    [Fact]
    public async Task An_intent_without_a_result_is_reported_at_the_start()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.RefuseInsertsAsync("LogLeaves");
        await Assert.ThrowsAnyAsync<DbException>(() => fleet.EnrolAsync("pump-1"));

        await fleet.Get<ReportIntents>().RunAsync(default);

        Assert.Equal(1, fleet.Log.Count("IntentWithoutResult"));
        Assert.Equal(["intended", "no-result"], (await fleet.AuditAsync("pump-1")).Select(entry => entry.Outcome));
    }

    private static IssuedLog NewLog(TestFleet fleet) =>
        new(fleet.Databases, fleet.Get<FleetWriter>(), fleet.Get<LogKey>(), fleet.Clock, fleet.Get<Microsoft.Extensions.Logging.ILogger<IssuedLog>>());

    private static Checkpoint Open(IssuedLog log, string note)
    {
        Assert.True(Checkpoint.TryOpen(note, log.Verifier, out var checkpoint));
        return checkpoint;
    }

    private static async Task<VerifyLogResult.Done> VerifyAsync(TestFleet fleet) =>
        Assert.IsType<VerifyLogResult.Done>(await fleet.Get<VerifyLog>().RunAsync(TestFleet.Viewer, default));
}
