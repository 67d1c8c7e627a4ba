namespace IoTFleet.Pki.Tests.Linting;

/// <summary>What is ordered is judged as well: a certificate that says exactly what somebody wanted is refused when nobody may want it.</summary>
public sealed class BadOrderTests
{
    private static readonly Dictionary<string, (Profile Profile, Func<CertificateOrder, CertificateOrder> Change, string Rule)> Cases = new()
    {
        ["device for 91 days"] = (Profile.Device, order => Lasting(order, 91), "P-3.lifetime"),
        ["claim for 2 years"] = (Profile.Claim, order => Lasting(order, 731), "P-3.lifetime"),
        ["service for 2 years"] = (Profile.Service, order => Lasting(order, 731), "P-3.lifetime"),
        ["server for 91 days"] = (Profile.Server, order => Lasting(order, 91), "P-3.lifetime"),
        ["responder for 8 days"] = (Profile.OcspResponder, order => Lasting(order, 8), "P-3.lifetime"),
        ["root for 30 years"] = (Profile.Root, order => Lasting(order, 30 * 366), "P-3.lifetime"),
        ["claim authority for 2 years"] = (Profile.ClaimAuthority, order => Lasting(order, 731), "P-3.lifetime"),
        ["server backdated by an hour"] = (Profile.Server, order => order with { NotBefore = order.NotBefore.AddHours(-1), NotAfter = order.NotAfter.AddHours(-1) }, "P-3.backdate"),
        ["device backdated by two days"] = (Profile.Device, order => order with { NotBefore = order.NotBefore.AddDays(-2) }, "P-3.backdate"),
        ["device that outlives its issuer"] = (Profile.Device, order => Lasting(order, 3 * 366), "P-3.outlives"),
        ["device of another fleet"] = (Profile.Device, order => order with { Uri = "spiffe://device.other.local/pump-1" }, "P-9.constraint"),
        ["device as a service"] = (Profile.Device, order => order with { Uri = "spiffe://service.fleet.local/pump-1" }, "P-7.uri"),
        ["device without identity"] = (Profile.Device, order => order with { Uri = null }, "P-7.uri"),
        ["device with a capital letter"] = (Profile.Device, order => order with { CommonName = "Pump-1", Uri = "spiffe://device.fleet.local/Pump-1" }, "P-7.grammar"),
        ["device with another CN"] = (Profile.Device, order => order with { CommonName = "pump-2" }, "P-7.common-name"),
        ["device that names the fleet"] = (Profile.Device, order => order with { Organization = "fleet.local" }, "P-5.organization"),
        ["maker's serial of a service"] = (Profile.Service, order => order with { HardwareSerial = "SN-1" }, "P-5.serial-number"),
        ["maker's serial of 65 characters"] = (Profile.Device, order => order with { HardwareSerial = new string('1', 65) }, "P-5.serial-number"),
        ["maker's serial of nothing"] = (Profile.Device, order => order with { HardwareSerial = "" }, "P-5.serial-number"),
        ["maker's serial that is not printable"] = (Profile.Device, order => order with { HardwareSerial = "SN_1*" }, "P-5.encoding"),
        ["CN with a line break"] = (Profile.OcspResponder, order => order with { CommonName = "OCSP\n" }, "P-7.common-name"),
        ["list over https"] = (Profile.Device, order => order with { CrlUrl = "https://fleet.example/1.crl" }, "P-8.crl"),
        ["list with a query"] = (Profile.Device, order => order with { CrlUrl = "http://fleet.example/1.crl?shard=1" }, "P-8.crl"),
        ["list with a password"] = (Profile.Device, order => order with { CrlUrl = "http://user:secret@fleet.example/1.crl" }, "P-8.crl"),
        ["responder without a host"] = (Profile.Device, order => order with { OcspUrl = "http:///ocsp" }, "P-8.ocsp"),
        ["issuer's certificate at a place that is none"] = (Profile.Device, order => order with { IssuerUrl = "somewhere" }, "P-8.issuer-url"),
        ["responder that says where it is"] = (Profile.OcspResponder, order => order with { OcspUrl = "http://fleet.example/ocsp" }, "P-8.publishes"),
        ["server without hosts"] = (Profile.Server, order => order with { Hosts = [] }, "P-7.hosts"),
        ["server for everything"] = (Profile.Server, order => order with { Hosts = ["*.example"] }, "P-7.host"),
        ["server with 51 hosts"] = (Profile.Server, order => order with { Hosts = [.. Enumerable.Range(0, 51).Select(n => $"h{n}.example")] }, "P-7.hosts"),
        ["authority of another fleet than its root"] = (Profile.DeviceAuthority, order => order with { Organization = "other.local" }, "P-5.fleet"),
        ["authority without a fleet"] = (Profile.DeviceAuthority, order => order with { Organization = null }, "P-5.organization"),
        ["suffix in capitals"] = (Profile.ServerAuthority, order => order with { DnsSuffixes = ["Example"] }, "P-9.suffix"),
        ["key that is none"] = (Profile.Device, order => order with { SubjectPublicKeyInfo = new byte[] { 0x30, 0x00 } }, "P-5.encoding"),
        ["cross-certificate of another name"] = (Profile.CrossRoot, order => order with { Original = order.Original! with { Subject = [0x30, 0x00] } }, "P-5.common-name"),
        ["cross-certificate of another key"] = (Profile.CrossRoot, order => order with { Original = order.Original! with { KeyId = new byte[20] } }, "K-4.key"),
        ["cross-certificate of nothing"] = (Profile.CrossRoot, order => order with { Original = null }, "K-4.original"),
        ["root that repeats another"] = (Profile.ServerAuthority, order => order with { Original = ProfileSample.Of(Profile.CrossServerAuthority).Order.Original }, "K-4.original"),
        ["cross-certificate that outlives the original"] = (Profile.CrossRoot, order => order with { Original = order.Original! with { NotAfter = ProfileSample.Now.AddDays(9) } }, "K-4.life"),
        ["cross-certificate from before the original"] = (Profile.CrossRoot, order => order with { Original = order.Original! with { NotBefore = ProfileSample.Now } }, "K-4.life"),
        ["cross-certificate for more hosts"] = (Profile.CrossServerAuthority, order => order with { DnsSuffixes = ["fleet.example", "other.example"] }, "K-4.constraints"),
        ["cross-certificate of an authority for devices"] = (Profile.CrossServerAuthority, order => order with { Original = order.Original! with { Purposes = [KeyPurpose.ClientAuth] } }, "K-4.purpose"),
        ["cross-certificate of a root as one for servers"] = (Profile.CrossServerAuthority, order => order with { Original = order.Original! with { Purposes = null } }, "K-4.purpose"),
        ["cross-certificate by its own holder"] = (Profile.CrossRoot, order => order with { Original = order.Original! with { Subject = ProfileSample.Of(Profile.CrossRoot).Issuer.Subject } }, "P-4.self"),
        ["device that is too large"] = (Profile.Device, order => order with { CrlUrl = "http://" + new string('a', 1200) }, "P-6.size"),
    };

    public static TheoryData<string> Names => [.. Cases.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void Bad_order_is_refused_by_its_rule(string name)
    {
        var (profile, change, rule) = Cases[name];
        var sample = ProfileSample.Of(profile);
        Assert.Contains((sample with { Order = change(sample.Order) }).LintOrder(), finding => finding.Rule == rule);
    }

    [Fact]
    public void Refusal_names_the_rule_and_says_what_is_wrong()
    {
        var sample = ProfileSample.Of(Profile.Device);
        var refused = Assert.Throws<ProfileViolationException>(() =>
            CertificateAuthority.Linted(Lasting(sample.Order, 91), sample.Issuer, ProfileSample.Now));
        Assert.StartsWith("A Device certificate was not signed: P-3.lifetime: it lives longer than 90 days", refused.Message, StringComparison.Ordinal);
        Assert.Equal(Profile.Device, refused.Profile);
    }

    private static CertificateOrder Lasting(CertificateOrder order, int days) => order with { NotAfter = order.NotBefore.AddDays(days) };
}
