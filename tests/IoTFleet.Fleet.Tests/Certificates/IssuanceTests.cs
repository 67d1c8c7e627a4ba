using System.Data.Common;
using IoTFleet.Fleet.Authorities;
using IoTFleet.Fleet.Certificates;
using IoTFleet.Fleet.Devices;
using IoTFleet.Fleet.Enrolment;
using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;
using static IoTFleet.Fleet.Enrolment.EnrolDeviceResult;

namespace IoTFleet.Fleet.Tests.Certificates;

/// <summary>Intent, signature, record: what each failure in between leaves behind.</summary>
public class IssuanceTests
{
    [Fact]
    public async Task A_certificate_is_stored_with_who_issued_it_by_which_door_and_where_it_is_in_the_log()
    {
        await using var fleet = await TestFleet.StartAsync();

        var first = await fleet.EnrolAsync("pump-1");
        var second = await fleet.EnrolAsync("pump-2");

        var rows = await fleet.ReadAsync(db => db.Certificates.AsNoTracking().OrderBy(c => c.LogIndex).ToListAsync());
        Assert.Equal([(first.Serial, first.Serial, 0L), (second.Serial, second.Serial, 1L)], rows.Select(row => (row.Serial, row.Lineage!, row.LogIndex!.Value)));
        Assert.All(rows, row => Assert.Equal((Authority(fleet).Id, EnrolmentDoor.Token), (row.IssuerId, row.Door)));
        Assert.Empty(await fleet.ReadAsync(db => db.IssuanceIntents.ToListAsync()));
    }

    [Fact]
    public async Task The_intent_is_in_the_audit_before_the_result_and_names_what_was_signed()
    {
        await using var fleet = await TestFleet.StartAsync();

        var issued = await fleet.EnrolAsync("pump-1");

        var audit = await fleet.AuditAsync("pump-1");
        Assert.Equal([("certificate.intent", "intended"), ("device.enrol", "done")], audit.Select(entry => (entry.Action, entry.Outcome)));
        Assert.All(audit, entry => Assert.Contains(issued.Serial, entry.Detail));
        Assert.Contains($"tbs {TbsHash(issued.CertificateDer)}", audit[0].Detail);
    }

    [Fact]
    public async Task Nothing_is_signed_when_the_intent_cannot_be_stored()
    {
        await using var fleet = await TestFleet.StartAsync();
        var order = Order(fleet, "pump-1", TestFleet.NewRequest());
        await fleet.RefuseInsertsAsync("IssuanceIntents");

        await Assert.ThrowsAnyAsync<DbException>(() => fleet.Get<Issuance>().RunAsync(order, Grant, Fail, default)); // Fail would say so, had it been signed.

        Assert.Empty(await fleet.AuditAsync("pump-1"));
    }

    [Fact]
    public async Task What_was_signed_and_not_stored_leaves_its_intent_and_no_certificate()
    {
        await using var fleet = await TestFleet.StartAsync();
        var token = await fleet.TokenAsync();
        await BreakStoringAsync(fleet);

        await Assert.ThrowsAnyAsync<DbException>(() => fleet.EnrolAsync(token, "pump-1"));

        var intent = Assert.Single(await fleet.ReadAsync(db => db.IssuanceIntents.ToListAsync()));
        Assert.Equal(("pump-1", "Device", EnrolmentDoor.Token), (intent.Subject, intent.Profile, intent.Door));
        Assert.Equal((0, 0), (await fleet.ReadAsync(db => db.Certificates.CountAsync()), await fleet.ReadAsync(db => db.LogLeaves.CountAsync())));
    }

    [Fact]
    public async Task A_retry_with_the_same_key_completes_what_was_paid_for_and_pays_nothing()
    {
        await using var fleet = await TestFleet.StartAsync();
        var token = await fleet.TokenAsync(uses: 1);
        var request = TestFleet.NewRequest();
        await BreakStoringAsync(fleet);
        await Assert.ThrowsAnyAsync<DbException>(() => fleet.EnrolAsync(token, "pump-1", request));
        await MendStoringAsync(fleet);

        Assert.IsType<Issued>(await fleet.EnrolAsync(token, "pump-1", request));

        Assert.Equal(1, await fleet.ReadAsync(db => db.Tokens.Select(t => t.Uses).SingleAsync()));
        Assert.Empty(await fleet.ReadAsync(db => db.IssuanceIntents.ToListAsync()));
    }

    [Fact]
    public async Task Another_key_does_not_inherit_what_was_paid_for()
    {
        await using var fleet = await TestFleet.StartAsync();
        var token = await fleet.TokenAsync(uses: 1);
        await BreakStoringAsync(fleet);
        await Assert.ThrowsAnyAsync<DbException>(() => fleet.EnrolAsync(token, "pump-1"));
        await MendStoringAsync(fleet);

        Assert.Equal(EnrolRefusal.TokenUsedUp, await fleet.EnrolAsync(token, "pump-1"));
        Assert.Equal(EnrolRefusal.TokenUsedUp, await fleet.EnrolAsync(token, "pump-2"));
    }

    [Fact]
    public async Task A_device_revoked_while_the_key_signs_gets_nothing_and_its_certificate_is_stored_revoked()
    {
        await using var fleet = await TestFleet.StartAsync();
        var (token, request) = (await fleet.TokenAsync(), TestFleet.NewRequest());
        await BreakStoringAsync(fleet);
        await Assert.ThrowsAnyAsync<DbException>(() => fleet.EnrolAsync(token, "pump-1", request));
        await MendStoringAsync(fleet);
        await fleet.AfterWritingAsync("IssuanceIntents", "UPDATE Devices SET State = 'Revoked'");

        Assert.Equal(EnrolRefusal.DeviceRevoked, await fleet.EnrolAsync(token, "pump-1", request));

        Assert.NotNull((await fleet.ReadAsync(db => db.Certificates.SingleAsync())).RevokedAt);
    }

    [Fact]
    public async Task Two_orders_of_one_device_are_worked_one_after_the_other()
    {
        await using var fleet = await TestFleet.StartAsync();
        var token = await fleet.TokenAsync(uses: 2);

        var results = await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => Task.Run(() => fleet.EnrolAsync(token, "pump-1", TestFleet.NewRequest()))));

        Assert.Single(results.OfType<Issued>());
        Assert.Contains(EnrolRefusal.AlreadyEnrolled, results);
        Assert.Equal(1, await fleet.ReadAsync(db => db.Tokens.Select(t => t.Uses).SingleAsync()));
    }

    [Fact]
    public async Task An_intent_that_another_node_has_overtaken_stores_nothing()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.AfterWritingAsync("AuditHeads", "DELETE FROM IssuanceIntents");

        await Assert.ThrowsAsync<IssuanceOvertakenException>(() => fleet.EnrolAsync("pump-1"));

        Assert.Equal(0, await fleet.ReadAsync(db => db.Certificates.CountAsync()));
    }

    private static CertificateAuthority Authority(TestFleet fleet) => fleet.Get<AuthorityDirectory>().Active(AuthorityPurpose.Devices);

    private static IssuanceOrder Order(TestFleet fleet, string id, SigningRequest request)
    {
        Assert.True(fleet.Get<IssuancePolicy>().TryForDevice(id, request, out var terms, out var problem), problem);
        return new IssuanceOrder(Authority(fleet), terms, id, Actor.System, "device.enrol");
    }

    private static Task<Taking<string>> Grant(FleetDbContext db, IssuanceIntent? owed, CancellationToken ct) => Task.FromResult<Taking<string>>(new Taking<string>.Granted());

    private static Task<string> Fail(FleetDbContext db, SignedCertificate signed, CancellationToken ct) => throw new InvalidOperationException("It was signed.");

    private static string TbsHash(ReadOnlyMemory<byte> certificate)
    {
        var tbs = new System.Formats.Asn1.AsnReader(certificate, System.Formats.Asn1.AsnEncodingRules.DER).ReadSequence().ReadEncodedValue();
        return Fingerprint.Sha256(tbs.Span);
    }

    /// <summary>As if the process had died between the signature and the commit.</summary>
    private static Task BreakStoringAsync(TestFleet fleet) => fleet.RefuseInsertsAsync("LogLeaves");

    private static Task MendStoringAsync(TestFleet fleet) => fleet.AllowInsertsAsync("LogLeaves");
}
