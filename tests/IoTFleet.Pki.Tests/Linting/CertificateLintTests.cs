using Xunit.Sdk;

namespace IoTFleet.Pki.Tests.Linting;

/// <summary>The linter lets the good certificate of each profile through, and none of its mutants.</summary>
public sealed class CertificateLintTests
{
    public static TheoryData<Profile> Profiles => ProfileSample.All;

    /// <summary>A responder answers for any authority, and is issued by it.</summary>
    public static TheoryData<Profile> ProfilesWithAnIssuerOfTheirOwn => [.. Enum.GetValues<Profile>().Where(profile => profile != Profile.OcspResponder)];

    [Theory]
    [MemberData(nameof(Profiles))]
    public void Good_certificate_passes(Profile profile)
    {
        var sample = ProfileSample.Of(profile);
        var model = CertificateModel.Of(sample.ToBeSigned());
        Assert.Equal(sample.ToBeSigned(), model.ToBeSigned());
        Assert.Empty(sample.Lint(model.Encode()));
        Assert.Empty(sample.LintOrder());
    }

    [Theory]
    [MemberData(nameof(Profiles))]
    public void Every_changed_field_is_found_by_its_rule(Profile profile)
    {
        var sample = ProfileSample.Of(profile);
        var toBeSigned = sample.ToBeSigned();
        var mutants = CertificateMutants.For(profile, CertificateModel.Of(toBeSigned)).ToList();
        Assert.True(mutants.Count >= 60, $"{mutants.Count} mutants");
        foreach (var mutant in mutants)
        {
            var model = CertificateModel.Of(toBeSigned);
            mutant.Change(model);
            var findings = sample.Lint(model.Encode());
            var wanted = mutant.Rule == "names" ? ["P-7.identity", "P-7.hosts"] : new[] { mutant.Rule };
            if (!findings.Any(finding => wanted.Contains(finding.Rule)))
                throw new XunitException($"{profile}, {mutant.Name}: expected {mutant.Rule}, found {(findings.Count == 0 ? "nothing" : string.Join("; ", findings))}");
        }
    }

    [Theory]
    [MemberData(nameof(Profiles))]
    public void Every_changed_byte_is_found(Profile profile)
    {
        var sample = ProfileSample.Of(profile);
        var certificate = CertificateModel.Of(sample.ToBeSigned()).Encode();
        for (var at = 0; at < sample.ToBeSigned().Length + 4; at++)
        {
            foreach (var flip in (byte[])[0x01, 0x20, 0x80, 0xFF])
            {
                var changed = (byte[])certificate.Clone();
                changed[at] ^= flip;
                if (sample.Lint(changed).Count == 0) throw new XunitException($"{profile}: byte {at} changed by {flip:x2} is not found");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Profiles))]
    public void Cut_or_lengthened_certificate_is_no_DER(Profile profile)
    {
        var sample = ProfileSample.Of(profile);
        var certificate = CertificateModel.Of(sample.ToBeSigned()).Encode();
        for (var length = 0; length < certificate.Length; length += 7) Assert.Equal("P-5.der", Assert.Single(sample.Lint(certificate[..length])).Rule);
        Assert.Equal("P-5.der", Assert.Single(sample.Lint([.. certificate, 0])).Rule);
    }

    [Theory]
    [MemberData(nameof(ProfilesWithAnIssuerOfTheirOwn))]
    public void Certificate_by_another_kind_of_authority_is_found(Profile profile)
    {
        var sample = ProfileSample.Of(profile);
        foreach (var other in Enum.GetValues<Profile>())
        {
            var issuer = ProfileSample.Of(other).Issuer;
            if (issuer.Subject.AsSpan().SequenceEqual(sample.Issuer.Subject)) continue;
            if (ProfileRules.Of(profile).IsAuthority && ProfileRules.Of(other).IsAuthority) continue; // All by roots.
            Assert.NotEmpty((sample with { Issuer = issuer }).LintOrder());
        }
    }
}
