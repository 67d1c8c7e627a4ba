using System.Net;
using IoTFleet.Api;
using IoTFleet.Fleet;
using IoTFleet.Server.Est;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests.Est;

/// <summary>What keeps one peer, or all of them at once, from taking the authority's time; and what each is told.</summary>
public sealed class EnrolmentLimitTests
{
    [Fact]
    public async Task One_request_more_than_may_be_under_way_is_told_that_the_authority_is_busy()
    {
        await using var server = await RunningServer.StartAsync(("Enrolment:MaxConcurrent", "1"));
        using var http = server.Http();
        var token = await server.TokenAsync();
        var release = new TaskCompletionSource<bool>();
        var held = server.Get<FleetWriter>().RunAsync((_, _) => release.Task, CancellationToken.None);       // whoever is in stays in

        Task<HttpResponseMessage>[] both = [http.EstAsync("simpleenroll", EstScene.Csr("pump-1"), "pump-1", token), http.EstAsync("simpleenroll", EstScene.Csr("pump-2"), "pump-2", token)];
        using var turnedAway = await await Task.WhenAny(both);

        Assert.Equal(HttpStatusCode.ServiceUnavailable, turnedAway.StatusCode);
        Assert.InRange(turnedAway.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 9);
        Assert.Contains("authority-busy", await turnedAway.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        release.SetResult(true);
        await held;
        Assert.Single(await Task.WhenAll(both), answer => answer.StatusCode == HttpStatusCode.OK);
        Assert.Equal(1, server.Refused("authority-busy"));
    }

    [Fact]
    public async Task An_address_that_asks_too_often_is_told_when_to_come_back_and_another_is_served()
    {
        await using var server = await RunningServer.StartAsync(("Enrolment:RequestsPerMinute", "1"));
        var token = await server.TokenAsync();
        using var http = server.Http();
        using var first = await http.EstAsync("simpleenroll", EstScene.Csr("pump-1"), "pump-1", token);

        using var second = await http.EstAsync("simpleenroll", EstScene.Csr("pump-2"), "pump-2", token);

        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.TooManyRequests), (first.StatusCode, second.StatusCode));
        Assert.InRange(second.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 60);
        Assert.Contains("too-many-requests", await second.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal(1, server.Refused("too-many-requests"));
        Assert.Null(server.Get<EnrolmentLimits>().TakeRequest(IPAddress.Parse("192.0.2.7")));
    }

    [Fact]
    public async Task Row_21_guesses_made_side_by_side_count_like_guesses_one_after_the_other()
    {
        await using var server = await RunningServer.StartAsync(("Enrolment:WrongTokensPerMinute", "1"));
        server.ExpectedEvents = ["TokensGuessed"];
        using var http = server.Http();

        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => http.EstAsync("simpleenroll", EstScene.Csr("pump-1"), "pump-1", $"ift_guess{i}")));

        Assert.Single(answers, answer => answer.StatusCode == HttpStatusCode.Unauthorized);
        Assert.Equal(19, answers.Count(answer => answer.StatusCode == HttpStatusCode.TooManyRequests));
        Assert.Equal((1, 19), (server.Refused("token-unknown"), server.Refused("too-many-wrong-tokens")));
    }

    [Fact]
    public async Task Known_tokens_used_side_by_side_behind_one_address_wait_for_each_other_and_are_all_taken()
    {
        await using var server = await RunningServer.StartAsync(("Enrolment:WrongTokensPerMinute", "1"));
        using var http = server.Http();
        var token = await server.TokenAsync(uses: 20);

        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => http.EstAsync("simpleenroll", EstScene.Csr($"pump-{i}"), $"pump-{i}", token)));

        Assert.All(answers, answer => Assert.Equal(HttpStatusCode.OK, answer.StatusCode));
    }

    [Fact]
    public async Task A_try_is_waited_for_while_others_are_undecided_and_refused_once_they_were_wrong()
    {
        var guesses = new TokenGuesses(2, new FakeClock());
        var first = (await guesses.TakeAsync("a", CancellationToken.None)).Try!;
        var second = (await guesses.TakeAsync("a", CancellationToken.None)).Try!;
        var third = guesses.TakeAsync("a", CancellationToken.None);
        Assert.False(third.IsCompleted);
        Assert.NotNull((await guesses.TakeAsync("b", CancellationToken.None)).Try);

        Assert.True(first.Settle(isWrong: true));
        Assert.True(second.Settle(isWrong: true));

        var (none, wait) = await third;
        Assert.Null(none);
        Assert.Equal(TimeSpan.FromSeconds(30), wait);
    }

    [Fact]
    public async Task A_claim_of_a_suspended_batch_is_told_so_and_is_taken_once_the_batch_is_resumed()
    {
        await using var server = await RunningServer.StartAsync();
        using var claim = await server.ClaimAsync("b1");
        using var http = server.Http(claim);
        await server.Client.ChangeBatchAsync("b1", "suspend", new ChangeBatchRequest());

        using var meanwhile = await http.EstAsync("simpleenroll", EstScene.Csr("pump-1"));
        await server.Client.ChangeBatchAsync("b1", "resume", new ChangeBatchRequest());
        using var afterwards = await http.EstAsync("simpleenroll", EstScene.Csr("pump-1"));

        Assert.Equal((HttpStatusCode.Forbidden, HttpStatusCode.OK), (meanwhile.StatusCode, afterwards.StatusCode));
        Assert.Contains("claim-suspended", await meanwhile.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }
}
