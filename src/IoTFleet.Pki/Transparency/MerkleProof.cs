using System.Numerics;

namespace IoTFleet.Pki.Transparency;

/// <summary>Checks what a log claims, with nothing but its answers and hashes.</summary>
public static class MerkleProof
{
    /// <summary>Whether the leaf is at this index of the tree with this root. RFC 9162 2.1.3.2</summary>
    public static bool IsIncluded(ReadOnlySpan<byte> leafHash, long index, long size, IReadOnlyList<byte[]> proof, ReadOnlySpan<byte> root)
    {
        if (index < 0 || index >= size || leafHash.Length != MerkleHash.Length || !AllAreHashes(proof)) return false;
        var (fn, sn) = ((ulong)index, (ulong)size - 1);
        var hash = leafHash.ToArray();
        foreach (var sibling in proof)
        {
            if (sn == 0) return false;
            if ((fn & 1) == 1 || fn == sn)
            {
                hash = MerkleHash.OfNode(sibling, hash);
                (fn, sn) = UpToLeftChild(fn, sn);
            }
            else
            {
                hash = MerkleHash.OfNode(hash, sibling);
            }
            (fn, sn) = (fn >> 1, sn >> 1);
        }
        return sn == 0 && root.SequenceEqual(hash);
    }

    /// <summary>Whether the larger tree holds all of the smaller one, unchanged and first. RFC 9162 2.1.4.2</summary>
    public static bool IsConsistent(long first, long second, ReadOnlySpan<byte> firstRoot, ReadOnlySpan<byte> secondRoot, IReadOnlyList<byte[]> proof)
    {
        if (first < 0 || first > second || !AllAreHashes(proof)) return false;
        if (first == second) return proof.Count == 0 && firstRoot.SequenceEqual(secondRoot);
        if (first == 0) return proof.Count == 0; // Every tree begins with nothing.
        if (BitOperations.IsPow2(first)) proof = [firstRoot.ToArray(), .. proof];
        return proof.Count > 0 && FoldsToBoth(first, second, firstRoot, secondRoot, proof);
    }

    private static bool FoldsToBoth(long first, long second, ReadOnlySpan<byte> firstRoot, ReadOnlySpan<byte> secondRoot, IReadOnlyList<byte[]> proof)
    {
        var (fn, sn) = ((ulong)first - 1, (ulong)second - 1);
        while ((fn & 1) == 1) (fn, sn) = (fn >> 1, sn >> 1);
        var (older, newer) = (proof[0], proof[0]);
        foreach (var hash in proof.Skip(1))
        {
            if (sn == 0) return false;
            if ((fn & 1) == 1 || fn == sn)
            {
                (older, newer) = (MerkleHash.OfNode(hash, older), MerkleHash.OfNode(hash, newer));
                (fn, sn) = UpToLeftChild(fn, sn);
            }
            else
            {
                newer = MerkleHash.OfNode(newer, hash);
            }
            (fn, sn) = (fn >> 1, sn >> 1);
        }
        return sn == 0 && firstRoot.SequenceEqual(older) && secondRoot.SequenceEqual(newer);
    }

    /// <summary>Where the tree's right edge is not full, a node moves up without a sibling.</summary>
    private static (ulong Fn, ulong Sn) UpToLeftChild(ulong fn, ulong sn)
    {
        while ((fn & 1) == 0 && fn != 0) (fn, sn) = (fn >> 1, sn >> 1);
        return (fn, sn);
    }

    private static bool AllAreHashes(IReadOnlyList<byte[]> proof) => proof.All(hash => hash.Length == MerkleHash.Length);
}
