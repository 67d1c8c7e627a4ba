using System.Buffers.Binary;
using IoTFleet.Fleet.Certificates;

namespace IoTFleet.Fleet.Tests.Certificates;

public sealed class KeySetTests
{
    /// <summary>From the reference implementation's vectors for 128 bits: key 00..0f, data 00, 01, ...</summary>
    [Theory]
    [InlineData(0, "A3817F04BA25A8E66DF67214C7550293")]
    [InlineData(1, "DA87C1D86B99AF44347659119B22FC45")]
    [InlineData(8, "3B62A9BA6258F5610F83E264F31497B4")]
    public void Hash_is_SipHash(int length, string expected)
    {
        var data = Enumerable.Range(0, length).Select(number => (byte)number).ToArray();
        var hash = new SipHash(0x0706050403020100, 0x0f0e0d0c0b0a0908).Of(data);
        var bytes = new byte[16];
        BinaryPrimitives.WriteUInt128LittleEndian(bytes, hash);
        Assert.Equal(expected, Convert.ToHexString(bytes));
    }

    [Fact]
    public void Two_texts_hash_as_their_join_whatever_their_length()
    {
        var hash = SipHash.WithNewKey();
        Assert.Equal(hash.Of("ab/cd"), hash.Of("ab", "cd"));
        Assert.Equal(hash.Of(new string('a', 200) + "/" + new string('b', 200)), hash.Of(new string('a', 200), new string('b', 200)));
        Assert.NotEqual(hash.Of("ab", "cd"), hash.Of("abc", "d"));
    }

    /// <summary>Past the number of changes at which a new table is made, in both directions.</summary>
    [Theory]
    [InlineData(10)]
    [InlineData(9_000)]
    [InlineData(40_000)]
    public void Set_holds_what_was_added_and_not_what_was_removed(int count)
    {
        var hash = SipHash.WithNewKey();
        var keys = Enumerable.Range(0, count).Select(number => hash.Of($"{number}")).ToArray();
        var full = Filled(KeySet.Empty, keys);
        var builder = full.ToBuilder();
        foreach (var key in keys[..(count / 2)]) builder.Remove(key);
        var half = builder.ToSet();

        Assert.Equal((count, count - (count / 2)), (full.Count, half.Count));
        Assert.All(keys, key => Assert.True(full.Contains(key))); // The first is not changed by what was made of it.
        Assert.Equal(keys[(count / 2)..], keys.Where(half.Contains));
        Assert.Equal(keys, keys.Where(Filled(half, keys).Contains));
        Assert.False(full.Contains(hash.Of("other")));
    }

    [Fact]
    public void Adding_or_removing_twice_counts_once()
    {
        var set = Filled(KeySet.Empty, [1, 2, 1]);
        var builder = set.ToBuilder();
        builder.Remove(1);
        builder.Remove(1);
        Assert.Equal((2, 1), (set.Count, builder.ToSet().Count));
    }

    [Fact]
    public void A_million_takes_less_than_64_megabytes()
    {
        var hash = SipHash.WithNewKey();
        var set = Filled(KeySet.Empty, Enumerable.Range(0, 1_000_000).Select(number => hash.Of($"{number}")));
        Assert.Equal(1_000_000, set.Count);
        Assert.InRange(set.Bytes, 16_000_000, 64 * 1024 * 1024);
    }

    private static KeySet Filled(KeySet from, IEnumerable<UInt128> keys)
    {
        var builder = from.ToBuilder();
        foreach (var key in keys) builder.Add(key);
        return builder.ToSet();
    }
}
