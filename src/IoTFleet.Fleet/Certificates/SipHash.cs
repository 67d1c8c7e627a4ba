using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace IoTFleet.Fleet.Certificates;

/// <summary>
/// SipHash-2-4 with 128 bits (Aumasson and Bernstein): a text as a number that stands for it. With a key that nobody outside the process knows,
/// nobody can choose a name whose number is another's; and it costs a tenth of SHA-256.
/// </summary>
internal sealed class SipHash(ulong key0, ulong key1)
{
    internal static SipHash WithNewKey()
    {
        Span<byte> key = stackalloc byte[16];
        RandomNumberGenerator.Fill(key);
        return new SipHash(BinaryPrimitives.ReadUInt64LittleEndian(key), BinaryPrimitives.ReadUInt64LittleEndian(key[8..]));
    }

    internal UInt128 Of(string text) => Of(MemoryMarshal.AsBytes(text.AsSpan()));

    internal UInt128 Of(string first, string second)
    {
        Span<char> text = stackalloc char[256];
        if (first.Length + second.Length >= text.Length) return Of($"{first}/{second}");
        first.CopyTo(text);
        text[first.Length] = '/';
        second.CopyTo(text[(first.Length + 1)..]);
        return Of(MemoryMarshal.AsBytes(text[..(first.Length + 1 + second.Length)]));
    }

    internal UInt128 Of(ReadOnlySpan<byte> data)
    {
        var (v0, v1, v2, v3) = (key0 ^ 0x736f6d6570736575, key1 ^ 0x646f72616e646f6d ^ 0xee, key0 ^ 0x6c7967656e657261, key1 ^ 0x7465646279746573);
        var last = (ulong)data.Length << 56;
        for (; data.Length >= 8; data = data[8..])
        {
            var word = BinaryPrimitives.ReadUInt64LittleEndian(data);
            v3 ^= word;
            Rounds(2, ref v0, ref v1, ref v2, ref v3);
            v0 ^= word;
        }
        for (var i = 0; i < data.Length; i++) last |= (ulong)data[i] << (8 * i);
        v3 ^= last;
        Rounds(2, ref v0, ref v1, ref v2, ref v3);
        v0 ^= last;
        v2 ^= 0xee;
        Rounds(4, ref v0, ref v1, ref v2, ref v3);
        var low = v0 ^ v1 ^ v2 ^ v3;
        v1 ^= 0xdd;
        Rounds(4, ref v0, ref v1, ref v2, ref v3);
        return new UInt128(v0 ^ v1 ^ v2 ^ v3, low);
    }

    private static void Rounds(int count, ref ulong v0, ref ulong v1, ref ulong v2, ref ulong v3)
    {
        for (var i = 0; i < count; i++)
        {
            v0 += v1;
            v1 = BitOperations.RotateLeft(v1, 13) ^ v0;
            v0 = BitOperations.RotateLeft(v0, 32);
            v2 += v3;
            v3 = BitOperations.RotateLeft(v3, 16) ^ v2;
            v0 += v3;
            v3 = BitOperations.RotateLeft(v3, 21) ^ v0;
            v2 += v1;
            v1 = BitOperations.RotateLeft(v1, 17) ^ v2;
            v2 = BitOperations.RotateLeft(v2, 32);
        }
    }
}
