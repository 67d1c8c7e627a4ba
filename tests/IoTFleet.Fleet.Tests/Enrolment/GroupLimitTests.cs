using IoTFleet.Fleet.Devices;
using IoTFleet.Fleet.Enrolment;
using IoTFleet.Fleet.Enrolment.Groups;
using Microsoft.EntityFrameworkCore;
using static IoTFleet.Fleet.Enrolment.EnrolDeviceResult;

namespace IoTFleet.Fleet.Tests.Enrolment;

/// <summary>Each limit of a group has its own reason.</summary>
public class GroupLimitTests
{
    [Fact]
    public async Task A_group_enrols_as_many_devices_as_it_may_and_no_more_at_once()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.GroupAsync("line", new GroupSettings { MaxDevices = 3 });
        var token = await fleet.TokenOfAsync("line");

        var results = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => Task.Run(() => fleet.EnrolAsync(token, $"pump-{i}"))));

        Assert.Equal(3, results.OfType<Issued>().Count());
        Assert.Equal(17, results.Count(result => result == EnrolRefusal.GroupFull));
        Assert.Equal(3, await fleet.ReadAsync(db => db.Tokens.Select(t => t.Uses).SingleAsync())); // What was refused has cost nothing.
    }

    [Fact]
    public async Task A_device_that_comes_again_takes_no_second_place()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.GroupAsync("line", new GroupSettings { MaxDevices = 1 });
        await fleet.EnrolAsync(await fleet.TokenOfAsync("line"), "pump-1");

        Assert.IsType<Issued>(await fleet.EnrolAsync(await fleet.TokenOfAsync("line", deviceId: "pump-1"), "pump-1"));

        Assert.Equal(1, await fleet.ReadAsync(db => db.Groups.Where(g => g.Id == "line").Select(g => g.Enrolled).SingleAsync()));
    }

    [Fact]
    public async Task An_hour_has_so_many_enrolments_and_the_next_hour_again()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.GroupAsync("line", new GroupSettings { MaxPerHour = 2 });
        var token = await fleet.TokenOfAsync("line");
        await fleet.EnrolAsync(token, "pump-1");
        fleet.Clock.Advance(TimeSpan.FromMinutes(20));
        await fleet.EnrolAsync(token, "pump-2");

        var refused = Assert.IsType<Refused>(await fleet.EnrolAsync(token, "pump-3"));

        Assert.Equal((EnrolRefusal.GroupRate.Code, TimeSpan.FromMinutes(40)), (refused.Code, refused.RetryAfter));
        fleet.Clock.Advance(TimeSpan.FromMinutes(40));
        Assert.IsType<Issued>(await fleet.EnrolAsync(token, "pump-3"));
    }

    [Fact]
    public async Task Before_and_after_its_window_a_group_enrols_nobody()
    {
        await using var fleet = await TestFleet.StartAsync();
        var now = fleet.Clock.GetUtcNow();
        await fleet.GroupAsync("line", new GroupSettings { OpensAt = now.AddHours(1), ClosesAt = now.AddHours(2) });
        var token = await fleet.TokenOfAsync("line");

        Assert.Equal(EnrolRefusal.GroupNotOpen, await fleet.EnrolAsync(token, "pump-1"));
        fleet.Clock.Advance(TimeSpan.FromHours(1));
        Assert.IsType<Issued>(await fleet.EnrolAsync(token, "pump-1"));
        fleet.Clock.Advance(TimeSpan.FromHours(1));
        Assert.Equal(EnrolRefusal.GroupNotOpen, await fleet.EnrolAsync(token, "pump-2"));
    }

    [Fact]
    public async Task A_closed_group_enrols_nobody_until_it_is_opened()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.GroupAsync("line", new GroupSettings());
        var token = await fleet.TokenOfAsync("line");
        await fleet.Get<CloseGroup>().RunAsync(TestFleet.Admin, new("line"), default);

        Assert.Equal(EnrolRefusal.GroupClosed, await fleet.EnrolAsync(token, "pump-1"));
        await fleet.Get<CloseGroup>().RunAsync(TestFleet.Admin, new("line", Closed: false), default);
        Assert.IsType<Issued>(await fleet.EnrolAsync(token, "pump-1"));
    }

    [Fact]
    public async Task Ids_outside_the_pattern_and_ways_that_are_shut_are_refused()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.GroupAsync("line", new GroupSettings { IdPattern = "pump-*" });
        await fleet.GroupAsync("claims", new GroupSettings { Ways = EnrolmentWays.ClaimCertificate });

        Assert.Equal(EnrolRefusal.GroupIdPattern, await fleet.EnrolAsync(await fleet.TokenOfAsync("line"), "valve-1"));
        Assert.Equal(EnrolRefusal.GroupWayClosed, await fleet.EnrolAsync(await fleet.TokenOfAsync("claims"), "pump-1"));
    }

    [Fact]
    public async Task What_a_group_gives_its_devices_get()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.GroupAsync("line", new GroupSettings { Tags = ["site=north"], CertificateMinutes = 10 });

        var issued = Assert.IsType<Issued>(await fleet.EnrolAsync(await fleet.TokenOfAsync("line"), "pump-1"));

        var device = await fleet.ReadAsync(db => db.Devices.SingleAsync());
        Assert.Equal("line", device.GroupId);
        Assert.Equal(["site=north"], device.Tags);
        Assert.Equal(fleet.Clock.GetUtcNow().AddMinutes(10).AddSeconds(-1), issued.NotAfter);
    }

    [Fact]
    public async Task Only_listed_serials_enrol_and_each_as_one_device()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.GroupAsync("line", new GroupSettings { OnlyListedSerials = true });
        await fleet.ReadAsync(async db =>
        {
            db.AllowedSerials.Add(new AllowedSerial { GroupId = "line", Serial = "SN1" });
            return await db.SaveChangesAsync();
        });
        var token = await fleet.TokenOfAsync("line");

        Assert.Equal(EnrolRefusal.SerialMissing, await AskAsync(null, "pump-1"));
        Assert.Equal(EnrolRefusal.SerialNotListed, await AskAsync("SN2", "pump-1"));
        Assert.IsType<Issued>(await AskAsync("SN1", "pump-1"));
        Assert.Equal(EnrolRefusal.SerialOfAnotherDevice, await AskAsync("SN1", "pump-2"));

        Task<EnrolDeviceResult> AskAsync(string? serial, string id) =>
            fleet.AskAsync(new EnrolDeviceRequest(token, id, TestFleet.NewRequest()) { HardwareSerial = serial });
    }

    [Fact]
    public async Task A_group_for_preregistered_devices_takes_no_stranger()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.GroupAsync("line", new GroupSettings { Ways = EnrolmentWays.Token | EnrolmentWays.Preregistered });
        await fleet.Get<RegisterDevice>().RunAsync(TestFleet.Admin, new("pump-1"), default);
        var token = await fleet.TokenOfAsync("line");

        Assert.Equal(EnrolRefusal.DeviceNotRegistered, await fleet.EnrolAsync(token, "pump-2"));
        Assert.IsType<Issued>(await fleet.EnrolAsync(token, "pump-1"));
    }

    [Fact]
    public async Task A_request_that_is_not_linked_to_its_session_is_refused_where_that_is_demanded()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.GroupAsync("line", new GroupSettings { RequireChannelBinding = true });
        var request = new EnrolDeviceRequest(await fleet.TokenOfAsync("line"), "pump-1", TestFleet.NewRequest());

        Assert.Equal(EnrolRefusal.ChannelBindingRequired, await fleet.AskAsync(request));
        Assert.IsType<Issued>(await fleet.AskAsync(request with { IsChannelBound = true }));
    }

    [Fact]
    public async Task The_label_of_another_group_and_of_none_are_refused()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.GroupAsync("line", new GroupSettings());
        var request = new EnrolDeviceRequest(await fleet.TokenOfAsync("line"), "pump-1", TestFleet.NewRequest());

        Assert.Equal(EnrolRefusal.CredentialOfAnotherGroup, await fleet.AskAsync(request with { GroupId = "default" }));
        Assert.IsType<Issued>(await fleet.AskAsync(request with { GroupId = "line" }));
    }

    [Fact]
    public async Task A_device_stays_in_its_group_unless_its_own_token_moves_it()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.GroupAsync("line", new GroupSettings());
        var first = await fleet.EnrolAsync("pump-1");
        fleet.Clock.Advance(first.NotAfter - fleet.Clock.GetUtcNow());

        Assert.Equal(EnrolRefusal.DeviceOfAnotherGroup, await fleet.EnrolAsync(await fleet.TokenOfAsync("line"), "pump-1"));
        Assert.IsType<Issued>(await fleet.EnrolAsync(await fleet.TokenOfAsync("line", deviceId: "pump-1"), "pump-1"));
        Assert.Equal("line", await fleet.ReadAsync(db => db.Devices.Select(d => d.GroupId).SingleAsync()));
    }
}
