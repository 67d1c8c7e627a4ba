using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Api;
using IoTFleet.Testing;

namespace IoTFleet.Server.Tests.Attacks;

/// <summary>A claim certificate in the wrong hands: how far it leads, and how it is stopped.</summary>
public sealed class ClaimAttacks(AttackedServer attacked) : IClassFixture<AttackedServer>
{
    [Fact]
    public async Task Row_23_a_stolen_claim_makes_as_many_devices_as_its_batch_has_left()
    {
        using var stolen = await ClaimAsync("batch-23", quota: 2);
        using var est = new EstVisitor(attacked.Server, stolen);
        Assert.Equal(HttpStatusCode.OK, (await est.EnrolAsync(null, null, TestPki.Request("line-1"))).Status);
        Assert.Equal(HttpStatusCode.OK, (await est.EnrolAsync(null, null, TestPki.Request("line-2"))).Status);

        await ExpectRefusedAsync("batch-used-up", () => est.EnrolAsync(null, null, TestPki.Request("line-3")));
    }

    [Fact]
    public async Task Row_23_a_race_with_a_stolen_claim_makes_no_more_either()
    {
        using var stolen = await ClaimAsync("batch-race", quota: 5);
        using var est = new EstVisitor(attacked.Server, stolen);
        var answers = await Task.WhenAll(Enumerable.Range(0, 40).Select(number => est.EnrolAsync(null, null, TestPki.Request($"race-{number}"))));
        Assert.Equal(5, answers.Count(answer => answer.Status == HttpStatusCode.OK));
        Assert.Equal(35, answers.Count(answer => answer.Text.Contains("batch-used-up", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Row_23_a_claim_of_a_revoked_batch_makes_none()
    {
        using var stolen = await ClaimAsync("batch-gone", quota: 10);
        await attacked.Server.Client.ChangeBatchAsync("batch-gone", "revoke", new());
        using var est = new EstVisitor(attacked.Server, stolen);
        await ExpectRefusedAsync("claim-revoked", () => est.EnrolAsync(null, null, TestPki.Request("line-9")));
    }

    [Fact]
    public async Task Row_23_a_claim_takes_over_no_device_that_is_enrolled()
    {
        using var stolen = await ClaimAsync("batch-take", quota: 10);
        using var est = new EstVisitor(attacked.Server, stolen);
        await ExpectRefusedAsync("device-of-another-group", () => est.EnrolAsync(AttackedServer.Victim, null, TestPki.Request(AttackedServer.Victim)));
    }

    [Theory]
    [InlineData("/api/v1/devices")]
    [InlineData("/api/v1/overview")]
    [InlineData("/")]
    [InlineData("/healthz")]
    public async Task Row_23_a_claim_reaches_enrolment_and_nothing_else(string path)
    {
        using var stolen = attacked.ForgedClaim();
        using var est = new EstVisitor(attacked.Server, stolen);
        await attacked.ExpectNothingGainedAsync("issuer-purpose", async () =>
        {
            using var answer = await est.Http.GetAsync($"https://localhost:{attacked.Server.HttpsPort}{path}");
            Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
            return null;
        });
    }

    [Fact]
    public async Task Row_23_a_claim_that_nobody_issued_makes_no_device()
    {
        using var forged = attacked.ForgedClaim();
        using var est = new EstVisitor(attacked.Server, forged);
        await ExpectRefusedAsync("claim-unknown", () => est.EnrolAsync(null, null, TestPki.Request("line-7")));
    }

    [Fact]
    public async Task Row_24_a_claim_at_the_mqtt_port_is_closed()
    {
        using var claim = await ClaimAsync("batch-24", quota: 10);
        await attacked.ExpectClosedAsync("issuer-purpose", claim);
        using var forged = attacked.ForgedClaim();
        await attacked.ExpectClosedAsync("issuer-purpose", forged);
    }

    private Task ExpectRefusedAsync(string code, Func<Task<(HttpStatusCode Status, string Text)>> attack) => attacked.ExpectNothingGainedAsync(code, async () =>
    {
        var answer = await attack();
        Assert.InRange((int)answer.Status, 400, 499);
        Assert.Contains(code, answer.Text, StringComparison.Ordinal);
        return null;
    });

    private async Task<X509Certificate2> ClaimAsync(string batch, int quota)
    {
        await attacked.Server.Client.CreateGroupAsync(new CreateGroupRequest { Id = batch, Ways = [EnrolmentWayNames.ClaimCertificate] });
        await attacked.Server.Client.CreateBatchAsync(new CreateBatchRequest { Id = batch, Group = batch, Quota = quota, ClosesAt = TimeProvider.System.GetUtcNow().AddDays(1) });
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var issued = await attacked.Server.Client.IssueClaimAsync(batch, new CertificateRequest($"CN={batch}", key, HashAlgorithmName.SHA256).CreateSigningRequestPem());
        using var certificate = X509Certificate2.CreateFromPem(issued.CertificatePem);
        return certificate.CopyWithPrivateKey(key);
    }
}
