using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace IoTFleet.Fleet;

/// <summary>
/// A token or key that we made: 256 random bits, shown once and kept only as its hash.
/// A class without a telling ToString, so that no log, record or message prints it by accident.
/// </summary>
public sealed class Secret
{
    private const int Bytes = 32;

    private readonly string _text;

    private Secret(string text) => _text = text;

    internal string Hash => HashOf(_text);

    public string Reveal() => _text;

    public override string ToString() => "(secret)";

    /// <summary>The prefix lets a person, or a scanner for leaked credentials, see what it is.</summary>
    internal static Secret Create(string prefix) =>
        new(prefix + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(Bytes)));

    /// <summary>A plain SHA-256 is enough, since there is no guessing 256 random bits; a slow hash only helps passwords.</summary>
    internal static string HashOf(string presented) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(presented)));

    /// <summary>In constant time. The row was found by an index on the hash, whose timing tells nothing of the secret itself.</summary>
    internal static bool Matches(string storedHash, string presented) =>
        CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(storedHash), Encoding.ASCII.GetBytes(HashOf(presented)));
}
