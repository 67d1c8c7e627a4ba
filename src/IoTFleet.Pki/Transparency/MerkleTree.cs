using System.Numerics;

namespace IoTFleet.Pki.Transparency;

/// <summary>
/// A tree that grows at its right edge (RFC 9162 2.1). It keeps one hash for each full block of 256 leaves and the hashes above, some 250 KB for a million leaves;
/// inside a block it keeps the last few, and others are brought when a proof goes through them. Not safe for many threads.
/// </summary>
public sealed class MerkleTree
{
    public const int BlockSize = 256;
    private const int BlockLevel = 8; // 2^8 leaves
    private const int BlocksKept = 16;

    private readonly List<List<byte[]>> _above = [[]]; // _above[0] holds the roots of full blocks.
    private readonly Dictionary<long, MerkleBlock> _blocks = [];
    private readonly Queue<long> _kept = [];

    public long Size { get; private set; }

    public void Append(byte[] leafHash)
    {
        var number = Size / BlockSize;
        if (Size++ % BlockSize == 0) Keep(number, new MerkleBlock());
        var block = _blocks[number];
        block.Append(leafHash);
        if (block.Count == BlockSize) Grow(block.At(BlockLevel, 0));
    }

    /// <summary>The blocks that proofs between these sizes, and of leaves at these indices, go through and that are not here.</summary>
    public IEnumerable<long> Missing(params ReadOnlySpan<long> positions)
    {
        var missing = new SortedSet<long>();
        foreach (var position in positions)
        {
            foreach (var number in (long[])[position / BlockSize, (position - 1) / BlockSize])
            {
                if (position > 0 && number * BlockSize < Size && !_blocks.ContainsKey(number)) missing.Add(number);
                if (position == 0 && Size > 0 && !_blocks.ContainsKey(0)) missing.Add(0);
            }
        }
        return missing;
    }

    /// <summary>A block's leaves, as they were appended.</summary>
    public void Load(long number, IEnumerable<byte[]> leafHashes)
    {
        var block = new MerkleBlock();
        foreach (var hash in leafHashes) block.Append(hash);
        if (block.Count != BlockSize || !block.At(BlockLevel, 0).AsSpan().SequenceEqual(_above[0][(int)number]))
            throw new InvalidDataException($"The log's leaves {number * BlockSize} to {((number + 1) * BlockSize) - 1} are not those that were appended.");
        Keep(number, block);
    }

    /// <summary>Of the first leaves, as many as the size says.</summary>
    public byte[] Root(long size)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(size, Size);
        return size == 0 ? MerkleHash.Empty : Hash(0, size);
    }

    /// <summary>RFC 9162 2.1.3.1</summary>
    public List<byte[]> InclusionProof(long index, long size)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(size, Size);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, size);
        var proof = new List<byte[]>();
        AddPath(index, 0, size, proof);
        return proof;
    }

    /// <summary>RFC 9162 2.1.4.1</summary>
    public List<byte[]> ConsistencyProof(long first, long second)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(second, Size);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(first, second);
        var proof = new List<byte[]>();
        if (first > 0 && first < second) AddSubproof(first, 0, second, isWhole: true, proof);
        return proof;
    }

    private void AddPath(long index, long start, long end, List<byte[]> proof)
    {
        if (end - start == 1) return;
        var middle = start + Half(end - start);
        if (index < middle) AddPath(index, start, middle, proof);
        else AddPath(index, middle, end, proof);
        proof.Add(index < middle ? Hash(middle, end) : Hash(start, middle));
    }

    private void AddSubproof(long first, long start, long end, bool isWhole, List<byte[]> proof)
    {
        if (first == end)
        {
            if (!isWhole) proof.Add(Hash(start, end)); // The verifier has the root of the whole smaller tree.
            return;
        }
        var middle = start + Half(end - start);
        if (first <= middle) AddSubproof(first, start, middle, isWhole, proof);
        else AddSubproof(first, middle, end, isWhole: false, proof);
        proof.Add(first <= middle ? Hash(middle, end) : Hash(start, middle));
    }

    /// <summary>Of the leaves from start up to end, where the start is a multiple of the smallest power of two not below their number.</summary>
    private byte[] Hash(long start, long end)
    {
        var count = end - start;
        if (BitOperations.IsPow2(count)) return Full(BitOperations.Log2((ulong)count), start / count);
        var middle = start + Half(count);
        return MerkleHash.OfNode(Hash(start, middle), Hash(middle, end));
    }

    private byte[] Full(int level, long position)
    {
        if (level >= BlockLevel) return _above[level - BlockLevel][(int)position];
        var inBlock = BlockLevel - level;
        return _blocks[position >> inBlock].At(level, (int)(position & ((1 << inBlock) - 1)));
    }

    /// <summary>The largest power of two below the number.</summary>
    private static long Half(long count) => 1L << BitOperations.Log2((ulong)(count - 1));

    private void Grow(byte[] blockRoot)
    {
        _above[0].Add(blockRoot);
        for (var level = 0; _above[level].Count % 2 == 0; level++)
        {
            if (_above.Count == level + 1) _above.Add([]);
            _above[level + 1].Add(MerkleHash.OfNode(_above[level][^2], _above[level][^1]));
        }
    }

    private void Keep(long number, MerkleBlock block)
    {
        _blocks[number] = block;
        _kept.Enqueue(number);
        while (_kept.Count > BlocksKept)
        {
            var oldest = _kept.Dequeue();
            if (oldest == Size / BlockSize) _kept.Enqueue(oldest); // It still grows.
            else _blocks.Remove(oldest);
        }
    }
}

/// <summary>Up to 256 leaves and the full nodes above them.</summary>
internal sealed class MerkleBlock
{
    private readonly List<byte[]>[] _levels = [.. Enumerable.Range(0, 9).Select(level => new List<byte[]>(MerkleTree.BlockSize >> level))];

    internal int Count => _levels[0].Count;

    internal byte[] At(int level, int position) => _levels[level][position];

    internal void Append(byte[] leafHash)
    {
        _levels[0].Add(leafHash);
        for (var level = 0; level < 8 && _levels[level].Count % 2 == 0; level++)
            _levels[level + 1].Add(MerkleHash.OfNode(_levels[level][^2], _levels[level][^1]));
    }
}
