using IoTFleet.Fleet.Operators;

namespace IoTFleet.Fleet.Tests.Operators;

public class KeyTests
{
    [Fact]
    public async Task The_first_key_signs_in_as_administrator()
    {
        await using var fleet = await TestFleet.StartAsync();

        var first = await FirstKeyAsync(fleet);

        Assert.Matches("^ifk_[A-Za-z0-9_-]{43}$", first.Secret.Reveal());
        Assert.Equal(Actor.Operator("admin", Role.Administrator), await SignInAsync(fleet, first.Secret));
    }

    [Fact]
    public async Task There_is_only_one_first_key()
    {
        await using var fleet = await TestFleet.StartAsync();
        await FirstKeyAsync(fleet);

        Assert.IsType<CreateFirstKeyResult.AlreadyThere>(await fleet.Get<CreateFirstKey>().RunAsync(Actor.System, new("admin"), default));
        Assert.IsType<CreateFirstKeyResult.Forbidden>(await fleet.Get<CreateFirstKey>().RunAsync(TestFleet.Admin, new("admin"), default));
    }

    [Fact]
    public async Task A_further_key_signs_in_with_its_own_role()
    {
        await using var fleet = await TestFleet.StartAsync();

        var created = Assert.IsType<CreateKeyResult.Created>(
            await fleet.Get<CreateKey>().RunAsync(TestFleet.Admin, new("wall display", Role.Viewer), default));

        Assert.Equal(Actor.Operator("wall display", Role.Viewer), await SignInAsync(fleet, created.Secret));
    }

    [Fact]
    public async Task An_unknown_or_revoked_key_does_not_sign_in()
    {
        await using var fleet = await TestFleet.StartAsync();
        var created = Assert.IsType<CreateKeyResult.Created>(
            await fleet.Get<CreateKey>().RunAsync(TestFleet.Admin, new("vic", Role.Viewer), default));
        await FirstKeyAsync(fleet);

        Assert.IsType<RevokeKeyResult.Revoked>(await fleet.Get<RevokeKey>().RunAsync(TestFleet.Admin, new(created.Key.Id), default));

        Assert.Null(await SignInAsync(fleet, created.Secret));
        Assert.Null(await fleet.Get<SignIn>().WithKeyAsync("ifk_guess", default));
        Assert.Null(await fleet.Get<SignIn>().WithKeyAsync(created.Key.SecretHash, default));
    }

    [Fact]
    public async Task The_last_administrators_key_is_not_revoked()
    {
        await using var fleet = await TestFleet.StartAsync();
        var first = await FirstKeyAsync(fleet);

        Assert.IsType<RevokeKeyResult.LastAdministrator>(await fleet.Get<RevokeKey>().RunAsync(TestFleet.Admin, new(first.Key.Id), default));

        Assert.NotNull(await SignInAsync(fleet, first.Secret));
    }

    [Fact]
    public async Task A_session_that_began_with_a_key_ends_when_the_key_is_revoked()
    {
        await using var fleet = await TestFleet.StartAsync();
        await FirstKeyAsync(fleet);
        var second = Assert.IsType<CreateKeyResult.Created>(await fleet.Get<CreateKey>().RunAsync(TestFleet.Admin, new("night shift", Role.Operator), default));
        Assert.Equal("night shift", (await fleet.Get<SignIn>().AgainAsync(second.Key.Id, default))?.Actor.Name);

        await fleet.Get<RevokeKey>().RunAsync(TestFleet.Admin, new(second.Key.Id), default);

        Assert.Null(await fleet.Get<SignIn>().AgainAsync(second.Key.Id, default));
    }

    private static async Task<Actor?> SignInAsync(TestFleet fleet, Secret secret) => (await fleet.Get<SignIn>().WithKeyAsync(secret.Reveal(), default))?.Actor;

    private static async Task<CreateFirstKeyResult.Created> FirstKeyAsync(TestFleet fleet) =>
        Assert.IsType<CreateFirstKeyResult.Created>(await fleet.Get<CreateFirstKey>().RunAsync(Actor.System, new("admin"), default));
}
