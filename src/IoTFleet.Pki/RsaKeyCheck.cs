using System.Numerics;

namespace IoTFleet.Pki;

/// <summary>
/// Finds RSA keys that others can factor: odd sizes and exponents, small factors, the generator of Infineon's chips
/// (ROCA, CVE-2017-15361), primes that lie close together (CVE-2022-26320).
/// </summary>
internal static class RsaKeyCheck
{
    private const int SmallFactorsBelow = 752;
    private const int FermatRounds = 110;

    private static readonly int[] Sizes = [2048, 3072, 4096];
    private static readonly BigInteger Exponent = 65537;
    private static readonly int[] SmallPrimes = [.. Enumerable.Range(3, SmallFactorsBelow - 3).Where(IsPrime)];
    private static readonly BigInteger ProductOfSmallPrimes = SmallPrimes.Aggregate(BigInteger.One, (product, prime) => product * prime);

    private static readonly PowersOfExponent[] RocaMarks = [.. SmallPrimes.Where(prime => prime <= 167).Select(prime => new PowersOfExponent(prime))];

    /// <returns>Null for a key that shows none.</returns>
    public static string? FindWeakness(BigInteger modulus, BigInteger exponent)
    {
        if (modulus.Sign <= 0 || !Sizes.Contains((int)modulus.GetBitLength())) return "the RSA key must have 2048, 3072 or 4096 bits";
        if (exponent != Exponent) return "the RSA key's exponent must be 65537";
        if (modulus.IsEven) return "the RSA key's modulus is even";
        if (!BigInteger.GreatestCommonDivisor(modulus, ProductOfSmallPrimes).IsOne) return $"the RSA key's modulus has a factor below {SmallFactorsBelow}";
        if (IsRoca(modulus)) return "the RSA key was made by a generator whose keys can be factored (ROCA, CVE-2017-15361); make the key elsewhere";
        if (HasClosePrimes(modulus)) return "the RSA key's primes lie so close together that it can be factored (Fermat); make the key with another generator";
        return null;
    }

    /// <summary>
    /// The chip's primes are k·M + (65537^a mod M), M the product of small primes. So by each of those the modulus leaves a power of
    /// 65537, and all by one exponent: the first alone is true of one good key in 200 million, both of none.
    /// </summary>
    internal static bool IsRoca(BigInteger modulus)
    {
        var found = new List<(int Exponent, int Order)>(RocaMarks.Length);
        foreach (var mark in RocaMarks)
        {
            if (mark.ExponentOf((int)(modulus % mark.Prime)) is not { } exponent) return false;
            found.Add((exponent, mark.Order));
        }
        return found.All(one => found.All(other => (one.Exponent - other.Exponent) % Divisor(one.Order, other.Order) == 0)); // The Chinese remainder theorem.
    }

    /// <summary>Fermat's method: n = a² - b² with a just above the root of n. 110 rounds, as the public certificate authorities do.</summary>
    internal static bool HasClosePrimes(BigInteger modulus)
    {
        var a = SquareRoot(modulus);
        if (a * a < modulus) a += 1;
        var rest = (a * a) - modulus;
        for (var round = 0; round < FermatRounds; round++)
        {
            if (IsSquare(rest)) return true;
            rest += (2 * a) + 1; // (a + 1)² - n
            a += 1;
        }
        return false;
    }

    private static bool IsSquare(BigInteger value)
    {
        // Squares end in one of twelve of the 64 endings of six bits: most values are decided without a root.
        if ((0x0202021202030213UL >> (int)(ulong)(value & 63) & 1) == 0) return false;
        var root = SquareRoot(value);
        return root * root == value;
    }

    /// <summary>Rounded down; by Newton from above.</summary>
    private static BigInteger SquareRoot(BigInteger value)
    {
        if (value.IsZero) return value;
        var root = BigInteger.One << (int)((value.GetBitLength() + 1) / 2);
        while (true)
        {
            var next = (root + (value / root)) >> 1;
            if (next >= root) return root;
            root = next;
        }
    }

    private static int Divisor(int left, int right) => right == 0 ? left : Divisor(right, left % right);

    private static bool IsPrime(int number)
    {
        for (var divisor = 2; divisor * divisor <= number; divisor++)
        {
            if (number % divisor == 0) return false;
        }
        return true;
    }

    /// <summary>The powers of 65537 modulo a prime, and by which exponent each is reached.</summary>
    private sealed class PowersOfExponent
    {
        private readonly int?[] _exponents;

        public PowersOfExponent(int prime)
        {
            (Prime, _exponents) = (prime, new int?[prime]);
            for (var power = 1; _exponents[power] is null; power = power * (65537 % prime) % prime) _exponents[power] = Order++;
        }

        public int Prime { get; }
        public int Order { get; private set; }

        public int? ExponentOf(int remainder) => _exponents[remainder];
    }
}
