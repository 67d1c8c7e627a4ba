using IoTFleet.Pki.Transparency;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace IoTFleet.Fleet.IssuanceLog;

/// <summary>That a certificate is in the log, for whoever has the log's public key.</summary>
/// <param name="Index">Its place.</param>
/// <param name="TreeSize">Of the tree that the checkpoint signs.</param>
/// <param name="Proof">The hashes beside the path from the leaf to the root. RFC 9162 2.1.3</param>
/// <param name="Checkpoint">The signed tree head (c2sp.org/tlog-checkpoint).</param>
public sealed record LogProof(long Index, long TreeSize, IReadOnlyList<byte[]> Proof, string Checkpoint);

/// <summary>That one tree is the beginning of another.</summary>
public sealed record LogConsistency(long First, long Second, IReadOnlyList<byte[]> Proof, string Checkpoint);

/// <summary>The log's rows are not those it has signed for; it signs nothing more.</summary>
public sealed class LogDamagedException(string message) : Exception(message);

/// <summary>
/// The append-only log of what the fleet's authorities have issued: a Merkle tree over the certificates. A certificate and its leaf are committed
/// together, or neither is. The tree in memory follows the table: whoever asks for a head or a proof first takes in what was committed since.
/// </summary>
public sealed class IssuedLog(IDbContextFactory<FleetDbContext> databases, FleetWriter writer, LogKey key, TimeProvider clock, ILogger<IssuedLog> log) : IDisposable
{
    /// <summary>How often the newest checkpoint is stored: what must still be there after a restart. Each that was handed out is kept by whoever has it.</summary>
    private static readonly TimeSpan StoreEvery = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan KeepStored = TimeSpan.FromDays(7);

    private static readonly CompiledFor<Func<FleetDbContext, CancellationToken, Task<long?>>> ReadLast =
        new(() => EF.CompileAsyncQuery((FleetDbContext db, CancellationToken ct) => db.LogLeaves.Max(l => (long?)l.Index)));

    private static readonly CompiledFor<Func<FleetDbContext, long, IAsyncEnumerable<Leaf>>> ReadSince =
        new(() => EF.CompileAsyncQuery((FleetDbContext db, long from) => db.LogLeaves.Where(l => l.Index >= from).OrderBy(l => l.Index).Select(l => new Leaf(l.Index, l.Hash))));

    private static readonly CompiledFor<Func<FleetDbContext, long, long, IAsyncEnumerable<byte[]>>> ReadBlock =
        new(() => EF.CompileAsyncQuery((FleetDbContext db, long from, long to) => db.LogLeaves.Where(l => l.Index >= from && l.Index < to).OrderBy(l => l.Index).Select(l => l.Hash)));

    private static readonly CompiledFor<Func<FleetDbContext, byte[], CancellationToken, Task<long?>>> ReadIndex =
        new(() => EF.CompileAsyncQuery((FleetDbContext db, byte[] hash, CancellationToken ct) => db.LogLeaves.Where(l => l.Hash == hash).Select(l => (long?)l.Index).SingleOrDefault()));

    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly MerkleTree _tree = new();
    private Checkpoint? _head;
    private string _note = "";
    private DateTimeOffset _stored = DateTimeOffset.MinValue;
    private LogDamagedException? _damage;

    public NoteVerifier Verifier => key.Verifier;

    /// <summary>In a unit of the <see cref="FleetWriter"/>, whose one thread is what leaves no gap between the indices.</summary>
    internal async Task<long> AppendAsync(FleetDbContext db, ReadOnlyMemory<byte> certificate, string serial, CancellationToken ct)
    {
        var shared = db.Shared ?? throw new InvalidOperationException("The log is appended to by the writer's units only.");
        var index = shared.LogSize ?? (await ReadLast.In(db)(db, ct) ?? -1) + 1;
        await shared.Statements.InsertAsync(new LogLeaf { Index = index, Hash = MerkleHash.OfLeaf(certificate.Span), Serial = serial, At = clock.GetUtcNow() }, ct);
        shared.LogSize = index + 1;
        return index;
    }

    /// <summary>The signed head of what is committed now.</summary>
    /// <exception cref="LogDamagedException">The table was tampered with.</exception>
    public Task<string> CheckpointAsync(CancellationToken ct) => InTurnAsync(0, (_, _) => Task.FromResult(_note), ct);

    /// <summary>Of a committed certificate.</summary>
    /// <returns>Null when it is not in the log.</returns>
    /// <exception cref="LogDamagedException">The table was tampered with.</exception>
    public Task<LogProof?> ProofAtAsync(long index, CancellationToken ct) => InTurnAsync(index + 1, async (db, inner) =>
    {
        if (index < 0 || index >= _head!.Size) return null;
        await BringAsync(db, [index, _head.Size], inner);
        return new LogProof(index, _head.Size, _tree.InclusionProof(index, _head.Size), _note);
    }, ct);

    /// <summary>Whatever it is for: the fleet's records are asked for the certificate with this serial.</summary>
    /// <exception cref="LogDamagedException">The table was tampered with.</exception>
    public async Task<LogProof?> ProofForAsync(string serial, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        if (await IssuedRecords.FindAsync(db, serial, ct) is not { } certificate) return null;
        return await ReadIndex.In(db)(db, MerkleHash.OfLeaf(certificate), ct) is { } index ? await ProofAtAsync(index, ct) : null;
    }

    /// <returns>Null when a size is none that the log has had.</returns>
    /// <exception cref="LogDamagedException">The table was tampered with.</exception>
    public Task<LogConsistency?> ConsistencyAsync(long first, long? second, CancellationToken ct) => InTurnAsync(second ?? 0, async (db, inner) =>
    {
        var to = second ?? _head!.Size;
        if (first < 0 || first > to || to > _head!.Size) return null;
        await BringAsync(db, [first, to], inner);
        return new LogConsistency(first, to, _tree.ConsistencyProof(first, to), _note);
    }, ct);

    public void Dispose() => _turn.Dispose();

    /// <param name="size">The head need not be newer than a tree of this size; 0 for the newest.</param>
    /// <param name="answer">Runs when head and tree are of one size.</param>
    /// <param name="ct">Ends with the request.</param>
    private async Task<T> InTurnAsync<T>(long size, Func<FleetDbContext, CancellationToken, Task<T>> answer, CancellationToken ct)
    {
        LogCheckpoint? due = null;
        T result;
        await _turn.WaitAsync(ct);
        try
        {
            if (_damage is { } damage) throw damage;
            await using var db = await databases.CreateDbContextAsync(ct);
            if (size == 0 || _head is null || _head.Size < size) due = await TakeInAsync(db, ct);
            result = await answer(db, ct);
        }
        finally
        {
            _turn.Release();
        }
        if (due is not null) await StoreAsync(due);
        return result;
    }

    private async Task<LogCheckpoint?> TakeInAsync(FleetDbContext db, CancellationToken ct)
    {
        try
        {
            var stored = _head is null ? await db.LogCheckpoints.AsNoTracking().OrderBy(c => c.Size).LastOrDefaultAsync(ct) : null;
            await foreach (var leaf in ReadSince.In(db)(db, _tree.Size).WithCancellation(ct))
            {
                if (leaf.Index != _tree.Size) throw new LogDamagedException($"The log has no leaf {_tree.Size}, but a leaf {leaf.Index}.");
                _tree.Append(leaf.Hash);
            }
            if (stored is not null) Compare(stored);
        }
        catch (LogDamagedException damage)
        {
            _damage = damage;
            FleetLog.LogDamaged(log, damage.Message);
            throw;
        }
        if (_head is null || _head.Size < _tree.Size) Sign();
        return clock.GetUtcNow() - _stored < StoreEvery ? null : Due();
    }

    /// <summary>A log never signs what it has denied before. c2sp.org/tlog-checkpoint</summary>
    private void Compare(LogCheckpoint stored)
    {
        if (stored.Size > _tree.Size) throw new LogDamagedException($"The log has {_tree.Size} leaves, but has signed for {stored.Size}.");
        if (!_tree.Root(stored.Size).AsSpan().SequenceEqual(stored.RootHash)) throw new LogDamagedException($"The log's first {stored.Size} leaves are not those it has signed for.");
    }

    private void Sign()
    {
        _head = new Checkpoint(key.Verifier.Name, _tree.Size, _tree.Root(_tree.Size));
        _note = key.Sign(_head.Text);
    }

    private LogCheckpoint Due()
    {
        _stored = clock.GetUtcNow();
        return new LogCheckpoint { Size = _head!.Size, RootHash = _head.Root, Note = _note, At = _stored };
    }

    private Task<int> StoreAsync(LogCheckpoint checkpoint) => writer.RunAsync(async (db, ct) =>
    {
        if (!await db.LogCheckpoints.AnyAsync(c => c.Size == checkpoint.Size, ct)) db.LogCheckpoints.Add(checkpoint);
        var oldest = checkpoint.At - KeepStored; // Each newer one says all that an older one said.
        await db.LogCheckpoints.Where(c => c.At < oldest && c.Size < checkpoint.Size).ExecuteDeleteAsync(ct);
        return 0;
    }, CancellationToken.None);

    private async Task BringAsync(FleetDbContext db, long[] positions, CancellationToken ct)
    {
        foreach (var block in _tree.Missing(positions).ToList())
        {
            var from = block * MerkleTree.BlockSize;
            try
            {
                _tree.Load(block, await ReadBlock.In(db)(db, from, from + MerkleTree.BlockSize).ToListAsync(ct));
            }
            catch (InvalidDataException changed)
            {
                FleetLog.LogDamaged(log, changed.Message);
                throw _damage = new LogDamagedException(changed.Message);
            }
        }
    }

    private sealed record Leaf(long Index, byte[] Hash);
}
