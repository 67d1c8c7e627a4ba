using System.Buffers;
using System.Buffers.Binary;
using System.Numerics;
using System.Security.Cryptography;

namespace IoTFleet.Fleet.Telemetry.Formats;

/// <summary>
/// The names of one reading, as hashes of 64 bits under a key of this process: two different names are taken for one once in 10^12
/// readings of the largest size, and nobody can choose names that fall on each other.
/// </summary>
internal ref struct NameSet(Span<ulong> slots)
{
    public const int InitialSlots = 64;

    private const ulong Odd = 0x9E3779B97F4A7C15;
    private static readonly ulong Key = BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(sizeof(ulong)));

    private Span<ulong> _slots = slots;
    private ulong[]? _rented;

    public int Count { get; private set; }

    public void Clear()
    {
        if (Count > 0) _slots.Clear();
        Count = 0;
    }

    /// <returns>False when it was there before.</returns>
    public bool Add(scoped ReadOnlySpan<byte> name)
    {
        if (2 * Count >= _slots.Length) Grow();
        if (!Place(Math.Max(1, Hash(name)))) return false; // 0 is an empty slot
        Count++;
        return true;
    }

    public void Dispose()
    {
        if (_rented is not null) ArrayPool<ulong>.Shared.Return(_rented);
        _rented = null;
    }

    private readonly bool Place(ulong hash)
    {
        var mask = _slots.Length - 1;
        for (var i = (int)hash & mask; ; i = (i + 1) & mask)
        {
            if (_slots[i] == hash) return false;
            if (_slots[i] != 0) continue;
            _slots[i] = hash;
            return true;
        }
    }

    private void Grow()
    {
        var (old, oldRented) = (_slots.ToArray(), _rented);
        _rented = ArrayPool<ulong>.Shared.Rent(4 * old.Length);
        _slots = _rented.AsSpan(0, 4 * old.Length);
        _slots.Clear();
        foreach (var hash in old)
        {
            if (hash != 0) Place(hash);
        }

        if (oldRented is not null) ArrayPool<ulong>.Shared.Return(oldRented);
    }

    /// <summary>Each step is reversible, so that two names of at most eight bytes never have the same.</summary>
    private static ulong Hash(ReadOnlySpan<byte> name)
    {
        var hash = Key ^ ((ulong)name.Length * Odd);
        for (; name.Length >= sizeof(ulong); name = name[sizeof(ulong)..]) hash = Mix(hash ^ BinaryPrimitives.ReadUInt64LittleEndian(name));
        ulong tail = 0;
        foreach (var value in name) tail = (tail << 8) | value;
        return Mix(hash ^ tail);
    }

    private static ulong Mix(ulong value)
    {
        value *= Odd;
        value ^= value >> 32;
        return BitOperations.RotateLeft(value * Odd, 29);
    }
}
