using IoTFleet.Fleet.Audit;
using IoTFleet.Fleet.Devices;
using Microsoft.EntityFrameworkCore;
using static IoTFleet.Fleet.Audit.VerifyAuditResult;

namespace IoTFleet.Fleet.Tests.Audit;

/// <summary>Every entry is a link, whoever wrote it, and nothing can be done to one unseen.</summary>
public class AuditChainTests
{
    [Fact]
    public async Task Use_cases_with_and_without_the_writer_make_one_sound_chain()
    {
        await using var fleet = await FleetWithAuditAsync();

        var result = await VerifyAsync(fleet);

        Assert.Empty(result.Problems);
        Assert.Equal(await fleet.ReadAsync(db => db.Audit.LongCountAsync()), result.Entries);
        Assert.Equal(result.Entries, Assert.Single(result.Heads).Sequence);
    }

    [Fact]
    public async Task Links_made_at_once_by_many_follow_each_other()
    {
        await using var fleet = await TestFleet.StartAsync();

        await Task.WhenAll(Enumerable.Range(0, 40).Select(i => Task.Run(() => i % 2 == 0
            ? (Task)fleet.Get<RegisterDevice>().RunAsync(TestFleet.Admin, new($"pump-{i}"), default)
            : fleet.Get<RegisterDevice>().RunAsync(TestFleet.Viewer, new($"pump-{i}"), default))));

        var result = await VerifyAsync(fleet);
        Assert.Empty(result.Problems);
        Assert.Equal(40, result.Entries);
    }

    [Fact]
    public async Task What_is_undone_leaves_no_gap()
    {
        await using var fleet = await FleetWithAuditAsync();
        var failing = fleet.Get<FleetWriter>().RunAsync<int>((db, _) =>
        {
            fleet.Get<AuditTrail>().Done(db, Actor.System, "test", "undone");
            throw new InvalidOperationException("no");
        }, default);
        await Assert.ThrowsAsync<InvalidOperationException>(() => failing);
        await fleet.EnrolAsync("after");

        Assert.Empty((await VerifyAsync(fleet)).Problems);
    }

    [Theory]
    [InlineData("AtUs", "AtUs + 1")]
    [InlineData("ActorKind", "'System'")]
    [InlineData("ActorName", "ActorName || 'x'")]
    [InlineData("Action", "'Device.register'")]
    [InlineData("Subject", "substring(Subject, 2, 100)")]
    [InlineData("Outcome", "'Done'")]
    [InlineData("Detail", "COALESCE(Detail, '') || '.'")]
    [InlineData("Detail", "CASE WHEN Detail IS NULL THEN '' ELSE NULL END")]
    [InlineData("Chain", "Chain || 'x'")]
    [InlineData("Chain", "''")]
    [InlineData("Sequence", "Sequence + 1")]
    [InlineData("Sequence", "0")]
    [InlineData("Hash", "replace(Hash, substring(Hash, 1, 1), 'g')")]
    [InlineData("Id", "Id + 1000")]
    public async Task An_edit_of_any_field_is_found(string column, string value)
    {
        await using var fleet = await FleetWithAuditAsync();

        var edit = "UPDATE Audit SET COLUMN = VALUE WHERE Subject = 'pump-1' AND Action = 'device.register'".Replace("COLUMN", column).Replace("VALUE", value);
        await fleet.SqlAsync(edit);

        Assert.NotEmpty((await VerifyAsync(fleet)).Problems);
    }

    [Theory]
    [InlineData("DELETE FROM Audit WHERE Sequence = 3")]
    [InlineData("DELETE FROM Audit WHERE Sequence = (SELECT MAX(Sequence) FROM Audit)")]
    [InlineData("DELETE FROM Audit WHERE Sequence = 1")]
    [InlineData("DELETE FROM AuditHeads")]
    [InlineData("UPDATE Audit SET Sequence = CASE Sequence WHEN 2 THEN 3 ELSE 2 END WHERE Sequence IN (2, 3)")]
    [InlineData("INSERT INTO Audit SELECT AtUs, ActorKind, ActorName, Action, Subject, Outcome, Detail, Chain, Sequence + 1, Hash FROM Audit WHERE Sequence = (SELECT MAX(Sequence) FROM Audit)")]
    public async Task A_row_deleted_moved_or_put_in_is_found(string tampering)
    {
        await using var fleet = await FleetWithAuditAsync();
        var columns = "(AtUs, ActorKind, ActorName, Action, Subject, Outcome, Detail, Chain, Sequence, Hash)";

        Assert.True(await fleet.SqlAsync(tampering.Replace("INTO Audit", "INTO Audit " + columns)) > 0);

        Assert.NotEmpty((await VerifyAsync(fleet)).Problems);
    }

    [Fact]
    public async Task A_chain_written_anew_is_found_by_what_was_seen_of_it_before()
    {
        await using var fleet = await FleetWithAuditAsync();
        var seen = Assert.Single((await VerifyAsync(fleet)).Heads);

        await fleet.SqlAsync("DELETE FROM Audit; DELETE FROM AuditHeads");
        for (var i = 0; i < 20; i++) await fleet.Get<RegisterDevice>().RunAsync(TestFleet.Admin, new($"new-{i}"), default);

        Assert.Empty((await VerifyAsync(fleet)).Problems);
        Assert.NotEmpty((await VerifyAsync(fleet, seen)).Problems);
    }

    [Fact]
    public async Task Entries_older_than_the_chains_are_counted_and_do_no_harm()
    {
        await using var fleet = await FleetWithAuditAsync();
        await fleet.SqlAsync(
            "INSERT INTO Audit (AtUs, ActorKind, ActorName, Action, Subject, Outcome, Chain, Sequence, Hash) VALUES (1, 'System', 'system', 'a', 'b', 'done', '', 0, '')");

        var result = await VerifyAsync(fleet);

        Assert.Equal(1, result.Older);
        Assert.Empty(result.Problems);
    }

    [Fact]
    public async Task Entries_are_found_by_what_they_say_a_page_at_a_time()
    {
        await using var fleet = await FleetWithAuditAsync();
        var find = fleet.Get<FindAudit>();

        var first = Assert.IsType<FindAuditResult.Page>(await find.RunAsync(TestFleet.Viewer, new(Action: "device.", Limit: 2), default));
        var rest = Assert.IsType<FindAuditResult.Page>(await find.RunAsync(TestFleet.Viewer, new(Action: "device.", Cursor: first.Next), default));
        var forbidden = Assert.IsType<FindAuditResult.Page>(await find.RunAsync(TestFleet.Viewer, new(Outcome: "forbidden", Actor: "vic"), default));

        Assert.Equal(["device.enrol", "device.register"], first.Entries.Select(e => e.Action));
        Assert.Equal(["pump-2", "pump-1"], rest.Entries.Select(e => e.Subject));
        Assert.Equal("pump-2", Assert.Single(forbidden.Entries).Subject);
    }

    private static async Task<TestFleet> FleetWithAuditAsync()
    {
        var fleet = await TestFleet.StartAsync();
        await fleet.Get<RegisterDevice>().RunAsync(TestFleet.Admin, new("pump-1"), default);
        await fleet.Get<RegisterDevice>().RunAsync(TestFleet.Viewer, new("pump-2"), default); // Refused, by a unit of the writer.
        await fleet.Get<RegisterDevice>().RunAsync(TestFleet.Admin, new("pump-3"), default);
        await fleet.EnrolAsync("pump-4");
        return fleet;
    }

    private static async Task<Done> VerifyAsync(TestFleet fleet, params ChainAnchor[] anchors) =>
        Assert.IsType<Done>(await fleet.Get<VerifyAudit>().RunAsync(TestFleet.Viewer, new VerifyAuditRequest(anchors), default));
}
