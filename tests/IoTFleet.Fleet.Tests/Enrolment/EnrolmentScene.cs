using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Fleet.Enrolment;
using IoTFleet.Fleet.Enrolment.Claims;
using IoTFleet.Fleet.Enrolment.Groups;
using IoTFleet.Fleet.Enrolment.Manufacturers;
using IoTFleet.Pki;

namespace IoTFleet.Fleet.Tests.Enrolment;

/// <summary>What tests of the ways in have to set up again and again.</summary>
internal static class EnrolmentScene
{
    internal static async Task<EnrolmentGroup> GroupAsync(this TestFleet fleet, string id, GroupSettings settings) =>
        Assert.IsType<CreateGroupResult.Created>(await fleet.Get<CreateGroup>().RunAsync(TestFleet.Admin, new(id, settings), default)).Group;

    internal static async Task<string> TokenOfAsync(this TestFleet fleet, string group, int uses = 100, string? deviceId = null)
    {
        var request = new CreateTokenRequest("t", TimeSpan.FromDays(300), uses, deviceId, group);
        return Assert.IsType<CreateTokenResult.Created>(await fleet.Get<CreateToken>().RunAsync(TestFleet.Admin, request, default)).Secret.Reveal();
    }

    internal static Task<EnrolDeviceResult> AskAsync(this TestFleet fleet, EnrolDeviceRequest request) => fleet.Get<EnrolDevice>().RunAsync(request, default);

    /// <summary>A batch in a group of its own that takes claim certificates, and a claim certificate of it.</summary>
    internal static async Task<EnrolmentCredential.Claim> ClaimAsync(this TestFleet fleet, string batch, int quota, GroupSettings? settings = null)
    {
        await fleet.GroupAsync("g-" + batch, (settings ?? new GroupSettings()) with { Ways = EnrolmentWays.ClaimCertificate });
        var closes = fleet.Clock.GetUtcNow().AddDays(30);
        Assert.IsType<CreateBatchResult.Created>(await fleet.Get<CreateBatch>().RunAsync(TestFleet.Admin, new(batch, "g-" + batch, quota, null, closes), default));
        var issued = Assert.IsType<IssueClaimResult.Issued>(await fleet.Get<IssueClaim>().RunAsync(TestFleet.Admin, new(batch, TestFleet.NewRequest()), default));
        return new EnrolmentCredential.Claim(batch, issued.Leaf.SerialHex);
    }

    internal static Task<EnrolDeviceResult> ClaimAsync(this TestFleet fleet, EnrolmentCredential.Claim claim, string deviceId) =>
        fleet.AskAsync(new EnrolDeviceRequest(claim, TestFleet.NewRequest(deviceId)));

    /// <summary>A maker's authority, and a certificate over any common name that its key has signed.</summary>
    internal static (X509Certificate2 Certificate, Func<string, byte[]> Sign) Maker(TestFleet fleet, string name = "CN=Maker")
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(name, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        var now = fleet.Clock.GetUtcNow();
        var authority = request.CreateSelfSigned(now.AddDays(-1), new DateTimeOffset(9999, 12, 31, 23, 59, 59, TimeSpan.Zero));
        return (authority, challenge =>
        {
            using var leafKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            var leaf = new CertificateRequest($"CN={challenge}", leafKey, HashAlgorithmName.SHA256);
            using var certificate = leaf.Create(authority, now, now.AddDays(1), SerialNumber.Create().Bytes.ToArray());
            return certificate.RawData;
        }
        );
    }

    /// <summary>A registered manufacturer, into a group of its own.</summary>
    internal static async Task<string> MakerAsync(this TestFleet fleet, string group, GroupSettings? settings = null)
    {
        await fleet.GroupAsync(group, (settings ?? new GroupSettings()) with { Ways = EnrolmentWays.Manufacturer });
        var (certificate, sign) = Maker(fleet, $"CN=Maker of {group}");
        var waiting = Assert.IsType<RegisterManufacturerResult.AwaitingProof>(
            await fleet.Get<RegisterManufacturer>().RunAsync(TestFleet.Admin, new("maker", group, certificate.RawData), default));
        var proof = new ProveManufacturerRequest(waiting.Manufacturer.Id, sign(waiting.Manufacturer.Challenge));
        Assert.IsType<ProveManufacturerResult.Registered>(await fleet.Get<ProveManufacturer>().RunAsync(TestFleet.Admin, proof, default));
        return waiting.Manufacturer.Id;
    }

    internal static Task<EnrolDeviceResult> ByMakerAsync(this TestFleet fleet, string maker, string serial) =>
        fleet.AskAsync(new EnrolDeviceRequest(new EnrolmentCredential.Manufacturer(maker, serial, "CN=idevid"), TestFleet.NewRequest()));
}
