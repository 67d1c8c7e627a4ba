using IoTFleet.Fleet.Certificates;
using IoTFleet.Fleet.Devices;
using IoTFleet.Fleet.Enrolment;
using IoTFleet.Fleet.Enrolment.Approvals;
using IoTFleet.Fleet.Enrolment.Claims;
using IoTFleet.Fleet.Enrolment.Groups;
using IoTFleet.Fleet.Enrolment.Manufacturers;
using Microsoft.EntityFrameworkCore;
using static IoTFleet.Fleet.Enrolment.EnrolDeviceResult;

namespace IoTFleet.Fleet.Tests.Enrolment;

/// <summary>Claim certificates, makers' identities, keys and approval.</summary>
public class WaysInTests
{
    [Fact]
    public async Task A_stolen_claim_certificate_makes_at_most_as_many_devices_as_its_batch()
    {
        await using var fleet = await TestFleet.StartAsync();
        var claim = await fleet.ClaimAsync("b1", quota: 2, new GroupSettings { IdPattern = "pump-*" });

        var results = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => Task.Run(() => fleet.ClaimAsync(claim, $"pump-{i}"))));

        Assert.Equal(2, results.OfType<Issued>().Count());
        Assert.Equal(18, results.Count(result => result == EnrolRefusal.BatchUsedUp));
        Assert.Equal(EnrolRefusal.GroupIdPattern, await fleet.ClaimAsync(claim, "valve-1"));
        Assert.All(await fleet.ReadAsync(db => db.Certificates.ToListAsync()), c => Assert.Equal(("b1", EnrolmentDoor.ClaimCertificate), (c.BatchId, c.Door)));
    }

    [Fact]
    public async Task A_revoked_batch_enrols_nobody_from_then_on()
    {
        await using var fleet = await TestFleet.StartAsync();
        var claim = await fleet.ClaimAsync("b1", quota: 5);
        await fleet.ClaimAsync(claim, "pump-1");

        var revoked = Assert.IsType<ChangeBatchResult.Done>(await fleet.Get<ChangeBatch>().RunAsync(TestFleet.Admin, new("b1", BatchChange.Revoke), default));

        Assert.Equal((1, 1), (revoked.Certificates, revoked.Devices));
        Assert.Equal(EnrolRefusal.ClaimRevoked, await fleet.ClaimAsync(claim, "pump-2"));
        Assert.IsType<IssueClaimResult.BatchOver>(await fleet.Get<IssueClaim>().RunAsync(TestFleet.Admin, new("b1", TestFleet.NewRequest()), default));
    }

    [Fact]
    public async Task A_claim_certificate_is_worth_nothing_outside_its_window()
    {
        await using var fleet = await TestFleet.StartAsync();
        var claim = await fleet.ClaimAsync("b1", quota: 5);

        fleet.Clock.Advance(TimeSpan.FromDays(30));

        Assert.Equal(EnrolRefusal.BatchNotOpen, await fleet.ClaimAsync(claim, "pump-1"));
        Assert.Equal(EnrolRefusal.ClaimUnknown, await fleet.ClaimAsync(claim with { Serial = "00ff" }, "pump-1"));
    }

    [Fact]
    public async Task A_claim_certificate_cannot_take_over_a_device()
    {
        await using var fleet = await TestFleet.StartAsync();
        var claim = await fleet.ClaimAsync("b1", quota: 5);
        await fleet.ClaimAsync(claim, "pump-1");

        Assert.Equal(EnrolRefusal.AlreadyEnrolled, await fleet.ClaimAsync(claim, "pump-1"));
        Assert.Equal(1, await fleet.ReadAsync(db => db.ClaimBatches.Select(b => b.Used).SingleAsync()));
    }

    [Fact]
    public async Task A_makers_identity_enrols_the_device_of_its_serial_and_again_after_a_reset()
    {
        await using var fleet = await TestFleet.StartAsync();
        var maker = await fleet.MakerAsync("makers");

        var first = Assert.IsType<Issued>(await fleet.ByMakerAsync(maker, "SN 0042"));
        var second = Assert.IsType<Issued>(await fleet.ByMakerAsync(maker, "SN 0042"));

        Assert.Equal(("sn-0042", "sn-0042"), (first.DeviceId, second.DeviceId));
        Assert.NotNull(await fleet.ReadAsync(db => db.Certificates.Where(c => c.Serial == first.Serial).Select(c => c.RevokedAt).SingleAsync()));
        Assert.Equal("SN 0042", await fleet.ReadAsync(db => db.Devices.Select(d => d.HardwareSerial).SingleAsync()));
    }

    [Fact]
    public async Task Two_serials_that_make_one_id_are_two_devices_and_the_second_is_refused()
    {
        await using var fleet = await TestFleet.StartAsync();
        var maker = await fleet.MakerAsync("makers");
        await fleet.ByMakerAsync(maker, "SN-1");

        Assert.Equal(EnrolRefusal.SerialOfAnotherDevice, await fleet.ByMakerAsync(maker, "sn-1"));
    }

    [Fact]
    public async Task A_maker_cannot_take_a_device_of_another_group_nor_one_without_a_serial()
    {
        await using var fleet = await TestFleet.StartAsync();
        var maker = await fleet.MakerAsync("makers");
        var other = await fleet.MakerAsync("others");
        await fleet.EnrolAsync("pump-1");
        await fleet.Get<RegisterDevice>().RunAsync(TestFleet.Admin, new("pump-2"), default);
        await fleet.ByMakerAsync(maker, "sn-7");

        Assert.Equal(EnrolRefusal.DeviceOfAnotherGroup, await fleet.ByMakerAsync(maker, "pump-1"));
        Assert.Equal(EnrolRefusal.SerialOfAnotherDevice, await fleet.ByMakerAsync(maker, "pump-2"));
        Assert.Equal(EnrolRefusal.DeviceOfAnotherGroup, await fleet.ByMakerAsync(other, "sn-7"));
    }

    [Fact]
    public async Task A_manufacturer_is_believed_only_after_its_key_has_signed_the_challenge()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.GroupAsync("makers", new GroupSettings { Ways = EnrolmentWays.Manufacturer });
        var (certificate, sign) = EnrolmentScene.Maker(fleet);
        var (_, signOther) = EnrolmentScene.Maker(fleet);
        var waiting = Assert.IsType<RegisterManufacturerResult.AwaitingProof>(
            await fleet.Get<RegisterManufacturer>().RunAsync(TestFleet.Admin, new("m", "makers", certificate.RawData), default)).Manufacturer;

        Assert.Equal(EnrolRefusal.ManufacturerUnknown, await fleet.ByMakerAsync(waiting.Id, "sn-1"));
        Assert.IsType<ProveManufacturerResult.NotProven>(await ProveAsync(signOther(waiting.Challenge)));
        Assert.IsType<ProveManufacturerResult.NotProven>(await ProveAsync(sign("something else")));
        Assert.IsType<ProveManufacturerResult.NotProven>(await ProveAsync([1, 2, 3]));
        Assert.IsType<ProveManufacturerResult.Registered>(await ProveAsync(sign(waiting.Challenge)));
        Assert.IsType<Issued>(await fleet.ByMakerAsync(waiting.Id, "sn-1"));
        await fleet.Get<RemoveManufacturer>().RunAsync(TestFleet.Admin, new(waiting.Id), default);
        Assert.Equal(EnrolRefusal.ManufacturerUnknown, await fleet.ByMakerAsync(waiting.Id, "sn-2"));

        Task<ProveManufacturerResult> ProveAsync(byte[] proof) => fleet.Get<ProveManufacturer>().RunAsync(TestFleet.Admin, new(waiting.Id, proof), default);
    }

    [Fact]
    public async Task An_authority_of_the_fleet_is_no_manufacturer()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.GroupAsync("makers", new GroupSettings { Ways = EnrolmentWays.Manufacturer });

        Assert.IsType<RegisterManufacturerResult.Invalid>(
            await fleet.Get<RegisterManufacturer>().RunAsync(TestFleet.Admin, new("m", "makers", fleet.Pki.Root.RawData), default));
    }

    [Fact]
    public async Task A_key_seen_on_two_devices_is_refused_and_both_are_suspected()
    {
        await using var fleet = await TestFleet.StartAsync();
        var request = TestFleet.NewRequest();
        var token = await fleet.TokenAsync(uses: 5);
        await fleet.EnrolAsync(token, "pump-1", request);

        Assert.Equal(EnrolRefusal.KeyOfAnotherDevice, await fleet.EnrolAsync(token, "pump-2", request));

        Assert.NotNull(await fleet.ReadAsync(db => db.Devices.Where(d => d.Id == "pump-1").Select(d => d.CloneSuspectedAt).SingleAsync()));
        Assert.Single(await fleet.AuditAsync("pump-1"), entry => entry.Action == "device.clone-suspect");
    }

    [Fact]
    public async Task A_blocked_key_is_refused_to_everybody()
    {
        await using var fleet = await TestFleet.StartAsync();
        var request = TestFleet.NewRequest();
        await fleet.ReadAsync(async db =>
        {
            db.BlockedKeys.Add(new BlockedKey { Fingerprint = request.KeyFingerprint, Reason = "leaked", At = fleet.Clock.GetUtcNow() });
            return await db.SaveChangesAsync();
        });

        Assert.Equal(EnrolRefusal.KeyForbidden, await fleet.EnrolAsync(await fleet.TokenAsync(), "pump-1", request));
    }

    [Fact]
    public async Task A_request_waits_until_it_is_approved_and_then_gets_its_certificate_once()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.GroupAsync("line", new GroupSettings { Approval = ApprovalMode.Queue });
        var request = new EnrolDeviceRequest(await fleet.TokenOfAsync("line", uses: 1), "pump-1", TestFleet.NewRequest());

        var first = Assert.IsType<Pending>(await fleet.AskAsync(request));
        var again = Assert.IsType<Pending>(await fleet.AskAsync(request));
        Assert.Equal((first.Id, true, false), (again.Id, first.IsNew, again.IsNew));
        Assert.Equal(0, await fleet.ReadAsync(db => db.Tokens.Select(t => t.Uses).SingleAsync()));
        await fleet.Get<DecideEnrolment>().RunAsync(TestFleet.Admin, new(first.Id, Approve: true), default);

        var issued = Assert.IsType<Issued>(await fleet.AskAsync(request));
        Assert.Equal(issued.Serial, Assert.IsType<Issued>(await fleet.AskAsync(request)).Serial);
    }

    [Fact]
    public async Task Requests_that_nobody_comes_back_for_make_room_after_their_time_and_not_before()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.GroupAsync("line", new GroupSettings { Approval = ApprovalMode.Queue, MaxPending = 1 });
        var token = await fleet.TokenOfAsync("line");
        var (rejected, asking) = (new EnrolDeviceRequest(token, "pump-1", TestFleet.NewRequest()), new EnrolDeviceRequest(token, "pump-2", TestFleet.NewRequest()));
        await fleet.Get<DecideEnrolment>().RunAsync(TestFleet.Admin, new(Assert.IsType<Pending>(await fleet.AskAsync(rejected)).Id, Approve: false), default);
        Assert.IsType<Pending>(await fleet.AskAsync(asking));
        fleet.Clock.Advance(TimeSpan.FromDays(20));
        Assert.IsType<Pending>(await fleet.AskAsync(asking)); // Still there.
        fleet.Clock.Advance(TimeSpan.FromDays(15));
        var old = new ForgetPendingRequest(TimeSpan.FromDays(30));

        Assert.Equal(1, await fleet.Get<ForgetPending>().RunAsync(Actor.System, old, default));

        Assert.Equal(["pump-2"], await fleet.ReadAsync(db => db.PendingEnrolments.Select(p => p.DeviceId).ToListAsync()));
        fleet.Clock.Advance(TimeSpan.FromDays(16));
        Assert.Equal(1, await fleet.Get<ForgetPending>().RunAsync(Actor.System, old, default));
        Assert.IsType<Pending>(await fleet.AskAsync(rejected));
    }

    [Fact]
    public async Task A_rejected_request_stays_rejected_and_a_new_key_may_ask_again()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.GroupAsync("line", new GroupSettings { Approval = ApprovalMode.Queue });
        var request = new EnrolDeviceRequest(await fleet.TokenOfAsync("line"), "pump-1", TestFleet.NewRequest());
        var pending = Assert.IsType<Pending>(await fleet.AskAsync(request));

        await fleet.Get<DecideEnrolment>().RunAsync(TestFleet.Admin, new(pending.Id, Approve: false), default);

        Assert.Equal(EnrolRefusal.ApprovalRejected, await fleet.AskAsync(request));
        Assert.IsType<DecideEnrolmentResult.DecidedBefore>(await fleet.Get<DecideEnrolment>().RunAsync(TestFleet.Admin, new(pending.Id, Approve: true), default));
        Assert.IsType<Pending>(await fleet.AskAsync(new EnrolDeviceRequest(request.Credential, TestFleet.NewRequest("pump-1"))));
    }

    [Fact]
    public async Task A_flood_of_requests_fills_the_queue_and_nothing_else()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.GroupAsync("line", new GroupSettings { Approval = ApprovalMode.Queue, MaxPending = 3 });
        var token = await fleet.TokenOfAsync("line");

        var results = await Task.WhenAll(Enumerable.Range(0, 10).Select(i => Task.Run(() => fleet.EnrolAsync(token, $"pump-{i}"))));

        Assert.Equal(3, results.OfType<Pending>().Count());
        Assert.Equal(7, results.OfType<Refused>().Count(refused => refused.Code == EnrolRefusal.ApprovalQueueFull.Code && refused.RetryAfter is not null));
        Assert.Equal(3, await fleet.ReadAsync(db => db.PendingEnrolments.CountAsync()));
    }

    [Fact]
    public async Task A_preregistered_device_without_a_credential_waits_for_an_operator()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.GroupAsync("field", new GroupSettings { Ways = EnrolmentWays.Preregistered, Approval = ApprovalMode.Queue });
        await fleet.Get<RegisterDevice>().RunAsync(TestFleet.Admin, new("pump-1"), default);
        var request = new EnrolDeviceRequest(new EnrolmentCredential.Preregistered(), TestFleet.NewRequest("pump-1")) { GroupId = "field" };

        Assert.IsType<Pending>(await fleet.AskAsync(request));
        Assert.Equal(EnrolRefusal.DeviceNotRegistered, await fleet.AskAsync(new EnrolDeviceRequest(request.Credential, TestFleet.NewRequest("pump-2")) { GroupId = "field" }));
        Assert.Equal(EnrolRefusal.CredentialMissing, await fleet.AskAsync(request with { GroupId = "default" }));
    }

    [Fact]
    public async Task A_flood_of_unknown_tokens_does_not_fill_the_audit()
    {
        await using var fleet = await TestFleet.StartAsync();

        for (var i = 0; i < AuditBudget.PerMinute + 20; i++) await fleet.EnrolAsync("ift_guess", "pump-1");

        Assert.Equal(AuditBudget.PerMinute, (await fleet.AuditAsync("pump-1")).Count);
        Assert.Equal(AuditBudget.PerMinute + 20, fleet.Get<FleetMetrics>().EnrolmentRefusals["token-unknown"]);
    }
}
