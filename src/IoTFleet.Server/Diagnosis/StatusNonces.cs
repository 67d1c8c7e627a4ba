using System.Buffers.Binary;
using System.Security.Cryptography;

namespace IoTFleet.Server.Diagnosis;

/// <summary>
/// Nonces for a proof of a key. Nothing is kept of them: time and a code by a key of this process say that it was us, and lately.
/// The same one may be used twice in its time; what it opens is an answer that says the same twice.
/// </summary>
internal sealed class StatusNonces(TimeProvider clock)
{
    public static readonly TimeSpan Life = TimeSpan.FromMinutes(5);

    private const int RandomLength = 8;
    private const int TimeLength = 8;
    private const int CodeLength = 16;
    private const int Length = RandomLength + TimeLength + CodeLength;

    private readonly byte[] _key = RandomNumberGenerator.GetBytes(32);

    public byte[] Make()
    {
        var nonce = new byte[Length];
        RandomNumberGenerator.Fill(nonce.AsSpan(0, RandomLength));
        BinaryPrimitives.WriteInt64BigEndian(nonce.AsSpan(RandomLength), clock.GetUtcNow().ToUnixTimeMilliseconds());
        CodeOf(nonce).CopyTo(nonce.AsSpan(RandomLength + TimeLength));
        return nonce;
    }

    public bool IsFresh(ReadOnlySpan<byte> nonce)
    {
        if (nonce.Length != Length || !CryptographicOperations.FixedTimeEquals(CodeOf(nonce), nonce[(RandomLength + TimeLength)..])) return false;
        var age = clock.GetUtcNow().ToUnixTimeMilliseconds() - BinaryPrimitives.ReadInt64BigEndian(nonce[RandomLength..]);
        return age >= 0 && age <= Life.TotalMilliseconds;
    }

    private byte[] CodeOf(ReadOnlySpan<byte> nonce) => HMACSHA256.HashData(_key, nonce[..(RandomLength + TimeLength)])[..CodeLength];
}
