using System.Numerics;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using IoTFleet.Pki;

namespace IoTFleet.Benchmarks.Revocations;

/// <summary>Writing and signing a revocation list, with its distribution point. The comparison is the framework's builder, which cannot write one.</summary>
internal static class CrlBenchmark
{
    private const int Few = 10_000;
    private const int Many = 1_000_000;
    private const string Builder = ".NET's builder, 10,000 entries";

    public static async Task<Table> RunAsync()
    {
        using var authorities = RootCeremony.Create(new FleetNames("fleet.local"), TimeProvider.System);
        var authority = new CertificateAuthority(authorities.Devices, TimeProvider.System);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var entries = Enumerable.Range(0, Many).Select(_ => new RevokedCertificate(SerialNumber.Create(), TimeProvider.System.GetUtcNow(), RevocationReason.KeyCompromise)).ToArray();
        return await new Table("Revocation lists", "list",
        [
            Case.Of(Builder, 1, _ => WithBuilder(key, authority, entries[..Few])),
            Case.Of("10,000 entries", 1, _ => authority.SignCrl(List(entries[..Few])), Builder),
            Case.Of("1,000,000 entries", 1, _ => authority.SignCrl(List(entries)), Builder),
        ]).MeasureAsync();
    }

    private static RevocationList List(RevokedCertificate[] entries)
    {
        var now = TimeProvider.System.GetUtcNow();
        return new() { Number = BigInteger.One, ThisUpdate = now, NextUpdate = now.AddDays(1), Entries = entries, DistributionPoint = new Uri("http://pki.fleet.local/crl/0/0.crl") };
    }

    private static void WithBuilder(ECDsa key, CertificateAuthority authority, RevokedCertificate[] entries)
    {
        var builder = new CertificateRevocationListBuilder();
        foreach (var entry in entries) builder.AddEntry(entry.Serial.Bytes.Span, entry.RevokedAt, X509RevocationReason.KeyCompromise);
        var authorityKey = X509AuthorityKeyIdentifierExtension.CreateFromCertificate(authority.Certificate, true, false);
        builder.Build(authority.Certificate.SubjectName, X509SignatureGenerator.CreateForECDsa(key), BigInteger.One, TimeProvider.System.GetUtcNow().AddDays(1), HashAlgorithmName.SHA256, authorityKey);
    }
}
