using System.Security.Cryptography;
using IoTFleet.Pki.Transparency;

namespace IoTFleet.Pki.Tests.Transparency;

/// <summary>The tree against the vectors that Certificate Transparency's implementations share, and against itself.</summary>
public sealed class MerkleTreeTests
{
    private static readonly string[] Leaves = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];

    [Theory]
    [InlineData(0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
    [InlineData(1, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d")]
    [InlineData(2, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125")]
    [InlineData(3, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77")]
    [InlineData(4, "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7")]
    [InlineData(5, "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4")]
    [InlineData(6, "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef")]
    [InlineData(7, "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c")]
    [InlineData(8, "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328")]
    public void Roots_are_those_of_the_shared_vectors(int size, string root) =>
        Assert.Equal(root, Convert.ToHexStringLower(Vectors().Root(size)));

    [Theory]
    [InlineData(0, 8, "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7", "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e", "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4")]
    [InlineData(5, 8, "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b", "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7")]
    [InlineData(2, 3, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125")]
    [InlineData(1, 5, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d", "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e", "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b")]
    public void Inclusion_proofs_are_those_of_the_shared_vectors(int index, int size, params string[] proof) =>
        Assert.Equal(proof, Vectors().InclusionProof(index, size).Select(Convert.ToHexStringLower));

    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, 8, "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7", "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e", "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4")]
    [InlineData(6, 8, "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a", "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7")]
    [InlineData(2, 5, "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e", "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b")]
    [InlineData(6, 7, "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a", "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7")]
    public void Consistency_proofs_are_those_of_the_shared_vectors(int first, int second, params string[] proof) =>
        Assert.Equal(proof, Vectors().ConsistencyProof(first, second).Select(Convert.ToHexStringLower));

    [Fact]
    public void Every_leaf_of_every_small_tree_is_proved_included_and_no_other()
    {
        var tree = Random(70, out var leaves);
        for (var size = 1; size <= 70; size++)
        {
            var root = tree.Root(size);
            for (var index = 0; index < size; index++)
            {
                var proof = tree.InclusionProof(index, size);
                Assert.True(MerkleProof.IsIncluded(leaves[index], index, size, proof, root));
                Assert.False(MerkleProof.IsIncluded(leaves[(index + 1) % 70], index, size, proof, root));
                Assert.False(MerkleProof.IsIncluded(leaves[index], index + 1, size, proof, root));
                Assert.False(MerkleProof.IsIncluded(leaves[index], index, size, [.. proof, root], root));
            }
        }
    }

    [Fact]
    public void Every_small_tree_is_proved_consistent_with_every_later_one_and_with_no_other()
    {
        var tree = Random(70, out _);
        for (var first = 1; first <= 70; first++)
        {
            for (var second = first; second <= 70; second++)
            {
                var proof = tree.ConsistencyProof(first, second);
                var (older, newer) = (tree.Root(first), tree.Root(second));
                Assert.True(MerkleProof.IsConsistent(first, second, older, newer, proof));
                Assert.False(MerkleProof.IsConsistent(first, second, MerkleHash.OfLeaf(older), newer, proof));
                Assert.False(MerkleProof.IsConsistent(first, second, older, MerkleHash.OfLeaf(newer), proof));
                Assert.False(MerkleProof.IsConsistent(first, second, older, newer, [.. proof, newer]));
            }
        }
    }

    [Fact]
    public void A_flipped_bit_anywhere_in_a_proof_breaks_it()
    {
        var tree = Random(1000, out var leaves);
        var (proof, consistency) = (tree.InclusionProof(333, 1000), tree.ConsistencyProof(333, 1000));
        for (var i = 0; i < proof.Count; i++)
        {
            proof[i][7] ^= 16;
            Assert.False(MerkleProof.IsIncluded(leaves[333], 333, 1000, proof, tree.Root(1000)));
            proof[i][7] ^= 16;
        }
        for (var i = 0; i < consistency.Count; i++)
        {
            consistency[i][7] ^= 16;
            Assert.False(MerkleProof.IsConsistent(333, 1000, tree.Root(333), tree.Root(1000), consistency));
            consistency[i][7] ^= 16;
        }
    }

    [Theory]
    [InlineData(0, 10_000)]
    [InlineData(300, 9_999)]
    [InlineData(4_095, 8_192)]
    [InlineData(4_096, 8_193)]
    [InlineData(9_999, 10_000)]
    public void Blocks_that_are_no_longer_here_are_brought_for_a_proof(int index, int size)
    {
        var tree = Random(10_000, out var leaves);
        foreach (var block in tree.Missing(index, size).ToList()) tree.Load(block, leaves.Skip((int)block * MerkleTree.BlockSize).Take(MerkleTree.BlockSize));

        Assert.True(MerkleProof.IsIncluded(leaves[index], index, size, tree.InclusionProof(index, size), tree.Root(size)));
        if (index > 0) Assert.True(MerkleProof.IsConsistent(index, size, tree.Root(index), tree.Root(size), tree.ConsistencyProof(index, size)));
    }

    [Fact]
    public void A_block_brought_with_another_leaf_is_noticed()
    {
        var tree = Random(10_000, out var leaves);
        var block = tree.Missing(5).First();
        leaves[77] = leaves[78];

        Assert.Throws<InvalidDataException>(() => tree.Load(block, leaves.Take(MerkleTree.BlockSize)));
    }

    private static MerkleTree Vectors()
    {
        var tree = new MerkleTree();
        foreach (var leaf in Leaves) tree.Append(MerkleHash.OfLeaf(Convert.FromHexString(leaf)));
        return tree;
    }

    private static MerkleTree Random(int size, out byte[][] leaves)
    {
        leaves = [.. Enumerable.Range(0, size).Select(_ => RandomNumberGenerator.GetBytes(MerkleHash.Length))];
        var tree = new MerkleTree();
        foreach (var leaf in leaves) tree.Append(leaf);
        return tree;
    }
}
