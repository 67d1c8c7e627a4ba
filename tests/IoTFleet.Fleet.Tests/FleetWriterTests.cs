using IoTFleet.Fleet.Enrolment;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Tests;

public class FleetWriterTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task A_unit_is_committed_before_anybody_hears_of_it()
    {
        await using var fleet = await TestFleet.StartAsync();

        var answer = await fleet.Get<FleetWriter>().RunAsync(Add("a"), default);

        Assert.Equal(("a", true), (answer, await IsStoredAsync(fleet, "a")));
    }

    [Fact]
    public async Task What_waits_shares_one_commit()
    {
        await using var fleet = await TestFleet.StartAsync();
        var writer = fleet.Get<FleetWriter>();
        var first = await HoldAsync(writer, "first");

        var others = Enumerable.Range(0, 20).Select(i => writer.RunAsync(Add($"s{i}"), default)).ToList();
        var commits = writer.Commits;
        first.Release();
        await Task.WhenAll(others).WaitAsync(Deadline);

        Assert.Equal(2, writer.Commits - commits);
        Assert.Equal(21, await fleet.ReadAsync(db => db.AllowedSerials.CountAsync()));
    }

    [Fact]
    public async Task A_unit_that_throws_is_undone_alone()
    {
        await using var fleet = await TestFleet.StartAsync();
        var writer = fleet.Get<FleetWriter>();
        var first = await HoldAsync(writer, "first");

        var good = writer.RunAsync(Add("good"), default);
        var bad = writer.RunAsync<string>(async (db, ct) =>
        {
            await Add("bad")(db, ct);
            await db.SaveChangesAsync(ct);
            throw new InvalidOperationException("no");
        }, default);
        var late = writer.RunAsync(Add("late"), default);
        first.Release();

        Assert.Equal("no", (await Assert.ThrowsAsync<InvalidOperationException>(() => bad)).Message);
        Assert.Equal(["good", "late"], new[] { await good, await late });
        Assert.Equal(["first", "good", "late"], await fleet.ReadAsync(db => db.AllowedSerials.Select(s => s.Serial).OrderBy(s => s).ToListAsync()));
    }

    [Fact]
    public async Task A_row_that_breaks_a_rule_of_the_database_fails_its_own_unit_only()
    {
        await using var fleet = await TestFleet.StartAsync();
        var writer = fleet.Get<FleetWriter>();
        var first = await HoldAsync(writer, "first");

        var twice = writer.RunAsync(Add("first"), default); // Its key is taken.
        var good = writer.RunAsync(Add("good"), default);
        first.Release();

        await Assert.ThrowsAsync<DbUpdateException>(() => twice);
        Assert.Equal("good", await good);
    }

    [Fact]
    public async Task An_answer_that_is_not_kept_is_given_and_leaves_nothing()
    {
        await using var fleet = await TestFleet.StartAsync();

        var answer = await fleet.Get<FleetWriter>().RunAsync(Add("a"), keep: _ => false, default);

        Assert.Equal(("a", false), (answer, await IsStoredAsync(fleet, "a")));
    }

    [Fact]
    public async Task A_commit_that_fails_fails_every_unit_of_it()
    {
        await using var fleet = await TestFleet.StartAsync();
        var writer = fleet.Get<FleetWriter>();
        var first = await HoldAsync(writer, "first");

        var good = writer.RunAsync(Add("good"), default);
        var fatal = writer.RunAsync(async (db, ct) =>
        {
            await db.Database.ExecuteSqlRawAsync("ROLLBACK", ct); // As SQLite itself does when its disk is full.
            return "fatal";
        }, default);
        first.Release();

        await Assert.ThrowsAnyAsync<Exception>(() => good);
        await Assert.ThrowsAnyAsync<Exception>(() => fatal);
        Assert.False(await IsStoredAsync(fleet, "good"));
        Assert.Equal("after", await writer.RunAsync(Add("after"), default).WaitAsync(Deadline));
    }

    [Fact]
    public async Task Who_goes_away_before_the_turn_has_nothing_written()
    {
        await using var fleet = await TestFleet.StartAsync();
        var writer = fleet.Get<FleetWriter>();
        var first = await HoldAsync(writer, "first");
        using var leaving = new CancellationTokenSource();

        var gone = writer.RunAsync(Add("gone"), leaving.Token);
        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => gone.WaitAsync(Deadline)); // While the first still holds the thread.
        first.Release();
        await writer.RunAsync(Add("next"), default);

        Assert.False(await IsStoredAsync(fleet, "gone"));
    }

    [Fact]
    public async Task Stopping_writes_what_was_taken_and_takes_nothing_more()
    {
        await using var fleet = await TestFleet.StartAsync();
        var writer = fleet.Get<FleetWriter>();
        var first = await HoldAsync(writer, "first");
        var taken = writer.RunAsync(Add("taken"), default);

        var stopping = writer.StopAsync();
        await Assert.ThrowsAsync<FleetStoppingException>(() => writer.RunAsync(Add("late"), default));
        first.Release();
        await stopping.WaitAsync(Deadline);

        Assert.Equal("taken", await taken);
        Assert.True(await IsStoredAsync(fleet, "taken"));
    }

    [Fact]
    public async Task A_unit_may_not_wait_for_the_writer_that_runs_it()
    {
        await using var fleet = await TestFleet.StartAsync();
        var writer = fleet.Get<FleetWriter>();

        await Assert.ThrowsAsync<InvalidOperationException>(() =>
            writer.RunAsync((_, ct) => writer.RunAsync(Add("inner"), ct), default).WaitAsync(Deadline));
    }

    private static Func<FleetDbContext, CancellationToken, Task<string>> Add(string serial) => (db, _) =>
    {
        db.AllowedSerials.Add(new AllowedSerial { GroupId = EnrolmentGroup.DefaultId, Serial = serial });
        return Task.FromResult(serial);
    };

    private static Task<bool> IsStoredAsync(TestFleet fleet, string serial) => fleet.ReadAsync(db => db.AllowedSerials.AnyAsync(s => s.Serial == serial));

    /// <summary>Comes back when the writer is inside the unit, and keeps it there until it is released.</summary>
    private static async Task<SemaphoreSlim> HoldAsync(FleetWriter writer, string serial)
    {
        var inside = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var held = new SemaphoreSlim(0);
        _ = writer.RunAsync((db, ct) =>
        {
            inside.SetResult();
            held.Wait(Deadline, CancellationToken.None);
            return Add(serial)(db, ct);
        }, default);
        await inside.Task.WaitAsync(Deadline);
        return held;
    }
}
