using System.Formats.Asn1;
using IoTFleet.Pki.Linting;
using IoTFleet.Testing;
using Xunit.Sdk;

namespace IoTFleet.Pki.Tests.Linting;

/// <summary>The linter lets good revocation lists through, and none of their mutants.</summary>
public sealed class CrlLintTests
{
    private static readonly DateTimeOffset Now = ProfileSample.Now;
    private static readonly FleetAuthorities Authorities = RootCeremony.Create(ProfileSample.Names, new FakeClock(Now.AddDays(-100)));
    private static readonly byte[] AScope = [0x81, 0x01, 0xFF];

    private static readonly Dictionary<string, (string Rule, Action<CrlModel> Change)> Mutants = new()
    {
        ["version 1"] = ("L-1.version", list => list.Version = Der.Integer(0)),
        ["version 3"] = ("L-1.version", list => list.Version = Der.Integer(2)),
        ["SHA-1"] = ("L-1.algorithm", list => list.Algorithm = Der.Sequence(Der.Oid("1.2.840.10045.4.1"))),
        ["parameters of the algorithm"] = ("L-1.algorithm", list => list.Algorithm = Der.Sequence(Der.Oid("1.2.840.10045.4.3.2"), Der.Null)),
        ["other issuer"] = ("L-1.issuer", list => list.Issuer = Der.Sequence(Der.SubjectPart("2.5.4.3", UniversalTagNumber.UTF8String, "Evil CA"))),
        ["begins a second later"] = ("order.times", list => list.ThisUpdate = Der.UtcTime(Now.AddSeconds(-1))),
        ["begins tomorrow"] = ("L-3.this-update", list => list.ThisUpdate = Der.UtcTime(Now.AddHours(20))),
        ["began yesterday"] = ("L-3.this-update", list => list.ThisUpdate = Der.UtcTime(Now.AddDays(-1))),
        ["ends a second later"] = ("order.times", list => list.NextUpdate = Der.UtcTime(Now.AddDays(1).AddSeconds(1))),
        ["has ended"] = ("L-3.order", list => list.NextUpdate = Der.UtcTime(Now.AddDays(-1))),
        ["ends in 91 days"] = ("L-3.life", list => list.NextUpdate = Der.UtcTime(Now.AddDays(91))),
        ["outlives its issuer"] = ("L-3.outlives", list => list.NextUpdate = Der.GeneralizedTime(Now.AddYears(40))),
        ["GeneralizedTime before 2050"] = ("L-1.time", list => list.ThisUpdate = Der.GeneralizedTime(Now.AddMinutes(-1))),
        ["end as GeneralizedTime"] = ("L-1.time", list => list.NextUpdate = Der.GeneralizedTime(Now.AddDays(1))),
        ["no end"] = ("L-1.der", list => list.NextUpdate = []),
        ["no entries"] = ("order.entries", list => list.Entries = null),
        ["empty list of entries"] = ("L-1.empty", list => list.Entries = []),
        ["an entry less"] = ("order.entries", list => list.Entries!.RemoveAt(1)),
        ["an entry more"] = ("order.entries", list => list.Entries!.Add([Der.Integer(5), Der.UtcTime(Now)])),
        ["an entry twice"] = ("L-1.twice", list => list.Entries![1] = list.Entries[0]),
        ["entries in another order"] = ("order.serial", list => list.Entries!.Reverse()),
        ["serial of another"] = ("order.serial", list => list.Entries![0][0][^1] ^= 1),
        ["short serial"] = ("L-1.serial", list => list.Entries![0][0] = Der.Integer(7)),
        ["negative serial"] = ("L-1.serial", list => list.Entries![0][0] = Der.Integer([0x80, .. new byte[15]])),
        ["another time"] = ("order.revoked-at", list => list.Entries![0][1] = Der.UtcTime(Now.AddDays(-9))),
        ["time of an entry as GeneralizedTime"] = ("L-1.time", list => list.Entries![0][1] = Der.GeneralizedTime(Now.AddDays(-3))),
        ["no reason"] = ("order.reason", list => list.Entries![0] = list.Entries[0][..2]),
        ["another reason"] = ("order.reason", list => list.Entries![0][2] = Reason(4)),
        ["reason 0 written out"] = ("L-1.unspecified", list => list.Entries![1] = [.. list.Entries[1], Reason(0)]),
        ["removeFromCRL"] = ("order.reason", list => list.Entries![0][2] = Reason(8)),
        ["critical reason"] = ("L-1.entry-extension", list => list.Entries![0][2] = Der.Sequence(Der.Sequence(Der.Oid(Oids.CrlReason), Der.True, Der.OctetString([0x0A, 1, 1])))),
        ["invalidity date"] = ("L-1.entry-extension", list => list.Entries![0][2] = Der.Sequence(Der.Sequence(Der.Oid("2.5.29.24"), Der.OctetString(Der.GeneralizedTime(Now))))),
        ["two extensions of an entry"] = ("L-1.der", list => list.Entries![0][2] = Der.Sequence(Der.Sequence(Der.Oid(Oids.CrlReason), Der.OctetString([0x0A, 1, 1])), Der.Sequence(Der.Oid("2.5.29.24"), Der.OctetString(Der.Null)))),
        ["a field after an entry"] = ("L-1.der", list => list.Entries![0] = [.. list.Entries[0], Der.Null]),
        ["no authority key"] = ("L-1.extensions", list => list.Extensions.RemoveAt(0)),
        ["no number"] = ("L-1.extensions", list => list.Extensions.RemoveAt(1)),
        ["no distribution point"] = ("L-1.extensions", list => list.Extensions.RemoveAt(2)),
        ["number twice"] = ("L-1.extensions", list => list.Extensions.Add(list.Extensions[1])),
        ["a delta"] = ("L-1.extensions", list => list.Extensions.Add(new("2.5.29.27", Der.True, Der.Integer(6)))),
        ["freshest list"] = ("L-1.extensions", list => list.Extensions.Add(new("2.5.29.46", [], Der.Sequence()))),
        ["critical number"] = ("L-1.critical", list => list[Oids.CrlNumber] = list[Oids.CrlNumber] with { Critical = Der.True }),
        ["point that is not critical"] = ("L-1.critical", list => list[Oids.IssuingDistributionPoint] = list[Oids.IssuingDistributionPoint] with { Critical = [] }),
        ["FALSE written out"] = ("L-1.der", list => list[Oids.CrlNumber] = list[Oids.CrlNumber] with { Critical = Der.False }),
        ["key of another authority"] = ("L-1.authority-key", list => list[Oids.AuthorityKeyIdentifier].Value[^1] ^= 1),
        ["next number"] = ("order.number", list => list.SetValue(Oids.CrlNumber, Der.Integer(8))),
        ["negative number"] = ("L-1.number", list => list.SetValue(Oids.CrlNumber, Der.Integer(0xF0))),
        ["number of 21 octets"] = ("L-1.number", list => list.SetValue(Oids.CrlNumber, Der.Integer([1, .. new byte[20]]))),
        ["another place"] = ("L-1.point", list => list.SetValue(Oids.IssuingDistributionPoint, Der.Sequence(Der.Tagged(0, Der.Tagged(0, Der.Name(6, "http://pki.fleet.local/crl/4.crl"))), AScope))),
        ["https"] = ("L-4.http", list => list.SetValue(Oids.IssuingDistributionPoint, Der.Sequence(Der.Tagged(0, Der.Tagged(0, Der.Name(6, "https://pki.fleet.local/crl/3.crl"))), AScope))),
        ["no place"] = ("L-1.point", list => list.SetValue(Oids.IssuingDistributionPoint, Der.Sequence(AScope))),
        ["for authorities"] = ("L-1.scope", list => Replace(list, 0x81, 0x82)),
        ["indirect"] = ("L-1.scope", list => Replace(list, 0x81, 0x84)),
        ["for some reasons only"] = ("L-1.der", list => list.SetValue(Oids.IssuingDistributionPoint, Der.Sequence(PointOf(list), AScope, [0x83, 0x02, 0x00, 0x01]))),
        ["a field after the extensions"] = ("L-1.der", list => list.After = Der.Null),
    };

    public static TheoryData<string> Names => [.. Mutants.Keys];

    [Fact]
    public void Good_list_passes()
    {
        var toBeSigned = Good.EncodeToBeSigned(Issuer);
        Assert.Equal(toBeSigned, CrlModel.Of(toBeSigned).Encode());
        Assert.Empty(Lint(toBeSigned));
        Assert.Empty(CrlLint.Check(OfRoot.EncodeToBeSigned(Authorities.RootKey!.Facts), OfRoot, Authorities.RootKey!.Facts, Now));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Changed_field_is_found_by_its_rule(string name)
    {
        var (rule, change) = Mutants[name];
        var model = CrlModel.Of(Good.EncodeToBeSigned(Issuer));
        change(model);
        Assert.Contains(rule, Lint(model.Encode()).Select(finding => finding.Rule));
    }

    [Fact]
    public void Every_changed_byte_is_found()
    {
        var list = Good.EncodeToBeSigned(Issuer);
        for (var at = 0; at < list.Length; at++)
        {
            foreach (var flip in (byte[])[0x01, 0x20, 0x80, 0xFF])
            {
                var changed = (byte[])list.Clone();
                changed[at] ^= flip;
                if (Lint(changed).Count == 0) throw new XunitException($"byte {at} changed by {flip:x2} is not found");
            }
        }
    }

    [Fact]
    public void Bad_order_is_refused_although_the_list_says_what_was_ordered()
    {
        Assert.Equal("L-3.life", RuleOf(Good with { NextUpdate = Now.AddDays(11) }));
        Assert.Equal("L-3.life", RuleOf(OfRoot with { NextUpdate = Now.AddDays(91) }, Authorities.RootKey!));
        Assert.Equal("L-6.scope", RuleOf(Good with { OfAuthorities = true }));
        Assert.Equal("L-6.scope", RuleOf(OfRoot with { OfAuthorities = false, NextUpdate = Now.AddDays(5) }, Authorities.RootKey!));
        Assert.Equal("L-1.number", RuleOf(Good with { Number = 0 }));
        Assert.Equal("L-4.http", RuleOf(Good with { DistributionPoint = new Uri("https://pki.fleet.local/3.crl") }));
        Assert.Equal("L-1.reason", RuleOf(Good with { Entries = [new RevokedCertificate(SerialNumber.Create(), Now, (RevocationReason)8)] }));
    }

    [Fact]
    public void Permit_signs_one_list()
    {
        var authority = new CertificateAuthority(Authorities.Devices, new FakeClock(Now));
        using var prepared = authority.PrepareCrl(Good);
        Assert.NotEmpty(authority.Sign(prepared));
        Assert.Throws<InvalidOperationException>(() => authority.Sign(prepared));
        using var anothers = new CertificateAuthority(Authorities.Servers, new FakeClock(Now)).PrepareCrl(Good);
        Assert.Throws<InvalidOperationException>(() => authority.Sign(anothers));
    }

    private static RevocationList Good { get; } = new()
    {
        Number = 7,
        ThisUpdate = Now.AddMinutes(-1),
        NextUpdate = Now.AddDays(1),
        DistributionPoint = new Uri("http://pki.fleet.local/crl/3.crl"),
        Entries = [new(SerialNumber.Create(), Now.AddDays(-3), RevocationReason.KeyCompromise), new(SerialNumber.Create(), Now.AddDays(-2))],
    };

    private static RevocationList OfRoot => Good with { DistributionPoint = null, OfAuthorities = true, NextUpdate = Now.AddDays(90).AddMinutes(-1) };

    private static IssuerFacts Issuer => Authorities.Devices.Facts;

    private static IReadOnlyList<LintFinding> Lint(byte[] toBeSigned) => CrlLint.Check(toBeSigned, Good, Issuer, Now);

    private static string RuleOf(RevocationList list, IssuerKey? issuer = null) =>
        Assert.Single(Assert.Throws<CrlRefusedException>(() => new CertificateAuthority(issuer ?? Authorities.Devices, new FakeClock(Now)).PrepareCrl(list)).Findings).Rule;

    private static byte[] Reason(byte reason) => Der.Sequence(Der.Sequence(Der.Oid(Oids.CrlReason), Der.OctetString([0x0A, 0x01, reason])));

    private static byte[] PointOf(CrlModel list) => new AsnReader(list[Oids.IssuingDistributionPoint].Value, AsnEncodingRules.DER).ReadSequence().ReadEncodedValue().ToArray();

    private static void Replace(CrlModel list, byte old, byte changed) =>
        list.SetValue(Oids.IssuingDistributionPoint, [.. list[Oids.IssuingDistributionPoint].Value.Select(b => b == old ? changed : b)]);
}
