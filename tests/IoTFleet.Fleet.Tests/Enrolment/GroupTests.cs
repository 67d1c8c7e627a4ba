using IoTFleet.Fleet.Enrolment;
using IoTFleet.Fleet.Enrolment.Groups;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.Tests.Enrolment;

public class GroupTests
{
    [Fact]
    public async Task A_group_keeps_what_it_was_made_with()
    {
        await using var fleet = await TestFleet.StartAsync();
        var settings = new GroupSettings { Ways = EnrolmentWays.ClaimCertificate, IdPattern = "pump-*", MaxDevices = 5, Tags = ["site=north"], GraceDays = 3 };

        Assert.IsType<CreateGroupResult.Created>(await fleet.Get<CreateGroup>().RunAsync(TestFleet.Admin, new("line-1", settings), default));

        var group = await fleet.ReadAsync(db => db.Groups.SingleAsync(g => g.Id == "line-1"));
        Assert.Equal((EnrolmentWays.ClaimCertificate, "pump-*", 5, 3), (group.Ways, group.IdPattern, group.MaxDevices, group.GraceDays));
        Assert.Equal(["site=north"], group.Tags);
        Assert.IsType<CreateGroupResult.AlreadyKnown>(await fleet.Get<CreateGroup>().RunAsync(TestFleet.Admin, new("line-1", settings), default));
    }

    [Fact]
    public async Task A_change_replaces_settings_and_leaves_the_counters()
    {
        await using var fleet = await TestFleet.StartAsync();

        var changed = Assert.IsType<ChangeGroupResult.Changed>(
            await fleet.Get<ChangeGroup>().RunAsync(TestFleet.Admin, new(EnrolmentGroup.DefaultId, new GroupSettings { MaxDevices = 9 }), default));

        Assert.Equal(9, changed.Group.MaxDevices);
        var entry = Assert.Single(await fleet.AuditAsync(EnrolmentGroup.DefaultId), entry => entry.Action == "group.change");
        Assert.Equal(nameof(EnrolmentGroup.MaxDevices), entry.Detail);
    }

    [Fact]
    public async Task A_group_that_is_not_there_is_said_to_be_unknown()
    {
        await using var fleet = await TestFleet.StartAsync();

        Assert.IsType<ChangeGroupResult.UnknownGroup>(await fleet.Get<ChangeGroup>().RunAsync(TestFleet.Admin, new("no", new GroupSettings()), default));
        Assert.IsType<CloseGroupResult.UnknownGroup>(await fleet.Get<CloseGroup>().RunAsync(TestFleet.Admin, new("no"), default));
        var token = new CreateTokenRequest("t", TimeSpan.FromHours(1), GroupId: "no");
        Assert.IsType<CreateTokenResult.Invalid>(await fleet.Get<CreateToken>().RunAsync(TestFleet.Admin, token, default));
    }

    public static TheoryData<string, GroupSettings> Invalid => new()
    {
        { "Line-1", new GroupSettings() },
        { "simpleenroll", new GroupSettings() },
        { "line-1", new GroupSettings { Ways = EnrolmentWays.None } },
        { "line-1", new GroupSettings { Ways = EnrolmentWays.Preregistered } },
        { "line-1", new GroupSettings { IdPattern = "Pump-*" } },
        { "line-1", new GroupSettings { Tags = ["site"] } },
        { "line-1", new GroupSettings { CertificateDays = 91 } },
        { "line-1", new GroupSettings { MaxDevices = -1 } },
        { "line-1", new GroupSettings { OpensAt = DateTimeOffset.UnixEpoch.AddDays(1), ClosesAt = DateTimeOffset.UnixEpoch } },
    };

    [Theory]
    [MemberData(nameof(Invalid))]
    public async Task Settings_that_make_no_sense_are_refused(string id, GroupSettings settings)
    {
        await using var fleet = await TestFleet.StartAsync();

        Assert.IsType<CreateGroupResult.Invalid>(await fleet.Get<CreateGroup>().RunAsync(TestFleet.Admin, new(id, settings), default));
    }

    [Theory]
    [InlineData("pump-*", "pump-7", true)]
    [InlineData("pump-*", "pump-", true)]
    [InlineData("pump-*", "valve-7", false)]
    [InlineData("*-7", "pump-17", false)]
    [InlineData("p?mp-*-x", "pump-1-2-x", true)]
    [InlineData("p?mp-*-x", "pmp-1-x", false)]
    [InlineData("*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false)]
    public void A_pattern_matches_as_it_reads(string pattern, string id, bool matches) => Assert.Equal(matches, Wildcard.Matches(pattern, id));
}
