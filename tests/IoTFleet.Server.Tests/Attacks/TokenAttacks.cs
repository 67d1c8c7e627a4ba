using System.Net;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests.Attacks;

/// <summary>Tokens that are raced for, and guessed.</summary>
public sealed class TokenAttacks(AttackedServer attacked) : IClassFixture<AttackedServer>, IDisposable
{
    private const int Many = 100;

    private readonly EstVisitor _est = new(attacked.Server);

    public void Dispose() => _est.Dispose();

    [Fact]
    public async Task Row_22_of_a_hundred_that_race_for_a_token_for_one_one_wins()
    {
        var token = await _est.TokenAsync();
        var requests = Enumerable.Range(0, Many).Select(number => TestPki.Request($"racer-{number}")).ToArray();

        var answers = await Task.WhenAll(requests.Select((request, number) => _est.EnrolAsync($"racer-{number}", token, request)));

        var winner = Assert.Single(Enumerable.Range(0, Many), number => answers[number].Status == HttpStatusCode.OK);
        Assert.Equal(Many - 1, answers.Count(answer => answer.Status == HttpStatusCode.Forbidden && answer.Text.Contains("token-used-up", StringComparison.Ordinal)));
        var again = await _est.EnrolAsync($"racer-{winner}", token, requests[winner]);
        Assert.Equal(answers[winner], again);
    }

    [Fact]
    public async Task Row_22_of_a_hundred_that_are_one_device_with_one_key_all_get_one_certificate()
    {
        var token = await _est.TokenAsync();
        var request = TestPki.Request("racer-one");
        var before = await attacked.FiguresAsync();

        var answers = await Task.WhenAll(Enumerable.Range(0, Many).Select(_ => _est.EnrolAsync("racer-one", token, request)));

        Assert.Single(answers.Distinct());
        Assert.Equal(HttpStatusCode.OK, answers[0].Status);
        Assert.Equal(before with { Certificates = before.Certificates + 1 }, await attacked.FiguresAsync());
    }
}
