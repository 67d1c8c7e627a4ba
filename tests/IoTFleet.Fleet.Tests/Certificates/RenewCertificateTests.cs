using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Fleet.Certificates;
using IoTFleet.Fleet.Devices;
using IoTFleet.Fleet.Enrolment;
using IoTFleet.Pki;
using IoTFleet.Testing;
using Microsoft.EntityFrameworkCore;
using static IoTFleet.Fleet.Tests.TestFleet;

namespace IoTFleet.Fleet.Tests.Certificates;

public class RenewCertificateTests : IAsyncLifetime
{
    private const string Device = "pump-1";

    private TestFleet _fleet = null!;

    public async ValueTask InitializeAsync() => _fleet = await StartAsync();

    public ValueTask DisposeAsync() => _fleet.DisposeAsync();

    [Fact]
    public async Task Renewed_certificate_has_the_same_names_a_new_key_and_the_lineage_of_the_first()
    {
        var first = await EnrolAsync();

        var second = await RenewedAsync(first);
        var third = await RenewedAsync(second.Serial);

        using var old = X509CertificateLoader.LoadCertificate((await RowAsync(first)).Der);
        using var renewed = X509CertificateLoader.LoadCertificate(second.Der);
        Assert.Equal(old.SubjectName.RawData, renewed.SubjectName.RawData);
        Assert.Equal(old.Extensions["2.5.29.17"]!.RawData, renewed.Extensions["2.5.29.17"]!.RawData);
        Assert.NotEqual(old.PublicKey.ExportSubjectPublicKeyInfo(), renewed.PublicKey.ExportSubjectPublicKeyInfo());
        Assert.Equal((first, second.Serial, first), (second.PredecessorSerial, third.PredecessorSerial, third.Lineage));
        Assert.Equal(EnrolmentDoor.Renewal, second.Door);
    }

    [Fact]
    public async Task Asked_again_with_the_same_key_it_is_the_same_certificate()
    {
        var first = await EnrolAsync();
        var request = NewRequest();

        var once = await RenewedAsync(first, request);

        Assert.Equal(once.Serial, (await RenewedAsync(first, request)).Serial);
    }

    [Fact]
    public async Task Predecessor_is_good_until_its_successor_has_been_used_and_superseded_then()
    {
        var first = await EnrolAsync();
        var second = (await RenewedAsync(first)).Serial;
        Assert.IsType<AdmitDeviceResult.Admitted>(await AdmitAsync(first));

        Assert.IsType<AdmitDeviceResult.Admitted>(await AdmitAsync(second));

        await Eventually.TrueAsync(async () => (await RowAsync(first)).RevocationReason == RevocationReason.Superseded);
        Assert.NotNull((await RowAsync(second)).FirstUsedAt);
        Assert.Equal(first, (await _fleet.ReadAsync(db => db.Revocations.SingleAsync())).Serial);
    }

    [Fact]
    public async Task A_renewal_with_another_key_takes_the_place_of_one_that_was_never_used()
    {
        var first = await EnrolAsync();
        var lost = (await RenewedAsync(first)).Serial;

        var found = (await RenewedAsync(first)).Serial;

        Assert.Equal(new HashSet<string> { first, found }, [.. await LiveAsync()]);
        Assert.Equal(RevocationReason.Superseded, (await RowAsync(lost)).RevocationReason);
    }

    [Fact]
    public async Task Renewing_with_a_certificate_is_a_use_of_it()
    {
        var first = await EnrolAsync();
        var second = (await RenewedAsync(first)).Serial;

        await RenewedAsync(second);

        await Eventually.TrueAsync(async () => (await RowAsync(first)).RevokedAt is not null);
    }

    [Fact]
    public async Task Attack26_predecessor_shown_after_its_successor_was_used_suspends_the_device_with_both()
    {
        var first = await EnrolAsync();
        var second = (await RenewedAsync(first)).Serial;                    // the thief, say
        await AdmitAsync(second);
        await Eventually.TrueAsync(async () => (await RowAsync(first)).RevokedAt is not null);

        var answer = Assert.IsType<AdmitDeviceResult.Refused>(await AdmitAsync(first));

        Assert.Equal(RefusalReason.LineageFork, answer.Reason);
        Assert.Equal(RefusalReason.CloneHold, Assert.IsType<AdmitDeviceResult.Refused>(await AdmitAsync(second)).Reason);
        var device = await _fleet.ReadAsync(db => db.Devices.SingleAsync());
        Assert.Equal((DeviceState.Suspended, true), (device.State, device.CloneSuspectedAt is not null));
        Assert.Contains(await _fleet.AuditAsync(Device), entry => entry.Action == "device.lineage-fork");
        Assert.Contains(await _fleet.ReadAsync(db => db.Revocations.ToListAsync()), entry => entry.Kind == RevocationKind.DeviceSuspended);
    }

    [Fact]
    public async Task A_superseded_certificate_cannot_renew_and_its_try_raises_the_same_alarm()
    {
        var first = await EnrolAsync();
        await AdmitAsync((await RenewedAsync(first)).Serial);
        await Eventually.TrueAsync(async () => (await RowAsync(first)).RevokedAt is not null);

        Assert.Equal("lineage-fork", await RefusedAsync(first));
        Assert.Equal("clone-hold", await RefusedAsync((await LiveAsync()).Single()));
    }

    [Fact]
    public async Task A_resumed_device_goes_on_with_the_successor()
    {
        var first = await EnrolAsync();
        var second = (await RenewedAsync(first)).Serial;
        await AdmitAsync(second);
        await Eventually.TrueAsync(async () => (await RowAsync(first)).RevokedAt is not null);
        await AdmitAsync(first);

        await _fleet.Get<ResumeDevice>().RunAsync(Admin, new(Device), default);

        Assert.IsType<AdmitDeviceResult.Admitted>(await AdmitAsync(second));
    }

    [Theory]
    [InlineData(0, 1, "expired")]
    [InlineData(5, 4, null)]
    [InlineData(5, 6, "grace-over")]
    public async Task An_ended_certificate_renews_in_its_groups_days_of_grace_only(int grace, int daysAfter, string? refusal)
    {
        var first = await EnrolAsync(group => new() { Id = group, Ways = EnrolmentWays.Token, CreatedAt = _fleet.Clock.GetUtcNow(), GraceDays = grace });
        _fleet.Clock.Advance((await RowAsync(first)).NotAfter - _fleet.Clock.GetUtcNow() + TimeSpan.FromDays(daysAfter));

        var answer = await RenewAsync(first);

        Assert.Equal(refusal, (answer as RenewCertificateResult.Refused)?.Code);
        if (answer is RenewCertificateResult.Renewed renewed) Assert.Equal((EnrolmentDoor.GraceRenewal, first), (renewed.Certificate.Door, renewed.Certificate.Lineage));
    }

    [Fact]
    public async Task An_ended_certificate_that_is_revoked_has_no_grace()
    {
        var first = await EnrolAsync(group => new() { Id = group, Ways = EnrolmentWays.Token, CreatedAt = _fleet.Clock.GetUtcNow(), GraceDays = 30 });
        _fleet.Clock.Advance(TimeSpan.FromDays(31));
        await _fleet.ReadAsync(db => db.Certificates.ExecuteUpdateAsync(set => set.SetProperty(c => c.RevokedAt, _fleet.Clock.GetUtcNow())));

        Assert.Equal("certificate-revoked", await RefusedAsync(first));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public async Task A_key_is_certified_again_as_often_as_its_group_allows(int limit)
    {
        var request = NewRequest();
        var serial = await EnrolAsync(group => new() { Id = group, Ways = EnrolmentWays.Token, CreatedAt = _fleet.Clock.GetUtcNow(), KeyReuseLimit = limit }, request);
        for (var n = 0; n < limit; n++) serial = (await RenewedAsync(serial, request)).Serial;

        Assert.Equal("key-used-too-often", await RefusedAsync(serial, request));
        await RenewedAsync(serial);     // a new key is welcome
    }

    [Fact]
    public async Task A_group_with_short_lives_renews_into_short_lives()
    {
        var first = await EnrolAsync(group => new() { Id = group, Ways = EnrolmentWays.Token, CreatedAt = _fleet.Clock.GetUtcNow(), CertificateMinutes = 10 });

        var renewed = Assert.IsType<RenewCertificateResult.Renewed>(await RenewAsync(first));

        Assert.Equal(TimeSpan.FromSeconds(599), renewed.Certificate.NotAfter - _fleet.Clock.GetUtcNow());
        Assert.InRange(renewed.Window.Start - _fleet.Clock.GetUtcNow(), TimeSpan.FromSeconds(130), TimeSpan.FromSeconds(170));
    }

    [Fact]
    public async Task Key_of_another_device_is_refused()
    {
        var others = NewRequest();
        await _fleet.EnrolAsync(await _fleet.TokenAsync(), "pump-2", others);

        Assert.Equal("key-of-another-device", await RefusedAsync(await EnrolAsync(), others));
    }

    [Fact]
    public async Task Another_name_than_the_certificates_is_refused() => Assert.Equal("name-mismatch", await RefusedAsync(await EnrolAsync(), NewRequest("pump-2")));

    [Fact]
    public async Task The_certificate_of_another_device_renews_nothing()
    {
        var others = Assert.IsType<EnrolDeviceResult.Issued>(await _fleet.EnrolAsync(await _fleet.TokenAsync(), "pump-2"));
        await EnrolAsync();

        Assert.Equal("certificate-unknown", await RefusedAsync(others.Serial));
    }

    [Fact]
    public async Task Suspended_and_revoked_devices_renew_nothing()
    {
        var first = await EnrolAsync();
        await _fleet.Get<SuspendDevice>().RunAsync(Admin, new(Device), default);
        Assert.Equal("device-suspended", await RefusedAsync(first));

        await _fleet.Get<RevokeDevice>().RunAsync(Admin, new(Device), default);
        Assert.Equal("device-revoked", await RefusedAsync(first));
    }

    [Fact]
    public async Task One_too_many_is_told_when_to_come_and_is_not_in_the_audit()
    {
        var first = await EnrolAsync();
        for (var n = 0; n < 60; n++) _fleet.Get<RenewalTurns>().Ask($"other-{n}", TimeSpan.FromDays(10));

        var answer = Assert.IsType<RenewCertificateResult.Refused>(await RenewAsync(first));

        Assert.Equal(("renewal-busy", TimeSpan.FromSeconds(1)), (answer.Code, answer.RetryAfter));
        Assert.DoesNotContain(await _fleet.AuditAsync(Device), entry => entry.Outcome == "renewal-busy");
    }


    private async Task<string> EnrolAsync(Func<string, EnrolmentGroup>? group = null, SigningRequest? request = null)
    {
        var issued = Assert.IsType<EnrolDeviceResult.Issued>(await _fleet.EnrolAsync(await _fleet.TokenAsync(), Device, request));
        if (group is null) return issued.Serial;
        await _fleet.ReadAsync(async db =>
        {
            db.Groups.Add(group("line-1"));
            await db.SaveChangesAsync();
            return await db.Devices.ExecuteUpdateAsync(set => set.SetProperty(d => d.GroupId, "line-1"));
        });
        return issued.Serial;
    }

    private Task<RenewCertificateResult> RenewAsync(string serial, SigningRequest? request = null) =>
        _fleet.Get<RenewCertificate>().RunAsync(new RenewCertificateRequest(Device, serial, request ?? NewRequest(), "10.1.2.3"), default);

    private async Task<IssuedCertificate> RenewedAsync(string serial, SigningRequest? request = null)
    {
        var answer = await RenewAsync(serial, request);
        return answer is RenewCertificateResult.Renewed renewed ? renewed.Certificate : throw new InvalidOperationException(answer.ToString());
    }

    private async Task<string> RefusedAsync(string serial, SigningRequest? request = null) =>
        Assert.IsType<RenewCertificateResult.Refused>(await RenewAsync(serial, request)).Code;

    private Task<AdmitDeviceResult> AdmitAsync(string serial) => _fleet.Get<AdmitDevice>().RunAsync(new AdmitDeviceRequest(Device, serial), default);

    private Task<IssuedCertificate> RowAsync(string serial) => _fleet.ReadAsync(db => db.Certificates.SingleAsync(c => c.Serial == serial));

    private Task<List<string>> LiveAsync() => _fleet.ReadAsync(db => db.Certificates.Where(c => c.RevokedAt == null).Select(c => c.Serial).ToListAsync());
}
