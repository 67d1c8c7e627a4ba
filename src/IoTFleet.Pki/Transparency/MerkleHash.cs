using System.Security.Cryptography;

namespace IoTFleet.Pki.Transparency;

/// <summary>The hashes of a Merkle tree: SHA-256, with a byte before each input that keeps leaves and nodes apart. RFC 9162 2.1.1</summary>
public static class MerkleHash
{
    public const int Length = SHA256.HashSizeInBytes;

    /// <summary>Of a tree without leaves.</summary>
    public static byte[] Empty => SHA256.HashData([]);

    public static byte[] OfLeaf(ReadOnlySpan<byte> entry)
    {
        using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        sha.AppendData([0x00]);
        sha.AppendData(entry);
        return sha.GetHashAndReset();
    }

    public static byte[] OfNode(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right)
    {
        Span<byte> both = stackalloc byte[1 + (2 * Length)];
        both[0] = 0x01;
        left.CopyTo(both[1..]);
        right.CopyTo(both[(1 + Length)..]);
        return SHA256.HashData(both);
    }
}
