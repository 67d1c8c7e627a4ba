using System.Security.Cryptography;
using IoTFleet.Pki;
using Microsoft.EntityFrameworkCore;

namespace IoTFleet.Fleet.IssuanceLog;

/// <summary>The append-only log of what the fleet's authorities have issued.</summary>
public sealed class IssuedLog(TimeProvider clock)
{
    private static readonly Func<FleetDbContext, CancellationToken, Task<long?>> ReadLast =
        EF.CompileAsyncQuery((FleetDbContext db, CancellationToken ct) => db.LogLeaves.Max(l => (long?)l.Index));

    /// <summary>In a unit of the <see cref="FleetWriter"/>, whose one thread is what leaves no gap between the indices.</summary>
    internal async Task<long> AppendAsync(FleetDbContext db, IssuedLeaf leaf, CancellationToken ct)
    {
        var shared = db.Shared ?? throw new InvalidOperationException("The log is appended to by the writer's units only.");
        var index = shared.LogSize ?? (await ReadLast(db, ct) ?? -1) + 1;
        db.LogLeaves.Add(new LogLeaf { Index = index, Hash = HashOf(leaf.Der.Span), Serial = leaf.SerialHex, At = clock.GetUtcNow() });
        shared.LogSize = index + 1;
        return index;
    }

    /// <summary>RFC 9162 2.1.1: a zero before a leaf, so that none can be mistaken for a node.</summary>
    internal static byte[] HashOf(ReadOnlySpan<byte> certificate)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        sha.AppendData([0x00]);
        sha.AppendData(certificate);
        sha.GetHashAndReset(hash);
        return hash.ToArray();
    }
}
