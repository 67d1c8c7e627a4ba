using System.Collections.Immutable;
using System.Globalization;
using IoTFleet.Fleet.Certificates;
using Microsoft.Extensions.Logging.Abstractions;

namespace IoTFleet.Benchmarks.Revocations;

/// <summary>
/// What each CONNECT asks: is this certificate blocked? With a million revoked ones, asked for one that is not among them, so that every key is looked at.
/// The comparison is one look into a set of strings, of which a certificate would need four.
/// </summary>
internal static class RevokedSetBenchmark
{
    private const int Entries = 1_000_000;
    private const int Questions = 200_000;
    private const string Issuer = "aabbccddeeff00112233445566778899aabbccdd";
    private const string Strings = "one look into ImmutableHashSet<string>, 1,000,000";

    public static Task<Table> RunAsync()
    {
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var set = new RevokedSet(null!, null!, TimeProvider.System, NullLogger<RevokedSet>.Instance);
        set.Apply(Enumerable.Range(0, Entries).Select(number => new RevocationEntry
        {
            At = DateTimeOffset.UnixEpoch,
            Kind = RevocationKind.CertificateRevoked,
            Subject = "pump",
            Serial = Serial(number),
            IssuerId = Issuer,
        }));
        var bytes = GC.GetTotalMemory(forceFullCollection: true) - before;
        var few = new RevokedSet(null!, null!, TimeProvider.System, NullLogger<RevokedSet>.Instance);
        var strings = Enumerable.Range(0, Entries).Select(Serial).ToImmutableHashSet(StringComparer.Ordinal);
        var asked = Enumerable.Range(Entries, 1_000).Select(number => new CertificateFacts($"pump-{number}", Serial(number), Issuer, Serial(number) + Serial(number))).ToArray();
        var title = string.Create(CultureInfo.InvariantCulture, $"Revoked set of 1,000,000 certificates: {bytes / 1048576.0:0.0} MB on the heap");
        return new Table(title, "question",
        [
            Case.Of(Strings, Questions, count => Ask(count, asked, facts => strings.Contains(facts.Serial))),
            Case.Of("revoked set, empty", Questions, count => Ask(count, asked, facts => few.IsBlocked(facts)), Strings),
            Case.Of("revoked set, 1,000,000", Questions, count => Ask(count, asked, facts => set.IsBlocked(facts)), Strings),
        ]).MeasureAsync();
    }

    private static void Ask(int count, CertificateFacts[] asked, Func<CertificateFacts, bool> isBlocked)
    {
        var blocked = 0;
        for (var i = 0; i < count; i++) blocked += isBlocked(asked[i % asked.Length]) ? 1 : 0;
        if (blocked > 0) throw new InvalidOperationException("None of them is blocked.");
    }

    private static string Serial(int number) => ((ulong)number * 0x9E3779B97F4A7C15).ToString("x16", CultureInfo.InvariantCulture) + number.ToString("x16", CultureInfo.InvariantCulture);
}
