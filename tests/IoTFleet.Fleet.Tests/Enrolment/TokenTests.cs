using IoTFleet.Fleet.Enrolment;
using IoTFleet.Fleet.Tests.Databases;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Tests.Enrolment;

public class TokenTests
{
    [Fact]
    public async Task The_secret_is_shown_once_and_kept_only_as_a_hash()
    {
        await using var fleet = await TestFleet.StartAsync();

        var created = Assert.IsType<CreateTokenResult.Created>(
            await fleet.Get<CreateToken>().RunAsync(TestFleet.Admin, new("line 1", TimeSpan.FromHours(1)), default));

        var secret = created.Secret.Reveal();
        Assert.Matches("^ift_[A-Za-z0-9_-]{43}$", secret);
        Assert.DoesNotContain(secret, created.ToString());
        TestDatabase.OnlyOnSqlite("Only SQLite's file can be looked into.");
        await fleet.ReadAsync(db => db.Database.ExecuteSqlRawAsync("PRAGMA wal_checkpoint(TRUNCATE)"));     // all of it into the one file
        var file = await File.ReadAllTextAsync(fleet.DatabaseFile);
        Assert.Contains(created.Token.SecretHash, file);
        Assert.DoesNotContain(secret, file);
    }

    [Fact]
    public void A_request_to_enrol_does_not_print_its_token()
    {
        var request = new EnrolDeviceRequest("ift_secret", "pump-1", TestFleet.NewRequest());

        Assert.DoesNotContain("ift_secret", request.ToString());
    }

    [Theory]
    [InlineData("", 60, 1, null)]
    [InlineData("line 1", 59, 1, null)]
    [InlineData("line 1", 367 * 86_400, 1, null)]
    [InlineData("line 1", 60, 0, null)]
    [InlineData("line 1", 60, 1_000_001, null)]
    [InlineData("line 1", 60, 1, "Pump-1")]
    public async Task A_request_out_of_range_is_invalid(string name, int seconds, int uses, string? deviceId)
    {
        await using var fleet = await TestFleet.StartAsync();
        var request = new CreateTokenRequest(name, TimeSpan.FromSeconds(seconds), uses, deviceId);

        Assert.IsType<CreateTokenResult.Invalid>(await fleet.Get<CreateToken>().RunAsync(TestFleet.Admin, request, default));
    }

    [Fact]
    public async Task Tokens_are_listed_newest_first_with_their_uses()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.EnrolAsync(await fleet.TokenAsync(uses: 3), "pump-1");
        fleet.Clock.Advance(TimeSpan.FromSeconds(1));
        await fleet.TokenAsync(uses: 7);

        var found = Assert.IsType<FindTokensResult.Found>(await fleet.Get<FindTokens>().RunAsync(TestFleet.Admin, new(), default));

        Assert.Equal([(7, 0), (3, 1)], found.Tokens.Select(token => (token.MaxUses, token.Uses)));
    }

    [Fact]
    public async Task Revoking_twice_is_done_once()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.TokenAsync();
        var id = await fleet.ReadAsync(db => db.Tokens.Select(token => token.Id).SingleAsync());

        Assert.IsType<RevokeTokenResult.Revoked>(await fleet.Get<RevokeToken>().RunAsync(TestFleet.Admin, new(id), default));
        Assert.IsType<RevokeTokenResult.Revoked>(await fleet.Get<RevokeToken>().RunAsync(TestFleet.Admin, new(id), default));

        Assert.Equal(["token.create", "token.revoke"], (await fleet.AuditAsync(id)).Select(entry => entry.Action));
        Assert.IsType<RevokeTokenResult.UnknownToken>(await fleet.Get<RevokeToken>().RunAsync(TestFleet.Admin, new("none"), default));
    }
}
