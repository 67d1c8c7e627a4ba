using System.Globalization;
using System.Numerics;
using System.Security.Cryptography;

namespace IoTFleet.Pki.Tests;

public sealed class RsaKeyCheckTests
{
    /// <summary>Made by an affected chip: the modulus mod03 of the detector that those who found ROCA published (crocs-muni/roca).</summary>
    private const string Roca =
        "09dcd7420e420c270a68060eb8b5aa7457a9f6648f86fafed2775cc1f79ae962f1e63f1b9e51c55f9ea6fdc7332e9b0058c9ff2eb1fc89855029cf6aafe21e689" +
        "feb38ac9ffb12f1ce371bb5d0e9aae64161abce74b4244bf68f1edb4411f756a097c8929c14740245ea355f8332d1aa36bb50c7dcb4505da8de02e4e53d38f8df" +
        "06097da7524df0df93db48eac8cc4af2d3a16257eb2b2adca6ba464e5974fa92550d31b1babf161e7692d00b86e3dd886ecab4abfbe1a8f8cc263ff4af55cdb45" +
        "f4249a5193925f5e983d762f0b6800943eb0267b08f42ed311ce1f5c86eacbc8ce4d3cb7a2fee1ef5641423a1cf4114e5ecf50034a60a412523af9e6f4aa11";

    /// <summary>Marked by each prime alone and by no common exponent: two of the moduli published there to tell a sharp detector from a blunt one.</summary>
    private static readonly string[] FakeRoca =
    [
        "72414128973967872688332736535017614208620368242015797102796086827882754006260204061799547004983731426777596445658889886861027045033760014948048067467947960318205453778973975867532910489227970143091184725760290172935872752222320334100097730483600892686353719855397381316384244147860260153198611313067061116317",
        "48107859163997579694864893504886560528514286462252528518753580114887818750322128218646068205130016527298578884960923054955072510745551784643455001265439464144751949280776912819502350769576504234639747590328838926697492194274517633949025303073843002256820311079628923909309353364288514091223779706534988233353",
    ];

    private static readonly BigInteger Exponent = 65537;

    [Fact]
    public void Key_of_an_affected_chip_is_found()
    {
        var modulus = BigInteger.Parse(Roca, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        Assert.Contains("ROCA", RsaKeyCheck.FindWeakness(modulus, Exponent));
    }

    [Fact]
    public void Moduli_that_only_look_like_it_are_not() =>
        Assert.All(FakeRoca, modulus => Assert.False(RsaKeyCheck.IsRoca(BigInteger.Parse(modulus, CultureInfo.InvariantCulture))));

    [Fact]
    public void Key_made_in_the_way_of_the_chip_is_found()
    {
        // M is the product of the first 126 primes for keys of 2048 bits; that p and q are prime does not matter here.
        var product = Primes(701).Aggregate(BigInteger.One, (all, prime) => all * prime);
        BigInteger Prime(int k, int a) => (product * k) + BigInteger.ModPow(Exponent, a, product);
        Assert.True(RsaKeyCheck.IsRoca(Prime(12345, 678901) * Prime(54321, 109876)));
        Assert.False(RsaKeyCheck.IsRoca((Prime(12345, 678901) * Prime(54321, 109876)) + 2));
    }

    [Fact]
    public void Ten_thousand_good_moduli_are_let_through()
    {
        var random = new Random(4); // Seeded: a failure can be repeated.
        var bytes = new byte[256];
        var small = Primes(751).Skip(1).Aggregate(BigInteger.One, (all, prime) => all * prime);
        for (var found = 0; found < 10_000;)
        {
            random.NextBytes(bytes);
            bytes[0] |= 1;
            bytes[^1] |= 0x80;
            var modulus = new BigInteger(bytes, isUnsigned: true);
            if (!BigInteger.GreatestCommonDivisor(modulus, small).IsOne) continue;
            found++;
            Assert.False(RsaKeyCheck.IsRoca(modulus));
            if (found % 20 == 0) Assert.Null(RsaKeyCheck.FindWeakness(modulus, Exponent)); // Fermat takes its time.
        }
    }

    [Fact]
    public void Real_keys_are_let_through()
    {
        foreach (var bits in (int[])[2048, 2048, 2048, 2048, 3072])
        {
            using var key = RSA.Create(bits);
            Assert.Null(RsaKeyCheck.FindWeakness(Modulus(key), Exponent));
        }
    }

    [Fact]
    public void Close_primes_are_found()
    {
        using var key = RSA.Create(2048);
        var p = new BigInteger(key.ExportParameters(true).P!, isUnsigned: true, isBigEndian: true);
        var close = NextPrime(p + 2);
        Assert.Contains("Fermat", RsaKeyCheck.FindWeakness(p * close, Exponent));
        Assert.True(RsaKeyCheck.HasClosePrimes(p * p));
    }

    [Fact]
    public void Primes_that_a_hundred_steps_reach_are_found_and_distant_ones_are_not()
    {
        // n = a² - b²: b² / 2a steps from the root.
        var a = BigInteger.One << 1024;
        BigInteger Steps(int steps) => SquareRootOf(2 * a * steps);
        Assert.True(RsaKeyCheck.HasClosePrimes((a - Steps(100)) * (a + Steps(100))));
        Assert.False(RsaKeyCheck.HasClosePrimes((a - Steps(10_000)) * (a + Steps(10_000))));
    }

    [Fact]
    public void Small_factors_even_moduli_and_other_exponents_are_found()
    {
        using var key = RSA.Create(2048);
        var modulus = Modulus(key);
        Assert.Contains("factor below 752", RsaKeyCheck.FindWeakness(Odd(modulus / 751) * 751, Exponent));
        Assert.Contains("even", RsaKeyCheck.FindWeakness(modulus - 1, Exponent));
        Assert.Contains("65537", RsaKeyCheck.FindWeakness(modulus, 3));
        Assert.Contains("bits", RsaKeyCheck.FindWeakness(modulus >> 1, Exponent));
    }

    private static BigInteger Odd(BigInteger value) => value.IsEven ? value - 1 : value;

    private static BigInteger Modulus(RSA key) => new(key.ExportParameters(false).Modulus!, isUnsigned: true, isBigEndian: true);

    private static IEnumerable<int> Primes(int upTo) =>
        Enumerable.Range(2, upTo - 1).Where(number => Enumerable.Range(2, (int)Math.Sqrt(number) - 1).All(divisor => number % divisor != 0));

    private static BigInteger NextPrime(BigInteger from)
    {
        var small = Primes(5000).Skip(1).ToArray();
        while (small.Any(prime => from % prime == 0) || BigInteger.ModPow(2, from - 1, from) != 1) from += 2;
        return from;
    }

    private static BigInteger SquareRootOf(BigInteger value)
    {
        var root = BigInteger.One << (int)(value.GetBitLength() / 2 + 1);
        for (var next = (root + value / root) / 2; next < root; next = (root + value / root) / 2) root = next;
        return root;
    }
}
