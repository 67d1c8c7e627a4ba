using System.Collections.Concurrent;
using System.Globalization;
using IoTFleet.Api;
using IoTFleet.Fleet;
using IoTFleet.Fleet.Audit;
using IoTFleet.Fleet.Enrolment;
using IoTFleet.Fleet.IssuanceLog;
using IoTFleet.Pki.Transparency;
using IoTFleet.Testing;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Server.Tests.Durability;

/// <summary>
/// The server as a process of its own is killed again and again, without a word, while devices enrol: between the intent and the signature, between the signature
/// and the commit, between the commit and the answer, wherever it happens to be. What each device received is held against what the database says afterwards.
/// </summary>
public sealed class IssuanceDurabilityTests
{
    private const int Lines = 4;

    /// <summary>More for a longer run: IOTFLEET_KILLS=500.</summary>
    private static readonly int Kills = int.Parse(Environment.GetEnvironmentVariable("IOTFLEET_KILLS") ?? "30", CultureInfo.InvariantCulture);

    [Fact]
    public async Task No_certificate_without_a_record_and_no_token_spent_for_nothing_although_the_server_is_killed_thirty_times()
    {
        using var folder = new TemporaryFolder();
        var (tokens, apiKey) = await PrepareAsync(folder);
        var received = new ConcurrentDictionary<string, byte[]>();
        var heads = new List<Checkpoint>();
        await using var server = new MortalServer(folder);
        using var done = new CancellationTokenSource();
        var rootFile = Path.Combine(folder.Path, "ca", "root.pem");
        await server.StartAsync();
        var lines = Enumerable.Range(0, Lines).Select(line => new EnrollingDevices($"line-{line}", tokens[line], rootFile, server, received)).ToList();
        var busy = lines.Select(line => Task.Run(() => line.RunAsync(done.Token))).ToList();

        for (var kill = 1; kill <= Kills; kill++)
        {
            await WorkAsync(received, received.Count + new Random(kill).Next(3, 20), busy);
            if (kill % 5 == 0) heads.Add(await HeadAsync(apiKey, rootFile, server));
            await server.KillAsync();
            await server.StartAsync();
        }
        await done.CancelAsync();
        await Task.WhenAll(busy);
        await server.KillAsync();

        await using var survivor = await RunningServer.StartAsync(folder, keepFolder: true);
        survivor.ExpectedEvents = ["IntentWithoutResult"];
        var left = await AccountAsync(survivor, received, heads);
        System.Console.WriteLine($"Killed {Kills} times over {received.Count} enrolments; {lines.Sum(line => line.Retries)} answers got lost, {left} intents were found without a result.");
        Assert.True(received.Count > Kills * 3, $"Only {received.Count} devices enrolled: that proves little.");
    }

    private static async Task<(List<string>[] Tokens, string ApiKey)> PrepareAsync(TemporaryFolder folder)
    {
        await using var server = await RunningServer.StartAsync(folder, keepFolder: true);
        var tokens = Enumerable.Range(0, Lines).Select(_ => new List<string>()).ToArray();
        for (var i = 0; i < Kills * 30; i++)
        {
            var created = await server.Get<CreateToken>().RunAsync(Actor.System, new Fleet.Enrolment.CreateTokenRequest("one", TimeSpan.FromDays(1), 1), CancellationToken.None);
            tokens[i % Lines].Add(Assert.IsType<CreateTokenResult.Created>(created).Secret.Reveal());
        }
        return (tokens, server.ApiKey);
    }

    private static Task WorkAsync(ConcurrentDictionary<string, byte[]> received, int count, List<Task> busy) => Eventually.TrueAsync(async () =>
    {
        if (busy.FirstOrDefault(task => task.IsCompleted) is { } ended) await ended; // Nobody ends before they are told to.
        return received.Count >= count;
    }, TimeSpan.FromSeconds(60));

    private static async Task<Checkpoint> HeadAsync(string apiKey, string rootFile, MortalServer server)
    {
        var ready = await server.WhenUpAsync(CancellationToken.None);
        using var client = new FleetClient(new Uri($"https://localhost:{ready.HttpsPort}"), apiKey, ServerTrust.FromRootFile(rootFile));
        var answer = await client.GetLogHeadAsync();
        Assert.True(NoteVerifier.TryParse(answer.Key, out var verifier));
        Assert.True(Checkpoint.TryOpen(answer.Checkpoint, verifier, out var head));
        return head;
    }

    /// <returns>How many intents the starts have found without a result.</returns>
    private static async Task<int> AccountAsync(RunningServer server, ConcurrentDictionary<string, byte[]> received, List<Checkpoint> heads)
    {
        await using var db = await server.Get<IDbContextFactory<FleetDbContext>>().CreateDbContextAsync();
        var certificates = (await db.Certificates.AsNoTracking().ToListAsync()).ToDictionary(c => c.DeviceId); // One each: nobody got two.
        Assert.All(received, device => Assert.Equal(device.Value, certificates[device.Key].Der));
        Assert.Equal(received.Count, certificates.Count);
        Assert.Equal(received.Count, await db.Tokens.CountAsync(t => t.Uses == 1));
        Assert.Empty(await db.IssuanceIntents.ToListAsync());

        Assert.Empty(Assert.IsType<VerifyAuditResult.Done>(await server.Get<VerifyAudit>().RunAsync(Actor.System, new([]), CancellationToken.None)).Problems);
        Assert.Empty(Assert.IsType<VerifyLogResult.Done>(await server.Get<VerifyLog>().RunAsync(Actor.System, CancellationToken.None)).Problems);
        var audit = await db.Audit.AsNoTracking().Where(e => e.Action == "device.enrol" || e.Action == "certificate.intent").OrderBy(e => e.Id).ToListAsync();
        Assert.All(certificates.Values, c => Assert.Equal(["intended", "done"], audit.Where(e => e.Detail!.StartsWith($"certificate {c.Serial}", StringComparison.Ordinal) && e.Outcome != "no-result").Select(e => e.Outcome)));
        foreach (var head in heads)
        {
            var consistency = await server.Get<IssuedLog>().ConsistencyAsync(head.Size, null, CancellationToken.None);
            Assert.True(Checkpoint.TryOpen(consistency!.Checkpoint, server.Get<IssuedLog>().Verifier, out var newest));
            Assert.True(MerkleProof.IsConsistent(head.Size, newest.Size, head.Root, newest.Root, consistency.Proof));
        }
        return audit.Count(e => e.Outcome == "no-result");
    }
}
