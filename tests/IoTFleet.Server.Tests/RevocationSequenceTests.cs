using IoTFleet.Fleet;
using IoTFleet.Fleet.Certificates;
using IoTFleet.Mqtt;
using IoTFleet.Server.Mqtt;
using IoTFleet.Testing;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Server.Tests;

/// <summary>A database that has forgotten revocations, and a node that cannot read them (attack row 34).</summary>
public sealed class RevocationSequenceTests
{
    [Fact]
    public async Task A_database_restored_from_before_a_revocation_is_refused_at_the_start()
    {
        using var folder = new TemporaryFolder();
        await RevokeAndForgetAsync(folder);

        var refused = await Assert.ThrowsAsync<StartupException>(() => RunningServer.StartAsync(folder, keepFolder: true));

        Assert.Contains("older copy", refused.Message);
        Assert.Contains("AcceptOlderRevocations", refused.Message);
    }

    [Fact]
    public async Task An_operator_may_accept_the_older_copy_and_that_is_written_down()
    {
        using var folder = new TemporaryFolder();
        await RevokeAndForgetAsync(folder);

        await using (var accepted = await RunningServer.StartAsync(folder, keepFolder: true, ("IoTFleet:AcceptOlderRevocations", "true")))
        {
            accepted.ExpectedEvents = ["OlderRevocationsAccepted"];
            await using var db = await DbAsync(accepted);
            Assert.Equal("revocations.accept-older", (await db.Audit.OrderByDescending(entry => entry.Id).FirstAsync()).Action);
        }

        await using var next = await RunningServer.StartAsync(folder, keepFolder: true); // Not needed a second time.
    }

    [Fact]
    public async Task A_database_that_forgets_while_the_server_runs_lets_nobody_in()
    {
        await using var server = await RunningServer.StartAsync();
        server.ExpectedEvents = ["RevocationsRolledBack"];
        using var certificate = await server.EnrolAsync("pump-7");
        await using var running = await server.ConnectAsync("pump-7", certificate);
        using var other = await server.EnrolAsync("pump-8");
        await server.Client.SuspendDeviceAsync("pump-8");

        await ForgetAsync(server);

        await Eventually.TrueAsync(() => Task.FromResult(server.Get<RevocationFreshness>().IsRolledBack));
        using var late = await server.EnrolAsync("pump-9");
        await using var device = await server.OpenAsync(late);
        Assert.Equal(ReasonCode.ServerUnavailable, (await device.ConnectAsync("pump-9")).Reason);
        Assert.Equal(1, server.Refused("revocations-rolled-back"));
        await running.ExpectNothingAsync();
    }

    /// <summary>The same number is not the same revocation: what an older copy appends after its restoration has the ids of what it has forgotten.</summary>
    [Fact]
    public async Task A_database_that_has_other_revocations_under_the_same_numbers_is_refused_too()
    {
        using var folder = new TemporaryFolder();
        await RevokeAndForgetAsync(folder, replace: true);

        await Assert.ThrowsAsync<StartupException>(() => RunningServer.StartAsync(folder, keepFolder: true));
    }

    [Theory]
    [InlineData("refuse", true)]
    [InlineData("accept", false)]
    public void A_node_that_could_not_read_the_feed_for_half_a_minute_takes_nobody_unless_told_to(string setting, bool refuses)
    {
        var clock = new FakeClock();
        var freshness = new RevocationFreshness(new ServerOptions { StaleRevocations = setting }, clock);
        clock.Advance(RevocationFreshness.MaxAge);
        Assert.Null(freshness.FindRefusal());
        clock.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal(refuses ? "revocations-stale" : null, freshness.FindRefusal()?.Reason);
        freshness.Confirm();
        Assert.Null(freshness.FindRefusal());
        Assert.True(freshness.RollBack());
        Assert.Equal("revocations-rolled-back", freshness.FindRefusal()?.Reason); // Whatever the setting.
    }

    [Fact]
    public async Task Accepting_stale_revocations_is_written_down()
    {
        await using var server = await RunningServer.StartAsync(("IoTFleet:StaleRevocations", "accept"));
        await using var db = await DbAsync(server);
        Assert.True(await db.Audit.AnyAsync(entry => entry.Action == "revocations.accept-stale"));
    }

    [Fact]
    public async Task A_number_that_could_not_be_written_down_is_written_at_the_next_look_and_the_revocation_in_force_before()
    {
        await using var server = await RunningServer.StartAsync();
        server.ExpectedEvents = ["RevocationSequenceNotKept"];
        using var certificate = await server.EnrolAsync("pump-7");
        var (file, watch) = (Path.Combine(server.DataPath, "revocations.sequence"), server.Get<RevocationWatch>());
        Directory.CreateDirectory(file + ".new"); // in the way, as a full disk is

        await server.Client.RevokeDeviceAsync("pump-7");
        await watch.CatchUpAsync(default);
        var applied = watch.Applied;
        await using (var device = await server.OpenAsync(certificate)) Assert.NotEqual(ReasonCode.Success, (await device.ConnectAsync("pump-7")).Reason);
        Assert.NotEqual($"{applied}", (await File.ReadAllTextAsync(file)).Split(' ')[0]);
        Assert.Equal(1, server.Log.Count("RevocationSequenceNotKept"));
        Directory.Delete(file + ".new");

        await Eventually.TrueAsync(async () => (await File.ReadAllTextAsync(file)).Split(' ')[0] == $"{applied}");
    }

    private static async Task RevokeAndForgetAsync(TemporaryFolder folder, bool replace = false)
    {
        await using var server = await RunningServer.StartAsync(folder, keepFolder: true);
        (await server.EnrolAsync("pump-7")).Dispose();
        await server.Client.RevokeDeviceAsync("pump-7");
        await server.Get<RevocationWatch>().StopAsync(CancellationToken.None);
        await ForgetAsync(server, replace);
    }

    private static async Task ForgetAsync(RunningServer server, bool replace = false)
    {
        await using var db = await DbAsync(server);
        var newest = await db.Revocations.AsNoTracking().OrderByDescending(entry => entry.Id).FirstAsync();
        await db.Revocations.Where(entry => entry.Id == newest.Id).ExecuteDeleteAsync();
        if (!replace) return;
        db.Revocations.Add(new RevocationEntry { Id = newest.Id, At = newest.At.AddSeconds(1), Kind = RevocationKind.DeviceResumed, Subject = "pump-9" });
        await db.SaveChangesAsync();
    }

    private static Task<FleetDbContext> DbAsync(RunningServer server) => server.Get<IDbContextFactory<FleetDbContext>>().CreateDbContextAsync();
}
